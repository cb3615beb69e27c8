import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { certificatePem, encodePem } from '../../src/pki/x509/pem-writer.ts';
import * as write from '../../src/pki/x509/der-writer.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { ruleSections, type Rule } from '../../src/pki/x509/validation/verdict.ts';
import { authority, crlOf, days, issue, noon, type Entity } from '../support/chains.ts';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';

const root = authority('root');
const lower = authority('lower', root);
const leaf = issue('orders.internal', lower);

const pem = (...entities: readonly Entity[]): string =>
  entities.map(({ certificate }) => certificatePem(certificate.der)).join('');
const crlPem = (...args: Parameters<typeof crlOf>): string => encodePem('X509 CRL', crlOf(...args).der);

/** Runs `inspect` in a folder that holds these files beside a good chain, at noon. */
function inspect(argv: readonly string[], files: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const cwd = temporaryFolder();
  const all = { 'full.pem': pem(leaf, lower), 'leaf.pem': pem(leaf), 'root.pem': pem(root), ...files };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(cwd, name), text);
  return run(['inspect', ...argv], { cwd, now: () => noon });
}

interface VerdictDocument {
  valid: boolean;
  path: { name: string }[] | null;
  candidates: {
    complete: boolean;
    path: { name: string }[];
    tried: { rule: Rule }[];
    findings: { rule: Rule; index: number; section: string; message: string; fix: string }[];
  }[];
  warnings: { rule: string; subject: string }[];
}

async function verdictOf(
  argv: readonly string[],
  files: Readonly<Record<string, string>> = {},
): Promise<VerdictDocument & { code: Ran['code'] }> {
  const { code, stdout } = await inspect([...argv, '--json'], files);
  return { code, ...(JSON.parse(stdout) as { verdict: VerdictDocument }).verdict };
}

/** `message: fix` of everything that speaks against the best path. */
const said = ({ candidates }: VerdictDocument): string[] =>
  (candidates[0]?.findings ?? []).map(({ message, fix }) => `${message}: ${fix}`);
const broken = ({ candidates }: VerdictDocument): string[] =>
  (candidates[0]?.findings ?? []).map(({ rule }) => rule);

describe('a chain that holds', () => {
  it('is shown as a tree, anchor first, and ends with 0', async () => {
    const { code, stdout } = await inspect(['full.pem', '--trust', 'root.pem', '--usage', 'server']);
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      'chain: valid for server at 2030-06-15T12:00:00Z',
      '  root trusted, until 2030-07-15',
      '    └ lower until 2030-07-15',
      '      └ orders.internal until 2030-07-15',
    ]);
  });

  it('may take its intermediates from another file, in any order', async () => {
    const files = { 'cas.pem': pem(authority('stranger'), lower) };
    const verdict = await verdictOf(
      ['leaf.pem', '--trust', 'root.pem', '--intermediates', 'cas.pem', '--name', 'orders.internal'],
      files,
    );
    expect(verdict).toMatchObject({ code: 0, valid: true });
    expect(verdict.path?.map(({ name }) => name)).toEqual(['orders.internal', 'lower', 'root']);
  });

  it('may rest on several trust files', async () => {
    const files = { 'other.pem': pem(authority('other')) };
    expect(await verdictOf(['full.pem', '--trust', 'other.pem', '--trust', 'root.pem'], files)).toMatchObject(
      {
        code: 0,
      },
    );
  });

  it('is judged for the time that is asked for', async () => {
    const argv = ['full.pem', '--trust', 'root.pem', '--at'];
    expect((await inspect([...argv, '2030-07-01'])).code).toBe(0);
    expect((await inspect([...argv, '2030-08-01'])).code).toBe(3);
  });

  it('says whose CRL nobody gave', async () => {
    const { stdout } = await inspect(['full.pem', '--trust', 'root.pem']);
    expect(stdout).toContain('revocation was not looked at: no CRL of lower and root was given (--crl)');
  });

  it('passes with a warning where one of its CAs has no CRL: nginx would refuse', async () => {
    const argv = ['full.pem', '--trust', 'root.pem', '--crl', 'crl.pem'];
    const files = { 'crl.pem': crlPem(lower, []) };
    const { code, stdout } = await inspect(argv, files);
    expect(code).toBe(0);
    expect(stdout).toContain('warning: there is no CRL of root: nginx would refuse the chain');
    expect((await verdictOf(argv, files)).warnings).toMatchObject([{ rule: 'no-crl', subject: 'root' }]);
  });

  it('warns where its key identifiers contradict it: OpenSSL will refuse', async () => {
    const odd = issue('odd.internal', lower, { authorityKeyIdentifier: Buffer.alloc(20, 7) });
    const { code, stdout } = await inspect(['odd.pem', '--trust', 'root.pem'], {
      'odd.pem': pem(odd, lower),
    });
    expect(code).toBe(0);
    expect(stdout).toContain('OpenSSL will refuse this chain');
  });

  it('goes round a root that has expired where there is another way', async () => {
    const old = authority('old root', undefined, { notAfter: days(-1) });
    const cross = authority('lower', old, { key: lower.key });
    const files = { 'full.pem': pem(leaf, cross, lower), 'roots.pem': pem(old, root) };
    const verdict = await verdictOf(['full.pem', '--trust', 'roots.pem'], files);
    expect(verdict.path?.map(({ name }) => name)).toEqual(['orders.internal', 'lower', 'root']);
  });
});

describe('a chain that does not hold ends with 3 and says, like a colleague,', () => {
  it('that it expired', async () => {
    const old = issue('orders.internal', lower, { notAfter: days(-3) });
    const verdict = await verdictOf(['old.pem', '--trust', 'root.pem'], { 'old.pem': pem(old, lower) });
    expect(verdict.code).toBe(3);
    expect(said(verdict)).toEqual(['orders.internal expired 3 days ago: rotate it']);
  });

  it('that the root expired', async () => {
    const old = authority('root', undefined, { key: root.key, notAfter: days(-3) });
    const verdict = await verdictOf(['full.pem', '--trust', 'old.pem'], { 'old.pem': pem(old) });
    expect(said(verdict)).toEqual([
      'root expired 3 days ago: renew it and send the new one along, or trust its successor',
    ]);
  });

  it('that the issuing CA is missing', async () => {
    const verdict = await verdictOf(['leaf.pem', '--trust', 'root.pem']);
    expect(said(verdict)).toEqual([
      'the issuing CA of orders.internal is missing from what was given (CN=lower): use fullchain.pem, or give it with --intermediates',
    ]);
  });

  it('that the trust file holds an intermediate only, unless that is meant', async () => {
    const argv = ['leaf.pem', '--trust', 'lower.pem'];
    const files = { 'lower.pem': pem(lower) };
    expect(said(await verdictOf(argv, files))).toEqual([
      'the trust file holds an intermediate only: trust its root, as Node wants it, or accept it as it is with --partial-chain',
    ]);
    expect((await verdictOf([...argv, '--partial-chain'], files)).code).toBe(0);
    expect((await verdictOf([...argv, '--strength', 'any'], files)).code).toBe(0);
  });

  it('that a key agreement certificate authenticates no client', async () => {
    const agreement = issue('kx.internal', lower, { keyUsage: ['keyAgreement'] });
    const verdict = await verdictOf(['kx.pem', '--trust', 'root.pem', '--usage', 'client'], {
      'kx.pem': pem(agreement, lower),
    });
    expect(said(verdict)).toEqual([
      'kx.internal is a key agreement certificate, not one for client authentication: issue with --usage client',
    ]);
  });

  it('that it is for servers only', async () => {
    const server = issue('web.internal', lower, { extendedKeyUsage: [oid.serverAuth] });
    const files = { 'web.pem': pem(server, lower) };
    const argv = ['web.pem', '--trust', 'root.pem', '--usage'];
    expect(said(await verdictOf([...argv, 'client'], files))).toEqual([
      'web.internal is for server authentication, not for client authentication: issue with --usage client',
    ]);
    expect(broken(await verdictOf([...argv, '1.3.6.1.5.5.7.3.17'], files))).toEqual(['extended-key-usage']);
  });

  it('that it is for another name', async () => {
    const verdict = await verdictOf(['full.pem', '--trust', 'root.pem', '--name', 'billing.internal']);
    expect(said(verdict)).toEqual([
      'orders.internal is not for billing.internal, only for orders.internal: issue it again with the name billing.internal',
    ]);
  });

  it('that it was revoked, when and why', async () => {
    const files = { 'crl.pem': crlPem(lower, [leaf], { reason: 'keyCompromise' }) };
    const verdict = await verdictOf(['full.pem', '--trust', 'root.pem', '--crl', 'crl.pem'], files);
    expect(said(verdict)).toEqual([
      'orders.internal was revoked on 2030-06-13: its key was compromised: issue a new one with a new key',
    ]);
  });

  it('that a CRL which is given is stale or not its issuer’s', async () => {
    const stale = { 'crl.pem': crlPem(lower, [], { thisUpdate: days(-9), nextUpdate: days(-2) }) };
    const forged = { 'crl.pem': crlPem({ ...root, certificate: lower.certificate }, []) };
    const argv = ['full.pem', '--trust', 'root.pem', '--crl', 'crl.pem'];
    expect(said(await verdictOf(argv, stale))[0]).toContain('the CRL of lower went stale 2 days ago');
    expect(said(await verdictOf(argv, forged))[0]).toContain('the CRL of lower was not signed by lower');
  });

  it('that a CRL is missing where all are required', async () => {
    const argv = ['full.pem', '--trust', 'root.pem', '--crl', 'crl.pem', '--require-crl'];
    expect(said(await verdictOf(argv, { 'crl.pem': crlPem(lower, []) }))).toEqual([
      'there is no CRL of root, so nobody knows whether lower is revoked: give the CRL of root with --crl',
    ]);
    const both = { 'crl.pem': crlPem(lower, []) + crlPem(root, []) };
    expect(await verdictOf(argv, both)).toMatchObject({ code: 0, warnings: [] });
  });

  it('that a key is too weak, unless the path alone is judged', async () => {
    const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const files = { 'weak.pem': pem(issue('weak.internal', lower, { key }), lower) };
    const argv = ['weak.pem', '--trust', 'root.pem'];
    expect(said(await verdictOf(argv, files))).toEqual([
      'weak.internal has a key of 1024 bits, below 2048: issue it again with a new key: ec-p256, or rsa-2048 and above',
    ]);
    expect((await verdictOf([...argv, '--strength', 'any'], files)).code).toBe(0);
  });

  it('that the path is longer than allowed', async () => {
    expect(broken(await verdictOf(['full.pem', '--trust', 'root.pem', '--max-depth', '0']))).toEqual([
      'max-depth',
    ]);
  });

  it('that an explicit policy is required and there is none', async () => {
    const argv = ['full.pem', '--trust', 'root.pem', '--policy', '1.2.3', '--require-explicit-policy'];
    expect(broken(await verdictOf(argv))).toEqual(['policy']);
  });

  it('what is wrong with every path that it tried, on the very certificate', async () => {
    const stale = authority('lower', root, { key: lower.key, notAfter: days(-1) });
    const stranger = authority('stranger');
    const cross = authority('lower', stranger, { key: lower.key });
    const files = { 'full.pem': pem(leaf, stale, cross) };
    const { code, stdout } = await inspect(['full.pem', '--trust', 'root.pem'], files);
    expect(code).toBe(3);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'chain: not valid for any use at 2030-06-15T12:00:00Z; 2 paths tried',
      'path 1',
      '  root trusted, until 2030-07-15',
      '    └ lower until 2030-06-14',
      '      ✗ lower expired 1 day ago: renew it and send the new one along, or trust its successor',
      '        expired, RFC 5280 6.1.3 (a)(2)',
      '      └ orders.internal until 2030-07-15',
      'path 2',
      '  lower until 2030-07-15',
      '    ✗ the issuer of lower is neither trusted nor given (CN=stranger): trust it if it is a root, give it along if it is an intermediate',
      '      issuer-missing, RFC 5280 6.1 (b)',
      '    └ orders.internal until 2030-07-15',
    ]);
    const verdict = await verdictOf(['full.pem', '--trust', 'root.pem'], files);
    expect(verdict.candidates.map(({ complete }) => complete)).toEqual([true, false]);
  });

  it('one line of it on standard error where all else is to be quiet', async () => {
    const ran = await inspect(['leaf.pem', '--trust', 'root.pem', '--quiet']);
    expect(ran).toMatchObject({ code: 3, stdout: '' });
    expect(ran.stderr).toMatch(/^certwright: the issuing CA of orders\.internal is missing/);
  });

  it('nothing that moves the cursor, whatever the certificates say', async () => {
    const nasty = issue('\u001b[2Jboo', lower, { names: [], notAfter: days(-1) });
    const { stdout } = await inspect(['n.pem', '--trust', 'root.pem'], { 'n.pem': pem(nasty, lower) });
    expect(stdout).toContain('\\u001b[2Jboo expired');
    expect(stdout).not.toContain('\u001b');
  });
});

describe('what is asked for wrongly ends with 2 and touches nothing:', () => {
  const refused = async (argv: readonly string[], files: Record<string, string> = {}): Promise<string> => {
    const { code, stdout, stderr } = await inspect(argv, files);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    return stderr;
  };

  it('a trust file that is not there never means the system’s roots', async () => {
    expect(await refused(['full.pem', '--trust', 'missing.pem'])).toContain('missing.pem');
  });

  it('nor one that holds no certificate', async () => {
    expect(await refused(['full.pem', '--trust', 'empty.pem'], { 'empty.pem': '' })).toContain('empty');
    expect(await refused(['full.pem', '--trust', 'crl.pem'], { 'crl.pem': crlPem(lower, []) })).toMatch(
      /--trust .*crl\.pem holds no certificate\n {2}its block 1 holds a CRL\n/,
    );
  });

  it('nor one of which a part cannot be read', async () => {
    const torn = pem(root) + pem(lower).replace('MII', 'MIK');
    expect(await refused(['full.pem', '--trust', 'torn.pem'], { 'torn.pem': torn })).toContain('block 2');
  });

  it('nor one that OpenSSL trusts for some uses alone', async () => {
    const settings = write.sequence(write.sequence(write.objectIdentifier(oid.emailProtection)));
    const block = encodePem('TRUSTED CERTIFICATE', Buffer.concat([root.certificate.der, settings]));
    expect(await refused(['full.pem', '--trust', 'some.pem'], { 'some.pem': block })).toContain(
      'its block 1 is trusted for some uses alone',
    );
  });

  it('an empty SSL_CERT_FILE for the system’s roots', async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'full.pem'), pem(leaf, lower));
    const env = { SSL_CERT_FILE: 'nowhere.pem' };
    expect(await run(['inspect', 'full.pem', '--trust', 'system'], { cwd, env })).toMatchObject({ code: 2 });
    writeFileSync(join(cwd, 'nowhere.pem'), pem(root));
    const now = (): Date => noon;
    expect(await run(['inspect', 'full.pem', '--trust', 'system'], { cwd, env, now })).toMatchObject({
      code: 0,
    });
  });

  it('files for intermediates and CRLs that hold none', async () => {
    const files = { 'crl.pem': crlPem(lower, []) };
    expect(await refused(['full.pem', '--trust', 'root.pem', '--crl', 'root.pem'])).toContain('holds no CRL');
    expect(await refused(['full.pem', '--trust', 'root.pem', '--intermediates', 'crl.pem'], files)).toContain(
      'holds no certificate',
    );
  });

  it('a target without a certificate, or a folder', async () => {
    const files = { 'crl.pem': crlPem(lower, []) };
    expect(await refused(['crl.pem', '--trust', 'root.pem'], files)).toContain('no certificate to be judged');
    expect(await refused(['.', '--trust', 'root.pem'])).toContain('--trust is for a file');
  });

  it.each([
    [['--usage', 'mail'], '--usage "mail" is not known'],
    [['--policy', 'gold'], '--policy "gold" is not an OID'],
    [['--max-depth', '-1'], '--max-depth "-1" is not a number of CAs'],
    [['--strength', 'weak'], '--strength "weak" is not known'],
    [['--at', 'noon'], '--at "noon" is not a time'],
    [['--name', 'a b'], 'name "a b" holds a space'],
  ])('%j', async (flags, message) => {
    expect(await refused(['full.pem', '--trust', 'root.pem', ...flags])).toContain(message);
  });

  it('nothing at all, as a variable that is not set makes it', async () => {
    expect(await refused([''])).toContain('the target is empty');
  });

  it('a question without anything to trust', async () => {
    expect(await refused(['full.pem', '--require-crl'])).toContain('--require-crl goes with --trust');
  });
});

describe('the document', () => {
  const schema = JSON.parse(
    readFileSync(resolve(import.meta.dirname, '../../docs/schema/verdict.v1.json'), 'utf8'),
  ) as { $defs: { rule: { enum: string[] } } };
  const validate = new Ajv2020({ strict: true, validateFormats: false }).compile(schema);

  it.each([
    ['that holds', ['full.pem', '--trust', 'root.pem']],
    ['that does not', ['leaf.pem', '--trust', 'root.pem']],
  ])('of a chain %s follows its schema', async (_, argv) => {
    const { stdout } = await inspect([...argv, '--json']);
    validate((JSON.parse(stdout) as { verdict: unknown }).verdict);
    expect(validate.errors ?? []).toEqual([]);
  });

  it('knows every rule', () => {
    expect(schema.$defs.rule.enum).toEqual(Object.keys(ruleSections));
  });

  it('tells which rules a path was judged by', async () => {
    const rules = async (...argv: string[]): Promise<string[]> =>
      (await verdictOf(['full.pem', '--trust', 'root.pem', ...argv])).candidates[0]?.tried.map(
        ({ rule }) => rule,
      ) ?? [];
    expect(await rules()).toEqual(
      expect.arrayContaining(['expired', 'bad-signature', 'not-permitted', 'policy']),
    );
    expect(await rules()).not.toContain('name-mismatch');
    expect(await rules('--name', 'orders.internal')).toContain('name-mismatch');
  });
});
