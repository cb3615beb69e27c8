import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { execute, spawnProgram, temporaryFolderForSuite } from '../support/cli.ts';
import {
  answers,
  gnutlsServer,
  haproxy,
  nginx,
  nodeServer,
  type Running,
  type Start,
} from '../support/mtls-servers.ts';
import { describeWith } from '../support/tools.ts';

const folder = temporaryFolderForSuite();
const at = (...parts: string[]): string => join(folder(), ...parts);
const bundle = (file: string): string => at('certs', '_trust', 'peers', 'current', file);

const certwright = async (...argv: string[]): Promise<void> => {
  const { code, stderr } = await spawnProgram(argv, { cwd: folder() });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
};

/** Two CAs, a client of each that is good, one that is revoked, and one bundle of both. */
async function setUp(): Promise<void> {
  await certwright('ca', 'init');
  await certwright('ca', 'init', '--ca', 'next');
  writeFileSync(
    at('certwright.yaml'),
    'authorities: { corp: ./ca, next: ./next }\ntrust: { peers: { authorities: [corp, next] } }\n',
  );
  await certwright('issue', 'localhost', '--ca', 'corp');
  for (const ca of ['corp', 'next']) {
    for (const name of ['good', 'bad'])
      await certwright('issue', `${name}.${ca}.internal`, '--ca', ca, '--usage', 'client');
    await certwright('revoke', `bad.${ca}.internal`, '--reason', 'keyCompromise', '--yes');
  }
  copyFileSync(at('certs', 'localhost', 'current', 'fullchain.pem'), at('server.pem'));
  copyFileSync(at('certs', 'localhost', 'current', 'key.pem'), at('server-key.pem'));
  await certwright('trust');
}

const clients = {
  'good.corp.internal': true,
  'bad.corp.internal': false,
  'good.next.internal': true,
  'bad.next.internal': false,
};

async function verdicts(port: number): Promise<Record<string, boolean>> {
  const found: Record<string, boolean> = {};
  for (const name of Object.keys(clients)) {
    found[name] = await answers(port, bundle('ca.pem'), at('certs', name, 'current'));
  }
  return found;
}

describeWith(
  ['openssl', 'certtool', 'nginx', 'haproxy', 'gnutls-serv'],
  'a bundle of two CAs with the CRL of every CA',
  () => {
    beforeAll(setUp);
    let running: Running | undefined;
    afterEach(async () => {
      await running?.stop();
      running = undefined;
    });

    const servers: [string, Start][] = [
      ['nginx', nginx],
      ['haproxy', haproxy],
      ['gnutls-serv', gnutlsServer],
      ['Node.js', nodeServer],
    ];
    const serve = async (start: Start, crl: string): Promise<Running> => {
      copyFileSync(bundle('ca.pem'), at('ca.pem'));
      writeFileSync(at('crl.pem'), crl);
      running = await start({ folder: folder(), mode: 'required' });
      return running;
    };

    it.each(servers)(
      'is honoured by %s: what is revoked is refused, what is not is served',
      async (_, start) => {
        const { port } = await serve(start, readFileSync(bundle('crl.pem'), 'utf8'));
        expect(await verdicts(port)).toEqual(clients);
      },
    );

    it('is wanted whole by nginx: without the CRL of one root nobody below it is served', async () => {
      const blocks = readFileSync(bundle('crl.pem'), 'utf8').split(/(?=-----BEGIN)/);
      const withoutRoot = [];
      for (const block of blocks) {
        writeFileSync(at('one.pem'), block);
        const { stdout } = await execute('openssl', ['crl', '-in', at('one.pem'), '-noout', '-issuer']);
        if (!stdout.includes('Root')) withoutRoot.push(block);
      }
      expect(withoutRoot).toHaveLength(2);
      const { port } = await serve(nginx, withoutRoot.join(''));
      expect(new Set(Object.values(await verdicts(port)))).toEqual(new Set([false]));
    });

    it.each(Object.entries(clients))('openssl and certtool judge %s: %s', async (name, good) => {
      const leaf = at('certs', name, 'current', 'cert.pem');
      const cas = at('certs', name, 'current', 'chain.pem');
      const checked = await execute('openssl', [
        'verify',
        '-crl_check_all',
        '-x509_strict',
        '-CAfile',
        bundle('ca.pem'),
        '-untrusted',
        cas,
        '-CRLfile',
        bundle('crl.pem'),
        leaf,
      ]);
      expect(checked.code === 0).toBe(good);
      if (!good) expect(checked.stderr).toContain('certificate revoked');
      const chain = ['--verify', '--load-ca-certificate', bundle('ca.pem'), '--load-crl', bundle('crl.pem')];
      const gnutls = await execute('certtool', [
        ...chain,
        '--infile',
        at('certs', name, 'current', 'fullchain.pem'),
      ]);
      expect(gnutls.code === 0).toBe(good);
    });
  },
);
