import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start, type Running } from './mtls-servers.ts';
import { freePort } from './ports.ts';

/** What is wrong with a server; it has one fault, or none. */
export const faults = [
  'none',
  'asks but does not require',
  'any CA',
  'expiry ignored',
  'usage ignored',
  'CRL ignored',
  'no intermediate',
  'wrong name',
  'expired',
  'TLS 1.0',
  'weak key',
  'weak clients',
] as const;
export type Fault = (typeof faults)[number];

/** Files of a server, in one folder: PAIR.pem and PAIR-key.pem of each pair, ca.pem, crl.pem (of every CA). */
const pairs: Partial<Record<Fault, string>> = {
  'no intermediate': 'bare',
  'wrong name': 'named',
  expired: 'expired',
  'weak key': 'weak',
};

const pairOf = (fault: Fault): string => pairs[fault] ?? 'server';

/** OpenSSL as it was set up when nobody minded: whatever is old or short will do. */
function laxly(folder: string, fault: Fault): Record<string, string> {
  if (!['TLS 1.0', 'weak key', 'weak clients'].includes(fault)) return {};
  const file = join(folder, 'lax.cnf');
  const text = `openssl_conf = a
[a]
ssl_conf = b
[b]
system_default = c
[c]
MinProtocol = TLSv1
CipherString = DEFAULT:@SECLEVEL=0
`;
  writeFileSync(file, text);
  return { OPENSSL_CONF: file };
}

export type StartFaulty = (folder: string, fault: Fault) => Promise<Running>;

export interface FaultyKind {
  start: StartFaulty;
  tool: string;
  /** What it cannot be made to do, and what it always does. */
  cannot: readonly Fault[];
}

const nginx: StartFaulty = async (folder, fault) => {
  const port = await freePort();
  const verify =
    { 'asks but does not require': 'optional', 'any CA': 'optional_no_ca' }[fault as string] ?? 'on';
  const config = `
daemon off; pid nginx.pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_protocols ${fault === 'TLS 1.0' ? 'TLSv1 ' : ''}TLSv1.2 TLSv1.3;
    ${fault === 'TLS 1.0' || fault === 'weak clients' ? 'ssl_ciphers DEFAULT:@SECLEVEL=0;' : ''}
    ssl_certificate ${folder}/${pairOf(fault)}.pem; ssl_certificate_key ${folder}/${pairOf(fault)}-key.pem;
    ssl_client_certificate ${folder}/ca.pem; ${fault === 'CRL ignored' || fault === 'any CA' ? '' : `ssl_crl ${folder}/crl.pem;`}
    ssl_verify_client ${verify}; ssl_verify_depth 2;
    location / { return 200 "ok"; }
  }
}`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  return start('nginx', ['-p', folder, '-c', 'nginx.conf'], folder, port, 'ignore', laxly(folder, fault));
};

const haproxy: StartFaulty = async (folder, fault) => {
  const port = await freePort();
  const both = ['.pem', '-key.pem'].map((end) => readFileSync(join(folder, pairOf(fault) + end), 'utf8'));
  writeFileSync(join(folder, 'both.pem'), both.join(''), { mode: 0o600 });
  const ignored: Partial<Record<Fault, string>> = {
    'any CA': 'ca-ignore-err all crt-ignore-err all',
    // X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_INVALID_PURPOSE
    'expiry ignored': 'crt-ignore-err 10',
    'usage ignored': 'crt-ignore-err 26',
  };
  const lax = Object.keys(laxly(folder, fault)).length > 0 ? 'ciphers DEFAULT:@SECLEVEL=0' : '';
  const config = `
global
  ssl-default-bind-options ssl-min-ver ${fault === 'TLS 1.0' ? 'TLSv1.0' : 'TLSv1.2'}
defaults
  mode http
  timeout client 20s
  timeout connect 20s
  timeout server 20s
frontend one
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem ca-file ${folder}/ca.pem ${fault === 'CRL ignored' ? '' : `crl-file ${folder}/crl.pem`} verify ${fault === 'asks but does not require' ? 'optional' : 'required'} ${lax} ${ignored[fault] ?? ''}
  http-request return status 200 content-type text/plain string ok
`;
  writeFileSync(join(folder, 'haproxy.cfg'), config);
  return start('haproxy', ['-db', '-f', 'haproxy.cfg'], folder, port, 'ignore', laxly(folder, fault));
};

const opensslServer: StartFaulty = async (folder, fault) => {
  const port = await freePort();
  const pair = pairOf(fault);
  const argv = ['s_server', '-accept', `127.0.0.1:${port}`, '-www', '-CAfile', 'ca.pem'];
  argv.push('-cert', `${pair}.pem`, '-cert_chain', `${pair}.pem`, '-key', `${pair}-key.pem`);
  // Otherwise it would complete the chain that it sends.
  argv.push('-no-CAstore', '-no-CApath');
  if (fault !== 'CRL ignored') argv.push('-CRL', 'crl.pem', '-crl_check');
  argv.push(fault === 'asks but does not require' ? '-verify' : '-Verify', '5');
  if (fault !== 'any CA') argv.push('-verify_return_error');
  if (fault === 'expiry ignored') argv.push('-no_check_time');
  if (fault === 'usage ignored') argv.push('-purpose', 'any');
  if (fault === 'TLS 1.0' || fault === 'weak clients') argv.push('-cipher', 'DEFAULT:@SECLEVEL=0');
  return start('openssl', argv, folder, port, 'ignore', laxly(folder, fault));
};

const gnutlsServer: StartFaulty = async (folder, fault) => {
  const port = await freePort();
  const pair = pairOf(fault);
  const argv = ['--port', String(port), '--http', '--x509cafile', 'ca.pem'];
  argv.push('--x509certfile', `${pair}.pem`, '--x509keyfile', `${pair}-key.pem`);
  if (fault !== 'CRL ignored') argv.push('--x509crlfile', 'crl.pem');
  if (fault !== 'asks but does not require') argv.push('--require-client-cert');
  if (fault !== 'any CA') argv.push('--verify-client-cert');
  const versions = fault === 'TLS 1.0' ? '+VERS-TLS1.0:+VERS-TLS1.1' : '-VERS-TLS1.0:-VERS-TLS1.1';
  const isWeak = fault === 'weak clients' || fault === 'weak key';
  // By default it takes RSA 1024.
  const level = isWeak ? '%PROFILE_VERY_WEAK:%VERIFY_ALLOW_SIGN_WITH_SHA1' : '%PROFILE_MEDIUM';
  argv.push('--priority', `NORMAL:${versions}:${level}`);
  return start('gnutls-serv', argv, folder, port, 'pipe');
};

/** nginx looks at times and purposes whatever one says; gnutls-serv looks at times always, and at purposes never. */
export const faultyKinds: Readonly<Record<string, FaultyKind>> = {
  nginx: { start: nginx, tool: 'nginx', cannot: ['expiry ignored', 'usage ignored'] },
  haproxy: { start: haproxy, tool: 'haproxy', cannot: [] },
  'openssl s_server': { start: opensslServer, tool: 'openssl', cannot: [] },
  'gnutls-serv': { start: gnutlsServer, tool: 'gnutls-serv', cannot: ['expiry ignored'] },
};
