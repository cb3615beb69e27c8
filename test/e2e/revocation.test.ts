import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { execute, spawnProgram, temporaryFolderForSuite } from '../support/cli.ts';
import {
  answers,
  gnutlsServer,
  haproxy,
  nginx,
  nodeServer,
  opensslServer,
  type Running,
  type Start,
} from '../support/mtls-servers.ts';
import { describeWith } from '../support/tools.ts';

const folder = temporaryFolderForSuite();
const at = (...parts: string[]): string => join(folder(), ...parts);
const pair = (name: string): string => at('certs', name, 'current');
const trust = (file: string): string => at('certs/_trust/default/current', file);

interface Report {
  crl: { path: string };
  seen: { url: string } | null;
}

async function certwright(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await spawnProgram(argv, { cwd: folder() });
  expect({ argv, code, stderr: code === 0 ? '' : stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout;
}

const revoke = async (...argv: string[]): Promise<Report> =>
  JSON.parse(await certwright('revoke', ...argv, '--yes', '--json')) as Report;

const tools = ['openssl', 'certtool', 'nginx', 'haproxy', 'gnutls-serv'];

describeWith(tools, 'a client that is revoked', () => {
  let path = '';
  let running: Running | undefined;

  /** As an operator would restart or reload it with what the store has now. */
  async function serve(start: Start): Promise<number> {
    copyFileSync(trust('ca.pem'), at('ca.pem'));
    copyFileSync(trust('crl.pem'), at('crl.pem'));
    await running?.stop();
    running = await start({ folder: folder(), mode: 'required' });
    return running.port;
  }
  const isServed = (port: number, name: string): Promise<boolean> => answers(port, at('ca.pem'), pair(name));
  const servers: [string, Start][] = [
    ['nginx', nginx],
    ['haproxy', haproxy],
    ['openssl s_server', opensslServer],
    ['gnutls-serv', gnutlsServer],
    ['Node.js', nodeServer],
  ];

  beforeAll(async () => {
    await certwright('issue', 'localhost', '--usage', 'server', '--create-ca');
    for (const name of ['good.internal', 'bad.internal'])
      await certwright('issue', name, '--usage', 'client');
    copyFileSync(join(pair('localhost'), 'fullchain.pem'), at('server.pem'));
    copyFileSync(join(pair('localhost'), 'key.pem'), at('server-key.pem'));
    for (const [name, start] of servers) {
      const served = await isServed(await serve(start), 'bad.internal');
      expect({ name, served }).toEqual({ name, served: true });
    }
    ({ path } = (await revoke('bad.internal', '--reason', 'keyCompromise')).crl);
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });

  it.each(servers)(
    'is served by %s before, and refused with the CRL that revoke writes',
    async (_, start) => {
      const port = await serve(start);
      expect(await isServed(port, 'bad.internal')).toBe(false);
      expect(await isServed(port, 'good.internal')).toBe(true);
    },
  );

  it('is no longer served by nginx without the CRL of every CA, and nobody else is', async () => {
    const port = await serve(async (setting) => {
      // That of the issuing CA alone.
      copyFileSync(path, at('crl.pem'));
      return nginx(setting);
    });
    expect(await isServed(port, 'good.internal')).toBe(false);
  });

  it('is refused by openssl verify and certtool --verify, by the very file that is named', async () => {
    for (const [name, isGood] of [
      ['good.internal', true],
      ['bad.internal', false],
    ] as const) {
      const chain = join(pair(name), 'fullchain.pem');
      const openssl = ['verify', '-crl_check', '-CAfile', trust('ca.pem'), '-untrusted', chain];
      const checked = await execute('openssl', [...openssl, '-CRLfile', path, chain]);
      expect(checked.code === 0).toBe(isGood);
      if (!isGood) expect(checked.stderr).toContain('certificate revoked');
      const gnutls = ['--verify', '--load-ca-certificate', trust('ca.pem'), '--load-crl', path];
      const judged = await execute('certtool', [...gnutls, '--infile', chain]);
      expect(judged.code === 0).toBe(isGood);
      if (!isGood) expect(judged.stdout).toContain('revoked');
    }
  });
});

describeWith(['openssl'], 'openssl ocsp as the responder', () => {
  /** Who signs: files, and the flags by which openssl is told. */
  let signer: string[] = [];
  let status = 'V';
  let asked = 0;
  let extra: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      writeFileSync(at('request.der'), Buffer.concat(chunks));
      void respond().then((bytes) => response.end(bytes));
    });
  });
  let url = '';

  async function respond(): Promise<Buffer> {
    asked += 1;
    const { serialNumber } = new X509Certificate(readFileSync(join(pair('seen.internal'), 'cert.pem')));
    const revokedAt = status === 'R' ? '260101000000Z,keyCompromise' : '';
    writeFileSync(
      at('index.txt'),
      `${status}\t491231235959Z\t${revokedAt}\t${serialNumber}\tunknown\t/CN=x\n`,
    );
    const ca = join(at('checked/active'), 'cert.pem');
    const files = ['-index', 'index.txt', '-CA', ca, '-reqin', 'request.der', '-respout', 'response.der'];
    const ran = await execute('openssl', ['ocsp', ...files, ...signer, ...extra], { cwd: folder() });
    expect({ code: ran.code, stderr: ran.code === 0 ? '' : ran.stderr }).toEqual({ code: 0, stderr: '' });
    // The next who asks is told of it.
    status = 'R';
    return readFileSync(at('response.der'));
  }

  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await certwright('ca', 'init', '--ca', 'checked', '--ocsp-url', url);
    await certwright('issue', 'seen.internal', '--ca', 'checked');
    const ca = ['-CA', 'checked/active/cert.pem', '-CAkey', 'checked/active/key.pem'];
    writeFileSync(at('usage.cnf'), 'extendedKeyUsage=OCSPSigning\n');
    const newKey = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'delegate.key',
    ];
    for (const argv of [
      ['req', ...newKey, '-subj', '/CN=Responder', '-out', 'delegate.csr'],
      ['x509', '-req', '-in', 'delegate.csr', ...ca, '-extfile', 'usage.cnf', '-out', 'delegate.pem'],
    ]) {
      expect(await execute('openssl', argv, { cwd: folder() })).toMatchObject({ code: 0 });
    }
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  it.each([
    ['the CA', ['-rsigner', 'checked/active/cert.pem', '-rkey', 'checked/active/key.pem'], ['-nmin', '5']],
    ['a delegate of the CA', ['-rsigner', 'delegate.pem', '-rkey', 'delegate.key'], ['-nmin', '5']],
    [
      'the CA, by the hash of its key and without an end,',
      ['-rsigner', 'checked/active/cert.pem', '-rkey', 'checked/active/key.pem'],
      ['-resp_key_id'],
    ],
  ])('is asked by --wait until it says so, where %s signs', async (_, who, more) => {
    [signer, extra, status, asked] = [who, more, 'V', 0];
    const { seen } = await revoke('seen.internal', '--wait', '30s');
    expect(seen).toMatchObject({ url });
    expect(asked).toBe(2);
  });
});
