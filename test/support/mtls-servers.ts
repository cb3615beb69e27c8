import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer as createTlsServer } from 'node:tls';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { freePort, listening } from './ports.ts';
import { findTool } from './tools.ts';

/** Whether a server wants a client certificate. */
export const modes = ['required', 'optional', 'not asked'] as const;
export type Mode = (typeof modes)[number];

/** Files of a server, in one folder: server.pem (chain), server-key.pem, ca.pem, crl.pem (of every CA). */
export interface Setting {
  folder: string;
  mode: Mode;
}

export interface Running {
  port: number;
  stop: () => Promise<void>;
}

export type Start = (setting: Setting) => Promise<Running>;

/** Starts a program and waits until it listens. */
export async function start(
  program: string,
  argv: readonly string[],
  cwd: string,
  port: number,
  input: 'ignore' | 'pipe' = 'ignore',
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const child = spawn(findTool(program) ?? program, argv, {
    cwd,
    env: { ...process.env, ...env },
    stdio: [input, 'ignore', 'ignore'],
  });
  await listening(port);
  return { port, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

export const nginx: Start = async ({ folder, mode }) => {
  const port = await freePort();
  const verify = { required: 'on', optional: 'optional', 'not asked': 'off' }[mode];
  const config = `
daemon off; pid nginx.pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate ${folder}/server.pem; ssl_certificate_key ${folder}/server-key.pem;
    ssl_client_certificate ${folder}/ca.pem; ssl_crl ${folder}/crl.pem;
    ssl_verify_client ${verify}; ssl_verify_depth 2;
    location / { return 200 "ok"; }
  }
}`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  return start('nginx', ['-p', folder, '-c', 'nginx.conf'], folder, port);
};

export const haproxy: Start = async ({ folder, mode }) => {
  const port = await freePort();
  const both = ['server.pem', 'server-key.pem'].map((name) => readFileSync(join(folder, name), 'utf8'));
  writeFileSync(join(folder, 'both.pem'), both.join(''), { mode: 0o600 });
  const verify = { required: 'required', optional: 'optional', 'not asked': 'none' }[mode];
  const config = `
global
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout client 20s
  timeout connect 20s
  timeout server 20s
frontend one
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem ca-file ${folder}/ca.pem crl-file ${folder}/crl.pem verify ${verify}
  http-request return status 200 content-type text/plain string ok
`;
  writeFileSync(join(folder, 'haproxy.cfg'), config);
  return start('haproxy', ['-db', '-f', 'haproxy.cfg'], folder, port);
};

export const opensslServer: Start = async ({ folder, mode }) => {
  const port = await freePort();
  const argv = [
    's_server',
    '-accept',
    `127.0.0.1:${port}`,
    '-cert',
    'server.pem',
    '-cert_chain',
    'server.pem',
  ];
  argv.push('-key', 'server-key.pem', '-CAfile', 'ca.pem', '-CRL', 'crl.pem', '-crl_check', '-www');
  const ask = mode === 'required' ? '-Verify' : '-verify';
  if (mode !== 'not asked') argv.push(ask, '5', '-verify_return_error');
  return start('openssl', argv, folder, port);
};

export const gnutlsServer: Start = async ({ folder, mode }) => {
  const port = await freePort();
  const argv = [
    '--port',
    String(port),
    '--http',
    '--x509certfile',
    'server.pem',
    '--x509keyfile',
    'server-key.pem',
  ];
  argv.push('--x509cafile', 'ca.pem', '--x509crlfile', 'crl.pem');
  if (mode === 'not asked') argv.push('--disable-client-cert');
  if (mode === 'required') argv.push('--require-client-cert');
  if (mode !== 'not asked') argv.push('--verify-client-cert');
  return start('gnutls-serv', argv, folder, port, 'pipe');
};

/** stunnel hands on what it decrypts: to a server that answers 200. */
export const stunnel: Start = async ({ folder, mode }) => {
  const backend = createServer((_request, response) => response.end('ok'));
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const { port: inner } = backend.address() as AddressInfo;
  const port = await freePort();
  const verify = {
    required: 'verifyChain = yes',
    optional: 'verifyChain = yes\nrequireCert = no',
    'not asked': '',
  }[mode];
  const config = `
foreground = yes
pid =
[one]
accept = 127.0.0.1:${port}
connect = 127.0.0.1:${inner}
cert = ${folder}/server.pem
key = ${folder}/server-key.pem
CAfile = ${folder}/ca.pem
CRLfile = ${folder}/crl.pem
${verify}
`;
  writeFileSync(join(folder, 'stunnel.conf'), config);
  const running = await start('stunnel', ['stunnel.conf'], folder, port);
  return {
    port,
    stop: async () => {
      await running.stop();
      backend.closeAllConnections();
      backend.close();
    },
  };
};

export const nodeServer: Start = async ({ folder, mode }) => {
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const server = createTlsServer(
    {
      cert: read('server.pem'),
      key: read('server-key.pem'),
      ca: read('ca.pem'),
      // One string would be read to its first CRL only.
      crl: read('crl.pem').split(/(?=-----BEGIN)/),
      requestCert: mode !== 'not asked',
      rejectUnauthorized: mode === 'required',
    },
    (socket) => {
      socket.on('error', () => undefined);
      const shown = Object.keys(socket.getPeerCertificate()).length > 0;
      if (mode === 'optional' && shown && !socket.authorized) socket.destroy();
      else socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, stop: async () => void server.close() };
};

/** Whether a server answers a client that shows the pair in a folder of a store. */
export function answers(port: number, ca: string, pair: string): Promise<boolean> {
  const read = (file: string): Buffer => readFileSync(join(pair, file));
  return new Promise((done) => {
    const socket = connect(
      {
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: readFileSync(ca),
        cert: read('fullchain.pem'),
        key: read('key.pem'),
      },
      () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    );
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      done(text.startsWith('HTTP/1.1 200') || text.startsWith('HTTP/1.0 200'));
    });
  });
}
