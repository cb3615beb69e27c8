import { createPublicKey, generateKeyPairSync, X509Certificate, createPrivateKey } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as write from '../../src/pki/x509/der-writer.ts';
import { encodeName } from '../../src/pki/x509/distinguished-name.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { signed } from '../../src/pki/x509/signing.ts';
import { keyAtInfinity } from '../support/chains.ts';
import { execute, program, run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { describeWith } from '../support/tools.ts';

const day = 86_400_000;

interface IssueDocument {
  schema: string;
  state: string;
  name: string;
  generation: number;
  path: string;
  trust: string | null;
  files: string[];
  warnings: string[];
  certificate: { serial: string; sha256: string; notBefore: string; notAfter: string; pem: string };
}

const issued = (ran: Ran): IssueDocument => {
  expect({ code: ran.code, failure: ran.code === 0 ? '' : ran.stdout + ran.stderr }).toEqual({
    code: 0,
    failure: '',
  });
  return JSON.parse(ran.stdout) as IssueDocument;
};

/** The closed code of a failure told in JSON. */
const refusal = (ran: Ran): { exit: Ran['code']; code: string } => ({
  exit: ran.code,
  code: (JSON.parse(ran.stdout) as { error: { code: string } }).error.code,
});

/** A folder with a CA in `ca`. */
async function withCa(...flags: string[]): Promise<string> {
  const cwd = temporaryFolder();
  const { code, stderr } = await run(['ca', 'init', '--name', 'Test', ...flags], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return cwd;
}

const issue = (cwd: string, args: readonly string[], lent: Omit<Lent, 'cwd'> = {}): Promise<Ran> =>
  run(['issue', ...args, '--json'], { cwd, ...lent });

/** Every file below a folder, with what it holds. */
function snapshot(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, readFileSync(path, 'latin1')];
    }),
  );
}

const leafIn = (path: string): X509Certificate => new X509Certificate(readFileSync(path));

const issuing = (cwd: string): string => join(cwd, 'ca', readlinkSync(join(cwd, 'ca/active')));

// eslint-disable-next-line no-control-regex
const rawControl = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

describe('issue into the store', () => {
  it('makes a CA, a whole generation and a trust bundle with one command', async () => {
    const cwd = temporaryFolder();
    const ran = await run(['issue', 'orders.internal', '--create-ca'], { cwd });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^issued orders\.internal \(generation 1\): valid for 30 days/);
    expect(ran.stdout).toContain(`ssl_certificate_key    ${cwd}/certs/orders.internal/current/key.pem;`);
    expect(ran.stderr).toBe('made a new CA in ca ("certwright ca show" describes it)\n');
    const folder = join(cwd, 'certs/orders.internal');
    expect(readlinkSync(join(folder, 'current'))).toBe('versions/000001');
    expect(readdirSync(join(folder, 'current')).sort()).toEqual(
      ['ca.pem', 'cert.pem', 'chain.pem', 'fullchain.pem', 'key.pem', 'version.json'].sort(),
    );
    expect(existsSync(join(cwd, 'certs/_trust/default/current/crl.pem'))).toBe(true);
    const key = createPrivateKey(readFileSync(join(folder, 'current/key.pem')));
    const leaf = leafIn(join(folder, 'current/cert.pem'));
    expect(leaf.checkPrivateKey(key)).toBe(true);
    expect(leaf.subjectAltName).toBe('DNS:orders.internal');
  });

  it('prints one document for --json and nothing else', async () => {
    const cwd = await withCa();
    const ran = await issue(cwd, ['orders.internal', '10.0.0.7']);
    const document = issued(ran);
    expect(ran.stderr).toBe('');
    expect(document).toMatchObject({
      schema: 'certwright.issue/1',
      state: 'issued',
      name: 'orders.internal',
    });
    expect(document.generation).toBe(1);
    expect(document.path).toBe(join(cwd, 'certs/orders.internal/current'));
    expect(document.trust).toBe(join(cwd, 'certs/_trust/default/current'));
    const leaf = new X509Certificate(document.certificate.pem);
    expect(BigInt(`0x${leaf.serialNumber}`)).toBe(BigInt(`0x${document.certificate.serial}`));
    expect(leaf.subjectAltName).toBe('DNS:orders.internal, IP Address:10.0.0.7');
    expect(new Date(leaf.validTo).toISOString()).toBe(document.certificate.notAfter);
    expect(ran.stdout).not.toContain('PRIVATE KEY');
  });

  it('records every certificate with its CA', async () => {
    const cwd = await withCa();
    const { certificate } = issued(await issue(cwd, ['a.internal']));
    const month = certificate.notAfter.slice(0, 7);
    const record = readFileSync(join(issuing(cwd), 'issued', month, `${certificate.serial}.pem`), 'utf8');
    expect(record).toMatch(/^recorded: \S+Z\nby: \S+@\S+\n-----BEGIN/);
    expect(record.slice(record.indexOf('-----BEGIN'))).toBe(certificate.pem);
  });

  it('says nothing with --quiet', async () => {
    const cwd = temporaryFolder();
    const ran = await run(['issue', 'orders.internal', '--create-ca', '--quiet'], { cwd });
    expect(ran).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.each([
    [['ops@shop.example'], 'localhost'],
    [['*.internal', 'a.internal'], 'a.internal'],
    [['spiffe://corp/x', '10.0.0.7'], '10.0.0.7'],
  ])('of %j shows a call that can be made', async (names, host) => {
    const cwd = await withCa();
    const { stdout } = await run(['issue', ...names], { cwd });
    expect(stdout).toMatch(new RegExp(`curl --cert .* https://${host}/$`, 'm'));
  });

  it('refuses a name that has a certificate, with the way out, before the CA is asked', async () => {
    const cwd = await withCa();
    issued(await issue(cwd, ['orders.internal']));
    const before = snapshot(cwd);
    const ran = await run(['issue', 'orders.internal'], { cwd });
    expect(ran.code).toBe(2);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toContain('--if-due');
    expect(ran.stderr).toContain('--force');
    expect(refusal(await issue(cwd, ['orders.internal']))).toEqual({ exit: 2, code: 'exists' });
    expect(snapshot(cwd)).toEqual(before);
  });

  it('makes generation 2 with --force, with a new key and serial', async () => {
    const cwd = await withCa();
    const first = issued(await issue(cwd, ['orders.internal']));
    const second = issued(await issue(cwd, ['orders.internal', '--force']));
    expect(second.generation).toBe(2);
    expect(second.certificate.serial).not.toBe(first.certificate.serial);
    const folder = join(cwd, 'certs/orders.internal');
    expect(readlinkSync(join(folder, 'current'))).toBe('versions/000002');
    expect(readFileSync(join(folder, 'versions/000001/cert.pem'), 'utf8')).toBe(first.certificate.pem);
    expect(readFileSync(join(folder, 'versions/000001/key.pem'))).not.toEqual(
      readFileSync(join(folder, 'versions/000002/key.pem')),
    );
  });

  it('keeps the key with --reuse-key', async () => {
    const cwd = await withCa();
    const first = issued(await issue(cwd, ['orders.internal']));
    const second = issued(await issue(cwd, ['orders.internal', '--force', '--reuse-key']));
    const key = (pem: string): unknown => new X509Certificate(pem).publicKey.export({ format: 'jwk' });
    expect(key(second.certificate.pem)).toEqual(key(first.certificate.pem));
    expect(second.certificate.serial).not.toBe(first.certificate.serial);
  });

  it('does nothing with --if-due while the pair answers', async () => {
    const cwd = await withCa();
    const first = issued(await issue(cwd, ['orders.internal', '--if-due']));
    const before = snapshot(join(cwd, 'certs/orders.internal'));
    const second = issued(await issue(cwd, ['orders.internal', '--if-due']));
    expect(second).toMatchObject({ state: 'unchanged', generation: 1 });
    expect(second.certificate).toEqual(first.certificate);
    expect(snapshot(join(cwd, 'certs/orders.internal'))).toEqual(before);
  });

  it.each([
    ['another name', ['b.internal']],
    ['another key type', ['--key-type', 'ec-p384']],
    ['another usage', ['--usage', 'server']],
    ['another lifetime', ['--lifetime', '10d']],
    ['another subject', ['--subject', 'CN=x,O=Y']],
  ])('issues anew with --if-due when %s is asked for', async (_what, flags) => {
    const cwd = await withCa();
    issued(await issue(cwd, ['orders.internal', '--if-due']));
    expect(issued(await issue(cwd, ['orders.internal', '--if-due', ...flags]))).toMatchObject({
      state: 'issued',
      generation: 2,
    });
  });

  it('issues anew with --if-due once the clock has passed the time to renew', async () => {
    const cwd = await withCa();
    issued(await issue(cwd, ['orders.internal', '--if-due', '--lifetime', '30d']));
    const at = (days: number): { now: () => Date } => ({ now: () => new Date(Date.now() + days * day) });
    expect(issued(await issue(cwd, ['orders.internal', '--if-due', '--lifetime', '30d'], at(5))).state).toBe(
      'unchanged',
    );
    expect(issued(await issue(cwd, ['orders.internal', '--if-due', '--lifetime', '30d'], at(29))).state).toBe(
      'issued',
    );
  });

  it.each(['key.pem', 'fullchain.pem'])(
    'issues anew with --if-due when %s is lost or damaged',
    async (file) => {
      const cwd = await withCa();
      issued(await issue(cwd, ['orders.internal']));
      const path = join(cwd, 'certs/orders.internal/current', file);
      writeFileSync(path, 'nothing');
      expect(issued(await issue(cwd, ['orders.internal', '--if-due'])).generation).toBe(2);
    },
  );

  it('stores under another name with --as', async () => {
    const cwd = await withCa();
    expect(issued(await issue(cwd, ['orders.internal', '--as', 'web'])).path).toBe(
      join(cwd, 'certs/web/current'),
    );
  });

  it('writes the extra formats', async () => {
    const cwd = await withCa();
    const { path, certificate } = issued(
      await issue(cwd, ['o.internal', '--format', 'pair', '--format', 'der']),
    );
    const pair = readFileSync(join(path, 'pair.pem'), 'utf8');
    expect(pair).toContain('PRIVATE KEY');
    expect(pair).toContain(certificate.pem);
    expect(statSync(join(path, 'pair.pem')).mode & 0o777).toBe(0o600);
  });

  it('gives files that hold a key the asked mode', async () => {
    const cwd = await withCa();
    const { path } = issued(await issue(cwd, ['o.internal', '--mode', '0640']));
    expect(statSync(join(path, 'key.pem')).mode & 0o777).toBe(0o640);
  });

  it('keeps the URLs of the first certificate as the defaults of the CA', async () => {
    const cwd = await withCa();
    issued(await issue(cwd, ['a.internal', '--crl-url', 'http://pki.internal/crl.der']));
    const { certificate } = issued(await issue(cwd, ['b.internal']));
    expect(new X509Certificate(certificate.pem).raw.includes('http://pki.internal/crl.der')).toBe(true);
  });
});

describe('bad input', () => {
  it.each([
    ['../x'],
    ['a/b'],
    [''],
    ['a'.repeat(300)],
    [`${'a'.repeat(60)}.`.repeat(5) + 'internal'],
    ['a\u001b[31mb.internal'],
    ['a\nb'],
    ['under_score.internal'],
    ['a.*.internal'],
    ['a*.internal'],
    ['*'],
    ['host.internal:443'],
    ['10.0.0.0/8'],
    ['-a.internal'],
    ['a..internal'],
    ['a.internal.'],
    ['1.2.3'],
    ['spiffe://'],
    ['@internal'],
  ])('refuses the name %j and writes nothing', async (name) => {
    const cwd = temporaryFolder();
    const ran = await run(['issue', '--create-ca', '--', name], { cwd });
    expect(ran.code).toBe(2);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(/^certwright: /);
    expect(ran.stderr).not.toMatch(rawControl);
    expect(ran.stderr).not.toContain('    at ');
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('encrypts the keys of a CA that it makes where a passphrase is given', async () => {
    const cwd = temporaryFolder();
    const env = { CERTWRIGHT_CA_PASSPHRASE: 'open sesame' };
    expect((await run(['issue', 'a.internal', '--create-ca'], { cwd, env })).code).toBe(0);
    writeFileSync(join(cwd, 'certwright.yaml'), 'certificates: { b.internal: { ca: ./other } }\n');
    writeFileSync(join(cwd, 'passphrase'), 'open sesame\n', { mode: 0o600 });
    const all = ['issue', '--all', '--create-ca', '--passphrase-file', 'passphrase'];
    expect((await run(all, { cwd })).code).toBe(0);
    const keys = ['ca', 'other'].flatMap((ca) =>
      readdirSync(join(cwd, ca, 'issuers')).map((id) =>
        readFileSync(join(cwd, ca, 'issuers', id, 'key.pem'), 'utf8'),
      ),
    );
    expect(keys.length).toBe(4);
    for (const key of keys) expect(key).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  });

  it.each(['1,5h', '1.5h', '90', '-1d', '0d', '', '1 d', 'd', '999999999y', '1M', 'Infinityd', '١d'])(
    'refuses the lifetime %j and writes nothing',
    async (lifetime) => {
      const cwd = temporaryFolder();
      const ran = await issue(cwd, ['a.internal', '--create-ca', `--lifetime=${lifetime}`]);
      expect(refusal(ran)).toEqual({ exit: 2, code: 'bad-time' });
      expect(readdirSync(cwd)).toEqual([]);
    },
  );

  it.each([
    ['an unknown flag', ['--colour']],
    ['an unknown key type', ['--key-type', 'dsa']],
    ['an unknown usage', ['--usage', 'email']],
    ['an unknown format', ['--format', 'jks']],
    ['a flag without its value', ['--lifetime']],
    ['--lifetime beside --not-after', ['--lifetime', '1d', '--not-after', '2099-01-01']],
    ['--if-due beside --force', ['--if-due', '--force']],
    ['--out beside --key-out', ['--out', 'x', '--key-out', 'y', '--cert-out', 'z']],
    ['--key-out alone', ['--key-out', 'y']],
    ['--key-passphrase-file into the store', ['--key-passphrase-file', 'y']],
    ['--names-from-csr without a request', ['--names-from-csr']],
    ['a date that is none', ['--not-after', '2027-02-30']],
    ['an end in the past', ['--not-after', '2001-01-01']],
    ['a subject that is none', ['--subject', 'orders']],
    ['a URL that is none', ['--crl-url', 'pki/crl']],
    ['a URL with an unknown scheme', ['--ocsp-url', 'javascript:alert(1)']],
    ['a mode that is none', ['--mode', '9']],
    ['an owner that is not there', ['--owner', 'no-such-user-here']],
    ['a name in the store that leaves it', ['--as', '../x']],
  ])('refuses %s with exit 2 and no certificate', async (_what, flags) => {
    const cwd = await withCa();
    const before = snapshot(cwd);
    const ran = await run(['issue', 'a.internal', ...flags], { cwd });
    expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(/^certwright: /);
    expect(snapshot(cwd)).toEqual(before);
    expect(readdirSync(cwd)).toEqual(['ca']);
  });

  it('refuses to issue without a name', async () => {
    expect(refusal(await issue(await withCa(), []))).toEqual({ exit: 2, code: 'usage' });
  });

  it('refuses a CA that is not there, and says how to make one', async () => {
    const cwd = temporaryFolder();
    const ran = await run(['issue', 'a.internal'], { cwd });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('--create-ca');
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('suggests the flag that was meant', async () => {
    const ran = await run(['issue', 'a.internal', '--lifetme', '1d'], { cwd: temporaryFolder() });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('--lifetime');
  });
});

describe('issue without a store', () => {
  it('writes five plain files into a new folder', async () => {
    const cwd = await withCa();
    const { files, certificate } = issued(
      await issue(cwd, ['ci-runner', '--usage', 'client', '--out', 'build/tls']),
    );
    const folder = join(cwd, 'build/tls');
    expect(readdirSync(folder).sort()).toEqual([
      'ca.pem',
      'cert.pem',
      'chain.pem',
      'fullchain.pem',
      'key.pem',
    ]);
    expect([...files].sort()).toEqual(
      readdirSync(folder)
        .sort()
        .map((file) => join(folder, file)),
    );
    expect(readFileSync(join(folder, 'cert.pem'), 'utf8')).toBe(certificate.pem);
    expect(readFileSync(join(folder, 'fullchain.pem'), 'utf8')).toBe(
      readFileSync(join(folder, 'cert.pem'), 'utf8') + readFileSync(join(folder, 'chain.pem'), 'utf8'),
    );
    expect(
      leafIn(join(folder, 'cert.pem')).checkPrivateKey(
        createPrivateKey(readFileSync(join(folder, 'key.pem'))),
      ),
    ).toBe(true);
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
  });

  it('refuses to overwrite a file before the CA is asked, and overwrites with --force', async () => {
    const cwd = await withCa();
    mkdirSync(join(cwd, 'tls'));
    writeFileSync(join(cwd, 'tls/key.pem'), 'precious');
    writeFileSync(join(cwd, 'tls/other.txt'), 'theirs');
    const before = snapshot(cwd);
    expect(refusal(await issue(cwd, ['a.internal', '--out', 'tls']))).toEqual({ exit: 2, code: 'exists' });
    expect(snapshot(cwd)).toEqual(before);
    issued(await issue(cwd, ['a.internal', '--out', 'tls', '--force']));
    expect(readFileSync(join(cwd, 'tls/key.pem'), 'utf8')).toContain('BEGIN PRIVATE KEY');
    expect(statSync(join(cwd, 'tls/key.pem')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(cwd, 'tls/other.txt'), 'utf8')).toBe('theirs');
  });

  it.each(['tls', 'link'])('leaves an empty folder as it is, and writes into it: %s', async (out) => {
    const cwd = await withCa();
    mkdirSync(join(cwd, 'tls'), 0o700);
    symlinkSync('tls', join(cwd, 'link'));
    const { ino, mode } = statSync(join(cwd, 'tls'));
    issued(await issue(cwd, ['a.internal', '--out', out]));
    // Where a file system is mounted on it, nothing can be renamed over it.
    expect(statSync(join(cwd, 'tls'))).toMatchObject({ ino, mode });
    expect(readdirSync(join(cwd, 'tls'))).toContain('key.pem');
  });

  it('writes to the exact paths of --key-out and --cert-out', async () => {
    const cwd = await withCa();
    const { files } = issued(await issue(cwd, ['a.internal', '--key-out', 'a.key', '--cert-out', 'a.crt']));
    expect(files).toEqual([join(cwd, 'a.key'), join(cwd, 'a.crt')]);
    expect(statSync(join(cwd, 'a.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(cwd, 'a.crt'), 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(
      refusal(await issue(cwd, ['a.internal', '--key-out', 'a.key', '--cert-out', 'b.crt'])),
    ).toMatchObject({
      code: 'exists',
    });
    expect(existsSync(join(cwd, 'b.crt'))).toBe(false);
  });

  it('encrypts the key with the first line of a file', async () => {
    const cwd = await withCa();
    writeFileSync(join(cwd, 'pass'), 'correct horse\r\nsecond line\n');
    issued(await issue(cwd, ['a.internal', '--out', 'tls', '--key-passphrase-file', 'pass']));
    const key = readFileSync(join(cwd, 'tls/key.pem'), 'utf8');
    expect(key).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    expect(() => createPrivateKey({ key, passphrase: 'wrong' })).toThrow();
    const opened = createPublicKey(createPrivateKey({ key, passphrase: 'correct horse' }));
    expect(leafIn(join(cwd, 'tls/cert.pem')).publicKey.equals(opened)).toBe(true);
  });

  it.each([
    ['is missing', undefined],
    ['is empty', '\nx'],
  ])('refuses a key passphrase file that %s before anything is signed', async (_what, content) => {
    const cwd = await withCa();
    if (content !== undefined) writeFileSync(join(cwd, 'pass'), content);
    const before = snapshot(cwd);
    expect((await issue(cwd, ['a.internal', '--out', 'tls', '--key-passphrase-file', 'pass'])).code).toBe(2);
    expect(snapshot(cwd)).toEqual(before);
  });
});

describe('limits of the CA', () => {
  it.each([
    ['a host outside --permit-dns', ['--permit-dns', 'internal'], ['a.example']],
    ['a look-alike of --permit-dns', ['--permit-dns', 'internal'], ['notinternal']],
    ['a host inside --exclude-dns', ['--exclude-dns', 'secret.internal'], ['a.secret.internal']],
    ['an address outside --permit-ip', ['--permit-ip', '10.0.0.0/8'], ['11.0.0.1']],
    ['an address inside --exclude-ip', ['--exclude-ip', '10.1.0.0/16'], ['10.1.2.3']],
    ['a mailbox outside --permit-email', ['--permit-email', 'corp.example'], ['ops@other.example']],
    ['a URI outside --permit-uri', ['--permit-uri', 'corp'], ['spiffe://other/x']],
    ['a second name outside', ['--permit-dns', 'internal'], ['a.internal', 'b.example']],
  ])('refuses %s before signing', async (_what, constraint, names) => {
    const cwd = await withCa(...constraint);
    const before = snapshot(cwd);
    expect(refusal(await issue(cwd, names))).toEqual({ exit: 2, code: 'not-permitted' });
    expect(refusal(await issue(cwd, [...names, '--dry-run']))).toEqual({ exit: 2, code: 'not-permitted' });
    expect(snapshot(cwd)).toEqual(before);
  });

  it('gives an address no common name that OpenSSL would hold against --permit-dns', async () => {
    const cwd = await withCa('--permit-dns', 'internal', '--permit-ip', '10.0.0.0/8');
    const { path } = issued(await issue(cwd, ['10.1.2.3', '--usage', 'server']));
    const files = ['-CAfile', 'ca.pem', '-untrusted', 'chain.pem', 'cert.pem'];
    const verified = await execute('openssl', ['verify', ...files], { cwd: path });
    expect(verified).toMatchObject({ code: 0, stdout: 'cert.pem: OK\n' });
    const other = await issue(cwd, ['10.1.2.4', '--subject', 'CN=evil.example']);
    expect(refusal(other)).toEqual({ exit: 2, code: 'not-permitted' });
    expect(other.stdout).toContain('dns:evil.example lies in no permitted subtree');
    const named = issued(await issue(cwd, ['a.internal', '10.1.2.5']));
    expect(leafIn(join(named.path, 'cert.pem')).subject).toBe('CN=a.internal');
  });

  it('says when what it has signed begins, where that is yet to come', async () => {
    const cwd = await withCa();
    const begin = new Date(Math.ceil(Date.now() / day + 9) * day).toISOString();
    const ran = await run(['issue', 'a.internal', '--not-before', begin, '--lifetime', '1d'], { cwd });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain(`not valid before ${begin}, until `);
  });

  it('signs what its constraints permit', async () => {
    const cwd = await withCa('--permit-dns', 'internal', '--permit-ip', '10.0.0.0/8');
    issued(await issue(cwd, ['a.internal', 'internal', '10.200.0.1']));
  });

  it('refuses a lifetime beyond its own and cuts it with --clamp', async () => {
    const cwd = await withCa('--lifetime', '40d');
    const before = snapshot(cwd);
    expect(refusal(await issue(cwd, ['a.internal', '--lifetime', '30d']))).toEqual({
      exit: 2,
      code: 'outlives-issuer',
    });
    expect(snapshot(cwd)).toEqual(before);
    const { certificate } = issued(await issue(cwd, ['a.internal', '--lifetime', '30d', '--clamp']));
    expect(new Date(certificate.notAfter)).toEqual(new Date(leafIn(join(issuing(cwd), 'cert.pem')).validTo));
  });

  it('refuses to sign once its certificate has expired', async () => {
    const cwd = await withCa('--lifetime', '40d');
    const late = { now: () => new Date(Date.now() + 21 * day) };
    const before = snapshot(cwd);
    expect(refusal(await issue(cwd, ['a.internal', '--lifetime', '1h'], late))).toEqual({
      exit: 2,
      code: 'not-valid',
    });
    expect(refusal(await issue(cwd, ['a.internal', '--clamp'], late)).exit).toBe(2);
    expect(snapshot(cwd)).toEqual(before);
  });

  it('refuses to sign before its certificate is valid', async () => {
    const cwd = await withCa();
    const early = { now: () => new Date(Date.now() - 2 * day) };
    expect(refusal(await issue(cwd, ['a.internal'], early))).toEqual({ exit: 2, code: 'not-valid' });
  });

  it('refuses a folder or a key that others may read, and names both file and way out', async () => {
    const cwd = await withCa();
    const key = join(issuing(cwd), 'key.pem');
    chmodSync(key, 0o640);
    const ran = await run(['issue', 'a.internal'], { cwd });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(`chmod 0600 ${key}`);
    chmodSync(key, 0o600);
    chmodSync(join(cwd, 'ca'), 0o755);
    expect(refusal(await issue(cwd, ['a.internal']))).toEqual({ exit: 2, code: 'lax-permissions' });
    chmodSync(join(cwd, 'ca'), 0o700);
    issued(await issue(cwd, ['a.internal']));
  });

  it('refuses a key that is not the key of its certificate', async () => {
    const cwd = await withCa();
    const other = await withCa();
    writeFileSync(join(issuing(cwd), 'key.pem'), readFileSync(join(issuing(other), 'key.pem')));
    expect(refusal(await issue(cwd, ['a.internal']))).toEqual({ exit: 2, code: 'key-mismatch' });
    expect(existsSync(join(cwd, 'certs/a.internal/current'))).toBe(false);
  });
});

describe('a CA with a passphrase', () => {
  it('opens with a file or the environment, and refuses cleanly without or with a wrong one', async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'pass'), 'hunter2\n');
    writeFileSync(join(cwd, 'wrong'), 'hunter3\n');
    expect((await run(['ca', 'init', '--passphrase-file', 'pass'], { cwd })).code).toBe(0);
    expect(readFileSync(join(issuing(cwd), 'key.pem'), 'utf8')).toMatch(
      /^-----BEGIN ENCRYPTED PRIVATE KEY-----/,
    );
    expect(refusal(await issue(cwd, ['a.internal']))).toEqual({ exit: 2, code: 'passphrase' });
    const wrong = await issue(cwd, ['a.internal', '--passphrase-file', 'wrong']);
    expect(refusal(wrong)).toEqual({ exit: 2, code: 'passphrase' });
    expect(wrong.stdout + wrong.stderr).not.toContain('hunter');
    expect(readdirSync(cwd).sort()).toEqual(['ca', 'pass', 'wrong']);
    issued(await issue(cwd, ['a.internal', '--passphrase-file', 'pass']));
    issued(await issue(cwd, ['b.internal'], { env: { CERTWRIGHT_CA_PASSPHRASE: 'hunter2' } }));
  });

  it('is not opened for --dry-run', async () => {
    const cwd = temporaryFolder();
    const env = { CERTWRIGHT_CA_PASSPHRASE: 'hunter2' };
    await run(['ca', 'init'], { cwd, env });
    expect((await issue(cwd, ['a.internal', '--dry-run'])).code).toBe(0);
  });
});

describe('--dry-run', () => {
  it('shows the certificate and writes nothing', async () => {
    const cwd = await withCa();
    const before = snapshot(cwd);
    const ran = await issue(cwd, ['a.internal', '10.0.0.1', '--key-type', 'rsa-2048', '--dry-run']);
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      schema: 'certwright.issue-plan/1',
      names: ['dns:a.internal', 'ip:10.0.0.1'],
      subject: 'CN=a.internal',
      keyType: 'rsa-2048',
      keyUsage: ['digitalSignature', 'keyEncipherment'],
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
    });
    expect(snapshot(cwd)).toEqual(before);
    expect(readdirSync(cwd)).toEqual(['ca']);
  });

  it('meets what is at the place already', async () => {
    const cwd = await withCa();
    issued(await issue(cwd, ['a.internal']));
    issued(await issue(cwd, ['b.internal', '--out', 'out']));
    const before = snapshot(cwd);
    const looked = (...args: string[]): Promise<Ran> => issue(cwd, [...args, '--dry-run']);
    const exists = { exit: 2, code: 'exists' };
    expect(refusal(await looked('a.internal'))).toEqual(exists);
    expect(refusal(await looked('b.internal', '--out', 'out'))).toEqual(exists);
    expect(refusal(await looked('b.internal', '--key-out', 'no/key', '--cert-out', 'no/cert'))).toEqual({
      exit: 2,
      code: 'not-found',
    });
    const state = async (...args: string[]): Promise<unknown> =>
      (JSON.parse((await looked(...args)).stdout) as { state: unknown }).state;
    expect(await state('a.internal', '--force')).toBe('to-issue');
    expect(await state('b.internal', '--out', 'out', '--force')).toBe('to-issue');
    expect(await state('a.internal', '--if-due')).toBe('unchanged');
    expect(await state('a.internal', '--if-due', '--usage', 'client')).toBe('to-issue');
    const { stdout } = await run(['issue', 'a.internal', '--if-due', '--dry-run'], { cwd });
    expect(stdout).toMatch(/^would leave a\.internal as it is \(generation 1\): not due before \S+\n$/);
    expect(snapshot(cwd)).toEqual(before);
  });

  it('explains how a CA in a folder would make it, where that is asked for', async () => {
    const cwd = await withCa();
    const text = async (flag: string): Promise<string> =>
      (await run(['issue', 'a.internal', flag], { cwd })).stdout;
    expect(await text('--explain')).toContain(`
  signed by    CN=Test Issuing CA
  signed with  ECDSA with SHA-256
  cost         none
`);
    expect(await text('--dry-run')).not.toContain('cost');
  });

  it('makes no CA either', async () => {
    const cwd = temporaryFolder();
    expect((await run(['issue', 'a.internal', '--create-ca', '--dry-run'], { cwd })).code).toBe(0);
    expect(readdirSync(cwd)).toEqual([]);
  });
});

describe('the program under umask 000', () => {
  it('keeps every key at 0600 and every folder of keys at 0700', async () => {
    const cwd = temporaryFolder();
    const script = `umask 000; '${process.execPath}' '${program}' issue a.internal --create-ca --format pair &&
      '${process.execPath}' '${program}' issue b.internal --out out &&
      '${process.execPath}' '${program}' issue c.internal --key-out c.key --cert-out c.crt`;
    const { code, stderr } = await execute('sh', ['-c', script], { cwd });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const keys = Object.entries(snapshot(cwd)).filter(([, text]) => text.includes('PRIVATE KEY'));
    expect(keys.length).toBeGreaterThanOrEqual(6);
    for (const [path] of keys) expect([path, statSync(path).mode & 0o777]).toEqual([path, 0o600]);
    expect(statSync(join(cwd, 'ca')).mode & 0o777).toBe(0o700);
    for (const path of Object.keys(snapshot(cwd)))
      expect([path, statSync(path).mode & 0o022]).toEqual([path, 0]);
  });
});

describe('the program under umask 077', () => {
  it('lets whoever may read a key come to it, and nobody into its CA', async () => {
    const cwd = temporaryFolder();
    const gid = statSync(cwd).gid;
    const cli = `'${process.execPath}' '${program}'`;
    const script = `umask 077; ${cli} issue a.internal --create-ca --mode 0640 --group ${gid} && ${cli} rotate a.internal --force`;
    const { code, stderr } = await execute('sh', ['-c', script], { cwd });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const folder = 'certs/a.internal';
    const ways = [
      'certs',
      folder,
      `${folder}/versions`,
      `${folder}/versions/000001`,
      `${folder}/versions/000002`,
    ];
    const trust = ['certs/_trust', 'certs/_trust/default', 'certs/_trust/default/versions'];
    for (const path of [...ways, ...trust, 'certs/_trust/default/current/'])
      expect([path, statSync(join(cwd, path)).mode & 0o777]).toEqual([path, 0o755]);
    expect(statSync(join(cwd, folder, 'current/key.pem')).mode & 0o777).toBe(0o640);
    expect(statSync(join(cwd, folder, 'pending')).mode & 0o777).toBe(0o700);
    expect(statSync(join(cwd, 'ca')).mode & 0o777).toBe(0o700);
  });
});

describeWith(['openssl'], "issue for somebody else's request", () => {
  async function request(cwd: string, args: readonly string[] = []): Promise<Buffer> {
    const made = [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'r.key',
    ];
    const subject =
      args.includes('-subj') || args.includes('-config') ? [] : ['-subj', '/CN=printer.internal'];
    const { code, stderr } = await execute('openssl', [...made, '-out', 'r.csr', ...subject, ...args], {
      cwd,
    });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    return readFileSync(join(cwd, 'r.csr'));
  }

  const der = (pem: Buffer): Buffer => Buffer.from(pem.toString().replace(/-----.*-----|\s/g, ''), 'base64');

  it('prints the chain on stdout and everything else on stderr', async () => {
    const cwd = await withCa();
    await request(cwd);
    const ran = await run(['issue', 'printer.internal', '--csr', 'r.csr'], { cwd });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(ran.stderr).toContain('request: EC P-256, asks for printer.internal');
    const leaf = new X509Certificate(ran.stdout);
    expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(join(cwd, 'r.key'))))).toBe(true);
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
  });

  it('reads both PEM headers, DER and standard input', async () => {
    const cwd = await withCa();
    const pem = await request(cwd);
    const old = Buffer.from(pem.toString().replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'));
    for (const stdin of [pem, old, der(pem), Buffer.concat([Buffer.from('text before\r\n'), pem])]) {
      expect((await issue(cwd, ['printer.internal', '--csr', '-'], { stdin })).code).toBe(0);
      writeFileSync(join(cwd, 'some.csr'), stdin);
      expect((await issue(cwd, ['printer.internal', '--csr', 'some.csr'])).code).toBe(0);
    }
  });

  it('has no key for --format pair, and says so', async () => {
    const cwd = await withCa();
    await request(cwd);
    const ran = await issue(cwd, ['printer.internal', '--csr', 'r.csr', '--format', 'pair']);
    expect(refusal(ran)).toEqual({ exit: 2, code: 'usage' });
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      'certificates: { printer.internal: { formats: [pair], ca: ./ca } }',
    );
    const declared = await issue(cwd, ['printer.internal', '--csr', 'r.csr', '--as', 'printer.internal']);
    expect(refusal(declared)).toEqual({ exit: 2, code: 'usage' });
    expect(declared.stdout).toContain('formats: [pair] in certwright.yaml needs the key');
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
  });

  it('takes names from the command line only, or from the request with --names-from-csr', async () => {
    const cwd = await withCa();
    await request(cwd, ['-addext', 'subjectAltName=DNS:evil.example,IP:10.9.9.9']);
    const given = issued(await issue(cwd, ['printer.internal', '--csr', 'r.csr']));
    expect(new X509Certificate(given.certificate.pem).subjectAltName).toBe('DNS:printer.internal');
    const asked = issued(await issue(cwd, ['--csr', 'r.csr', '--names-from-csr']));
    expect(new X509Certificate(asked.certificate.pem).subjectAltName).toBe(
      'DNS:evil.example, IP Address:10.9.9.9',
    );
    const ran = await run(['issue', '--csr', 'r.csr'], { cwd });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('evil.example');
  });

  it('stores the certificate without a key with --as', async () => {
    const cwd = await withCa();
    await request(cwd);
    const { path } = issued(await issue(cwd, ['printer.internal', '--csr', 'r.csr', '--as', 'printer']));
    expect(readdirSync(path)).toContain('cert.pem');
    expect(readdirSync(path)).not.toContain('key.pem');
  });

  it('reports what else was asked for and copies none of it', async () => {
    const cwd = await withCa();
    const asked = [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=keyCertSign',
      'extendedKeyUsage=codeSigning',
    ];
    await request(
      cwd,
      [...asked, '1.2.3.4=ASN1:UTF8String:x'].flatMap((text) => ['-addext', text]),
    );
    const { warnings, certificate } = issued(await issue(cwd, ['printer.internal', '--csr', 'r.csr']));
    expect(warnings).toEqual([
      "the request's extension basic constraints is not taken over",
      "the request's extension key usage is not taken over",
      "the request's extension extended key usage is not taken over",
      "the request's extension 1.2.3.4 is not taken over",
    ]);
    const leaf = new X509Certificate(certificate.pem);
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    const ran = await run(['issue', 'printer.internal', '--csr', 'r.csr'], { cwd });
    expect(ran.stderr).toContain("warning: the request's extension 1.2.3.4 is not taken over");
  });

  it('never prints a challenge password', async () => {
    const cwd = await withCa();
    const config = `[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\n[dn]\nCN=printer.internal\n
      [at]\nchallengePassword=hunter2secret\n`;
    writeFileSync(join(cwd, 'req.cnf'), config);
    const csr = await request(cwd, ['-config', 'req.cnf']);
    expect(der(csr).includes('hunter2secret')).toBe(true);
    for (const flags of [[], ['--json'], ['--verbose'], ['--as', 'p'], ['--dry-run']]) {
      const ran = await run(['issue', 'printer.internal', '--csr', 'r.csr', ...flags], { cwd });
      expect(ran.code).toBe(0);
      expect(ran.stdout + ran.stderr).not.toContain('hunter2secret');
      expect(ran.stdout + ran.stderr).toContain('1.2.840.113549.1.9.7');
    }
    const stored = Object.values(snapshot(join(cwd, 'certs')));
    expect(stored.filter((text) => text.includes('hunter2secret'))).toEqual([]);
  });

  it('refuses a bad signature', async () => {
    const cwd = await withCa();
    const bytes = der(await request(cwd));
    const at = bytes.indexOf('printer.internal');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const before = snapshot(join(cwd, 'ca'));
    expect(refusal(await issue(cwd, ['printer.internal', '--csr', '-'], { stdin: bytes }))).toEqual({
      exit: 2,
      code: 'bad-input',
    });
    expect(snapshot(join(cwd, 'ca'))).toEqual(before);
  });

  it.each([
    ['RSA of 1024 bits', ['-newkey', 'rsa:1024']],
    ['a curve that servers do not take', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1']],
  ])('refuses %s', async (_what, key) => {
    const cwd = await withCa();
    const argv = ['req', '-new', ...key, '-nodes', '-keyout', 'w.key', '-out', 'w.csr', '-subj', '/CN=w'];
    expect((await execute('openssl', argv, { cwd })).code).toBe(0);
    expect(refusal(await issue(cwd, ['w.internal', '--csr', 'w.csr']))).toEqual({
      exit: 2,
      code: 'bad-input',
    });
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
  });

  it('refuses a key that is the point at infinity, for which anybody could sign', async () => {
    const cwd = await withCa();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const subject = encodeName([{ type: oid.commonName, value: 'w' }]);
    const stdin = signed(privateKey, () =>
      write.sequence(write.integer(0), subject, keyAtInfinity, write.explicit(0)),
    );
    expect(refusal(await issue(cwd, ['w.internal', '--csr', '-'], { stdin }))).toEqual({
      exit: 2,
      code: 'bad-input',
    });
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
  });

  it('refuses control characters in the common name when names come from the request', async () => {
    const cwd = await withCa();
    await request(cwd, ['-subj', '/CN=a\u001b[31mb\u0007.internal', '-utf8']);
    const ran = await run(['issue', '--csr', 'r.csr', '--names-from-csr'], { cwd });
    expect(ran.code).toBe(2);
    expect(ran.stderr).not.toMatch(rawControl);
    const named = await run(['issue', 'ok.internal', '--csr', 'r.csr'], { cwd });
    expect(named.code).toBe(0);
    expect(named.stderr).not.toMatch(rawControl);
  });

  it.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['a truncated DER', Buffer.from('3082', 'hex')],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'],
    ['PEM that is no base64', '-----BEGIN CERTIFICATE REQUEST-----\n%%\n-----END CERTIFICATE REQUEST-----\n'],
  ])('refuses %s where a request is expected', async (_what, stdin) => {
    const cwd = await withCa();
    expect(refusal(await issue(cwd, ['a.internal', '--csr', '-'], { stdin }))).toEqual({
      exit: 2,
      code: 'malformed',
    });
  });

  it('refuses a request that is not there', async () => {
    expect(refusal(await issue(await withCa(), ['a.internal', '--csr', 'none.csr']))).toEqual({
      exit: 2,
      code: 'not-found',
    });
  });
});

describe('places that no file can go to', () => {
  const files = (key: string, cert: string): string[] => [
    'a.internal',
    '--key-out',
    key,
    '--cert-out',
    cert,
    '--force',
  ];

  it('refuses one file for the key and the certificate, whatever it is called, and signs nothing', async () => {
    const cwd = await withCa();
    mkdirSync(join(cwd, 'real'));
    symlinkSync('real', join(cwd, 'alias'));
    const before = readdirSync(join(cwd, 'ca/active/issued')).length;
    for (const [key, cert] of [
      ['both.pem', './both.pem'],
      ['real/both.pem', 'alias/both.pem'],
    ] as const) {
      expect(refusal(await issue(cwd, files(key, cert)))).toEqual({ exit: 2, code: 'usage' });
    }
    expect(readdirSync(join(cwd, 'ca/active/issued'))).toHaveLength(before);
    expect(readdirSync(join(cwd, 'real'))).toEqual([]);
  });

  it('refuses a folder that is not there before anything is signed', async () => {
    const cwd = await withCa();
    const before = readdirSync(join(cwd, 'ca/active/issued')).length;
    expect(refusal(await issue(cwd, files('key.pem', 'none/cert.pem')))).toEqual({
      exit: 2,
      code: 'not-found',
    });
    expect(readdirSync(join(cwd, 'ca/active/issued'))).toHaveLength(before);
  });

  it('prints no control character of a folder as it is', async () => {
    const cwd = await withCa();
    const ran = await run(['issue', 'a.internal', '--store', 'st\u001b[31mo'], { cwd });
    expect(ran.code).toBe(0);
    expect(ran.stdout).not.toMatch(rawControl);
  });

  it('refuses endless files where a request or a passphrase is expected', async () => {
    const cwd = await withCa();
    for (const flags of [
      ['--csr', '/dev/zero'],
      ['--out', 'out', '--key-passphrase-file', '/dev/zero'],
    ]) {
      expect(refusal(await issue(cwd, ['a.internal', ...flags]))).toEqual({ exit: 2, code: 'unsupported' });
    }
  });
});
