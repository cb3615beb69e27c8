import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { oid } from '../../src/pki/x509/oid.ts';
import { authority, issue, type Changes, type Entity } from '../support/chains.ts';
import { run, temporaryFolderForSuite } from '../support/cli.ts';
import { faults, faultyKinds, type Fault, type FaultyKind } from '../support/faulty-servers.ts';
import { pairOf, pemOf } from '../support/tls-server.ts';
import { describeWith } from '../support/tools.ts';

interface Check {
  probe: string;
  seen: string;
  ok: boolean;
  evidence: string;
  causes: { message: string; fix: string }[];
}

const day = 86_400_000;
const from = (start: number, end: number): Changes => ({
  notBefore: new Date(Date.now() + start * day),
  notAfter: new Date(Date.now() + end * day),
});
const valid = from(-2, 2);
const serverRoot = authority('Server Root CA', undefined, valid);
const serverCa = authority('Server CA', serverRoot, valid);

/** What is found, and in which words; what a kind of server does besides. */
const findings: Readonly<Record<Exclude<Fault, 'none'>, Readonly<Record<string, RegExp>>>> = {
  'asks but does not require': { 'no-certificate': /without a certificate is let in/ },
  'any CA': { stranger: /of an unknown CA is let in/, 'self-signed': /self-signed certificate.* is let in/ },
  'expiry ignored': { expired: /expired certificate is let in/ },
  'usage ignored': { 'wrong-usage': /for servers only is let in/ },
  'CRL ignored': { revoked: /revoked certificate is let in/ },
  'no intermediate': { chain: /issuing CA of localhost is/ },
  'wrong name': { name: /is not for localhost/ },
  expired: { chain: /^localhost expired 3 days ago/ },
  'TLS 1.0': { 'tls-1.0': /TLS 1\.0 is spoken/ },
  'weak key': { chain: /1024/ },
  'weak clients': { 'weak-key': /RSA 1024 is let in/, 'weak-signature': /SHA-1 is let in/ },
};

function writeServer(folder: string, name: string, leaf: Entity, ...others: Entity[]): void {
  const { cert, key } = pemOf(pairOf(leaf, ...others));
  writeFileSync(join(folder, `${name}.pem`), cert);
  writeFileSync(join(folder, `${name}-key.pem`), key, { mode: 0o600 });
}

async function writeFiles(folder: string): Promise<void> {
  const lent = { cwd: folder };
  expect((await run(['issue', 'client.internal', '--usage', 'client', '--create-ca'], lent)).code).toBe(0);
  copyFileSync(join(folder, 'certs/_trust/default/current/ca.pem'), join(folder, 'ca.pem'));
  copyFileSync(join(folder, 'certs/_trust/default/current/crl.pem'), join(folder, 'crl.pem'));
  writeFileSync(join(folder, 'server-root.pem'), pemOf(pairOf(serverRoot)).cert);
  const forServers = { ...valid, extendedKeyUsage: [oid.serverAuth] };
  const server = issue('localhost', serverCa, forServers);
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  writeServer(folder, 'server', server, serverCa);
  writeServer(folder, 'bare', server);
  writeServer(folder, 'named', issue('elsewhere', serverCa, forServers), serverCa);
  writeServer(folder, 'expired', issue('localhost', serverCa, { ...forServers, ...from(-9, -3) }), serverCa);
  writeServer(folder, 'weak', issue('localhost', serverCa, { ...forServers, key: short }), serverCa);
}

/** The first time nobody can have heard of the revocation: only then have servers a CRL that lists it. */
async function revokeOnce(folder: string, kind: FaultyKind): Promise<void> {
  const server = await kind.start(folder, 'CRL ignored');
  const { checks } = await probe(folder, server.port, ['revoked']);
  await server.stop();
  expect(checks.find(({ probe: one }) => one === 'revoked')?.evidence).toMatch(/it was revoked just now/);
  copyFileSync(join(folder, 'certs/_trust/default/current/crl.pem'), join(folder, 'crl.pem'));
}

async function probe(
  folder: string,
  port: number,
  only: readonly string[],
): Promise<{ code: unknown; checks: Check[] }> {
  const place = [`localhost:${port}`, '--connect', `127.0.0.1:${port}`, '--timeout', '20s'];
  const argv = [
    ...place,
    '--cert',
    'client.internal',
    '--trust',
    'server-root.pem',
    '--json',
    '--probe',
    '--ca',
    './ca',
  ];
  if (only.length > 0) argv.push('--only', only.join(','));
  const { code, stdout } = await run(['verify-mtls', ...argv], { cwd: folder });
  const { targets } = JSON.parse(stdout) as { targets: { checks: Check[] }[] };
  return { code, checks: targets[0]?.checks ?? [] };
}

describe.each(Object.entries(faultyKinds))('%s', (name, kind) => {
  describeWith([kind.tool], name, () => {
    const folder = temporaryFolderForSuite();
    beforeAll(async () => {
      await writeFiles(folder());
      await revokeOnce(folder(), kind);
    });

    /** It never looks at purposes. */
    const always = name === 'gnutls-serv' ? ['wrong-usage'] : [];

    it('as it must be: nothing is found', async () => {
      const server = await kind.start(folder(), 'none');
      onTestFinished(server.stop);
      const { code, checks } = await probe(folder(), server.port, []);
      const wrong = checks.filter(({ ok }) => !ok);
      expect(wrong.map(({ probe: one }) => one)).toEqual(always);
      const skipped = checks.filter(({ seen }) => seen === 'skipped');
      expect(skipped.map(({ probe: one }) => one)).toEqual(['wrong-name']);
      expect(code).toBe(always.length === 0 ? 0 : 3);
    });

    const untried: readonly Fault[] = ['none', ...kind.cannot];
    const possible = faults.filter((fault) => !untried.includes(fault));
    it.each(possible)('%s is found', async (fault) => {
      const server = await kind.start(folder(), fault);
      onTestFinished(server.stop);
      const wanted = findings[fault as Exclude<Fault, 'none'>];
      const own = Object.keys(wanted).filter((one) => one !== 'chain' && one !== 'name');
      const { code, checks } = await probe(folder(), server.port, own.length > 0 ? own : ['stranger']);
      const wrong = checks.filter(({ ok }) => !ok);
      expect(wrong.map(({ probe: one }) => one)).toEqual(Object.keys(wanted));
      for (const { probe: one, causes } of wrong) expect(causes[0]?.message).toMatch(wanted[one] ?? /^$/);
      expect(code).toBe(3);
    });
  });
});
