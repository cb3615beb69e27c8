import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../src/pki/x509/certificate.ts';
import { readCrl } from '../../src/pki/x509/crl.ts';
import { formatName } from '../../src/pki/x509/distinguished-name.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { buildCrlOf } from '../support/aws/acm-pca/crl.ts';
import { emulatorForFile } from '../support/aws/lent.ts';
import { run, temporaryFolder } from '../support/cli.ts';

const emulator = emulatorForFile();

const publishing = (more: object = {}): { revocation: Readonly<Record<string, unknown>> } => ({
  revocation: { CrlConfiguration: { Enabled: true, ExpirationInDays: 7, S3BucketName: 'crls', ...more } },
});

/** Brings a bundle of these authorities up to date. */
async function trust(
  authorities: string[],
  cwd = temporaryFolder(),
): Promise<{
  code: number | string;
  stderr: string;
  subjects: (file: string) => string[];
  crls: () => string[];
  numbers: () => string[];
}> {
  writeFileSync(
    join(cwd, 'certwright.yaml'),
    `trust: { peers: { authorities: [${authorities.join(', ')}] } }\n`,
  );
  const env = { ...emulator().environment, AWS_MAX_ATTEMPTS: '1' };
  const { code, stderr } = await run(['trust'], { cwd, env, now: () => emulator().clock.now() });
  const blocks = (file: string): Buffer[] => {
    const pem = readFileSync(join(cwd, 'certs', '_trust', 'peers', 'current', file), 'latin1');
    return [...pem.matchAll(/-----BEGIN [^-]*-----([^-]*)/g)].map(([, base64 = '']) =>
      Buffer.from(base64, 'base64'),
    );
  };
  return {
    code,
    stderr,
    subjects: (file) => blocks(file).map((der) => formatName(readCertificate(der).subjectName)),
    crls: () => blocks('crl.pem').map((der) => formatName(readCrl(der).issuerName)),
    numbers: () =>
      blocks('crl.pem').map((der) => {
        const { extensions } = readCrl(der);
        return extensions.find(({ id }) => id === oid.crlNumber)?.value.toString('hex') ?? '';
      }),
  };
}

describe('a trust bundle of AWS Private CA', () => {
  it('has the chain, and the CRLs from where AWS publishes them', async () => {
    const root = await emulator().createCa({ name: 'Root', pathLength: 1, ...publishing() });
    const issuing = await emulator().createCa({ name: 'Issuing', parent: root, ...publishing() });
    const { code, stderr, subjects, crls } = await trust([root, issuing]);
    expect(stderr).not.toContain('certwright:');
    expect(code).toBe(0);
    expect(subjects('ca.pem')).toEqual([expect.stringContaining('Root')]);
    expect(subjects('chain.pem')).toEqual([expect.stringContaining('Issuing')]);
    expect(crls()).toEqual([expect.stringContaining('Root'), expect.stringContaining('Issuing')]);
  });

  it('has the CRLs of the CAs above, too, and says which is missing: servers refuse everybody without it', async () => {
    const root = await emulator().createCa({ name: 'Upper', pathLength: 1, ...publishing() });
    const below = await trust([await emulator().createCa({ name: 'Lower', parent: root, ...publishing() })]);
    expect(below.stderr).not.toContain('no CRL');
    expect(below.crls()).toEqual([expect.stringContaining('Lower'), expect.stringContaining('Upper')]);
    const silent = await emulator().createCa({ name: 'Mute', pathLength: 1 });
    const { code, stderr } = await trust([
      await emulator().createCa({ name: 'Loud', parent: silent, ...publishing() }),
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('crl.pem has no CRL of');
    expect(stderr).toContain('Mute');
  });

  it('takes no older CRL than it has, from whoever hands one out', async () => {
    const ca = await emulator().createCa({ name: 'Cached', ...publishing() });
    const path = `/crls/crl/${ca.split('/')[1]}.crl`;
    const old = buildCrlOf(emulator().cloud, emulator().cloud.cas.get(ca)!);
    emulator().clock.advance(60_000);
    const cwd = temporaryFolder();
    const numbers = async (): Promise<string[]> => (await trust([ca], cwd)).numbers();
    const [newer] = await numbers();
    emulator().cloud.objects.set(path, { type: 'application/pkix-crl', body: old });
    expect(await numbers()).toEqual([newer]);
    emulator().cloud.objects.clear();
    emulator().clock.advance(60_000);
    expect(await numbers()).not.toEqual([newer]);
  });

  it('has no CRL of a CA that publishes none', async () => {
    const { code, subjects, crls } = await trust([await emulator().createCa({ name: 'Silent' })]);
    expect(code).toBe(0);
    expect(subjects('ca.pem')).toEqual([expect.stringContaining('Silent')]);
    expect(crls()).toEqual([]);
  });

  it('is not brought up to date where a CRL cannot be had', async () => {
    const ca = await emulator().createCa({ name: 'Cut off', ...publishing({ CustomCname: '127.0.0.1:9' }) });
    const { code, stderr } = await trust([ca]);
    expect(stderr).toContain(
      'trust peers was not brought up to date: cannot fetch the CRL from http://127.0.0.1:9/crl/',
    );
    expect(code).toBe(75);
  });
});
