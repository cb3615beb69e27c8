import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  buildCertificate,
  randomSerial,
  type CertificateTemplate,
} from '../../src/pki/x509/certificate-builder.ts';
import { readCertificationRequest } from '../../src/pki/x509/certification-request.ts';
import { encodeName } from '../../src/pki/x509/distinguished-name.ts';
import { keyIdentifier, publicKeyDer } from '../../src/pki/x509/key.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { certificatePem } from '../../src/pki/x509/pem-writer.ts';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const year = 365 * 86_400_000;
const seconds = (time: number): Date => new Date(Math.floor(time / 1000) * 1000);

interface Corp {
  key: KeyObject;
  subject: Buffer;
  pem: string;
}

/** Somebody else's CA: a root, or one below another. */
function corp(
  name: string,
  above?: Corp,
  pathLength?: number,
  changes: Partial<CertificateTemplate> = {},
): Corp {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const subject = encodeName([{ type: oid.commonName, value: name }]);
  const pem = certify(above ?? { key, subject, pem: '' }, subject, key, { pathLength, ...changes });
  return { key, subject, pem };
}

function certify(
  by: Corp,
  subject: Buffer,
  key: KeyObject | Buffer,
  { pathLength, ...changes }: Partial<CertificateTemplate> & { pathLength?: number | undefined } = {},
): string {
  const publicKey = Buffer.isBuffer(key) ? key : publicKeyDer(key);
  const template: CertificateTemplate = {
    serial: randomSerial(),
    issuer: by.subject,
    subject,
    notBefore: seconds(Date.now() - 60_000),
    notAfter: seconds(Date.now() + 3 * year),
    publicKey,
    basicConstraints: { ca: true, pathLength },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    names: [],
    nameConstraints: undefined,
    authorityKeyIdentifier: keyIdentifier(publicKeyDer(by.key)),
    crlUrls: [],
    ocspUrls: [],
    issuerUrls: [],
    ...changes,
  };
  return certificatePem(buildCertificate(template, by.key));
}

describe("an issuing CA under somebody else's root", () => {
  let cwd = '';
  const certwright = (...argv: string[]): Promise<Ran> => run(argv, { cwd });
  const put = (name: string, ...pems: string[]): string => {
    writeFileSync(join(cwd, name), pems.join(''));
    return name;
  };
  const request = (file = 'shop.csr'): { subject: Buffer; publicKey: Buffer } =>
    readCertificationRequest(
      Buffer.from(readFileSync(join(cwd, file), 'utf8').replace(/-----[^-]*-----|\s/g, ''), 'base64'),
    );
  const signedBy = (by: Corp, changes: Parameters<typeof certify>[3] = {}): string =>
    certify(by, request().subject, request().publicKey, { pathLength: 0, ...changes });

  const root = corp('Corp Root');
  const policy = corp('Corp Policy', root, 1);

  beforeEach(async () => {
    cwd = temporaryFolder();
    expect(await certwright('ca', 'init', '--name', 'Shop', '--csr-out', 'shop.csr')).toMatchObject({
      code: 0,
    });
    put('root.pem', root.pem);
  });

  it('waits for its certificate, then issues what the root vouches for', async () => {
    const waiting = await certwright('issue', 'a.internal');
    expect(waiting.code).toBe(2);
    expect(waiting.stderr).toContain('has no certificate yet');
    expect((await certwright('ca', 'doctor')).stdout).toContain('a key waits for its certificate');

    put('shop.pem', policy.pem, signedBy(policy));
    const installed = await certwright('ca', 'install-cert', 'shop.pem', '--trust', 'root.pem', '--json');
    expect(installed).toMatchObject({ code: 0, stderr: '' });
    expect(schemaErrors(installed.stdout)).toEqual([]);
    expect(JSON.parse(installed.stdout)).toMatchObject({ issuers: [{ role: 'issuing', active: true }] });
    expect(existsSync(join(cwd, 'ca/pending'))).toBe(false);
    expect(readFileSync((JSON.parse(installed.stdout) as { root: string }).root, 'utf8')).toBe(root.pem);

    expect(await certwright('issue', 'a.internal')).toMatchObject({ code: 0 });
    expect(
      await certwright(
        'inspect',
        'certs/a.internal/current/fullchain.pem',
        '--trust',
        'root.pem',
        '--usage',
        'server',
      ),
    ).toMatchObject({ code: 0 });
    expect(await certwright('ca', 'doctor')).toMatchObject({ code: 0 });
  });

  it('asks for a CA that signs no further CAs', () => {
    const { extensions } = readCertificationRequest(
      Buffer.from(readFileSync(join(cwd, 'shop.csr'), 'utf8').replace(/-----[^-]*-----|\s/g, ''), 'base64'),
    );
    expect(extensions.map(({ id }) => id)).toEqual([oid.basicConstraints, oid.keyUsage]);
  });

  it.each([
    ['itself', () => [signedBy(policy, { extendedKeyUsage: [oid.clientAuth] }), policy.pem]],
    [
      'the one above it',
      () => {
        const clients = corp('Clients', root, 1, { extendedKeyUsage: [oid.clientAuth] });
        return [signedBy(clients), clients.pem];
      },
    ],
  ])('signs only what %s is for', async (_, pems) => {
    put('shop.pem', ...pems());
    expect(await certwright('ca', 'install-cert', 'shop.pem', '--trust', 'root.pem')).toMatchObject({
      code: 0,
    });
    const refused = await certwright('issue', 'a.internal');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/may not sign this for mtls: (it|"Clients") is only for clientAuth/);
    expect(refused.stderr).toContain('--usage client is within it');
    expect(existsSync(join(cwd, 'certs/a.internal'))).toBe(false);
    expect(await certwright('issue', 'a.internal', '--usage', 'client')).toMatchObject({ code: 0 });
  });

  it('warns of a CA for any purpose, which OpenSSL does not take for one', async () => {
    put('shop.pem', signedBy(policy, { extendedKeyUsage: [oid.anyExtendedKeyUsage] }), policy.pem);
    const installed = await certwright('ca', 'install-cert', 'shop.pem', '--trust', 'root.pem');
    expect(installed).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('warning: OpenSSL') as string,
    });
    const planned = await certwright('issue', 'a.internal', '--dry-run');
    expect(planned).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('for mtls: it names any') as string,
    });
    expect(await certwright('issue', 'a.internal')).toMatchObject({ code: 0 });
  });

  it('shows what it is for alone', async () => {
    put('shop.pem', signedBy(policy, { extendedKeyUsage: [oid.clientAuth] }), policy.pem);
    await certwright('ca', 'install-cert', 'shop.pem', '--trust', 'root.pem');
    expect((await certwright('ca', 'show')).stdout).toContain('servers and clients; only for clientAuth');
    const { stdout } = await certwright('ca', 'show', '--json');
    expect(schemaErrors(stdout)).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({ issuers: [{ extendedKeyUsage: ['clientAuth'] }] });
  });

  const other = corp('Other Root');
  it.each<{ what: string; pems: () => string[]; says: string }>([
    {
      what: 'another key',
      pems: () => [corp('Else', root).pem, root.pem],
      says: 'holds no certificate for a key',
    },
    {
      what: 'no CA',
      pems: () => [signedBy(root, { basicConstraints: { ca: false, pathLength: undefined } })],
      says: 'is no CA: its basic constraints do not say cA (RFC 5280 4.2.1.9)',
    },
    {
      what: 'no keyCertSign',
      pems: () => [signedBy(root, { keyUsage: ['cRLSign'] })],
      says: 'lacks keyCertSign',
    },
    {
      what: 'no cRLSign',
      pems: () => [signedBy(root, { keyUsage: ['keyCertSign'] })],
      says: 'lacks cRLSign',
    },
    { what: 'another root', pems: () => [signedBy(other)], says: '"Shop Issuing CA"' },
    { what: 'no chain', pems: () => [signedBy(policy)], says: '"Shop Issuing CA"' },
    {
      what: 'a path length that leaves no room',
      pems: () => {
        const narrow = corp('Corp Narrow', root, 0);
        return [signedBy(narrow), narrow.pem];
      },
      says: 'has path length 0, and 1 CA would stand below it',
    },
    {
      what: 'an expired one',
      pems: () => [
        signedBy(root, { notBefore: seconds(Date.now() - year), notAfter: seconds(Date.now() - 1000) }),
      ],
      says: 'expired',
    },
  ])('refuses $what, and waits on', async ({ pems, says }) => {
    put('shop.pem', ...pems());
    const { code, stderr } = await certwright('ca', 'install-cert', 'shop.pem', '--trust', 'root.pem');
    expect({ code, said: stderr.includes(says) || stderr }).toEqual({ code: 2, said: true });
    expect(readdirSync(join(cwd, 'ca/issuers'))).toEqual([]);
    expect(readdirSync(join(cwd, 'ca/pending'))).toHaveLength(1);
  });

  it('refuses --lifetime and --offline-root beside --csr-out, and a file that is there', async () => {
    for (const flags of [['--lifetime', '1y'], ['--offline-root', 'k.pem'], []]) {
      const { code } = await certwright('ca', 'init', '--ca', 'new', '--csr-out', 'shop.csr', ...flags);
      expect(code).toBe(2);
    }
    expect(existsSync(join(cwd, 'new'))).toBe(false);
  });

  it('writes the request again for as long as it waits', async () => {
    const ran = await certwright('ca', 'request', '--csr-out', 'again.csr', '--json');
    expect(schemaErrors(ran.stdout)).toEqual([]);
    expect(readFileSync(join(cwd, 'again.csr'))).toEqual(readFileSync(join(cwd, 'shop.csr')));
  });

  it('is renewed with the same key and name, and refuses another name', async () => {
    put('shop.pem', signedBy(root), root.pem);
    expect(await certwright('ca', 'install-cert', 'shop.pem')).toMatchObject({ code: 0 });
    await certwright('issue', 'a.internal');
    expect(await certwright('ca', 'request', '--csr-out', 'renew.csr')).toMatchObject({ code: 0 });
    expect(request('renew.csr')).toMatchObject({
      subject: request().subject,
      publicKey: request().publicKey,
    });

    const named = certify(policy, encodeName([{ type: oid.commonName, value: 'Else' }]), request().publicKey);
    put('else.pem', named, policy.pem);
    expect((await certwright('ca', 'install-cert', 'else.pem')).stderr).toContain('has another subject');

    const renewed = signedBy(policy, { notAfter: seconds(Date.now() + 2.9 * year) });
    put('renewed.pem', renewed, policy.pem);
    const ran = await certwright('ca', 'install-cert', 'renewed.pem');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const issuer = join(cwd, 'ca', readlinkSync(join(cwd, 'ca/active')));
    expect(readFileSync(join(issuer, 'cert.pem'), 'utf8')).toBe(renewed);
    expect(readFileSync(join(issuer, 'chain.pem'), 'utf8')).toBe(policy.pem + root.pem);
    expect(
      await certwright(
        'inspect',
        'certs/a.internal/current/cert.pem',
        '--trust',
        'root.pem',
        '--intermediates',
        'renewed.pem',
      ),
    ).toMatchObject({ code: 0 });
    expect(await certwright('issue', 'b.internal')).toMatchObject({ code: 0 });
  });

  it('goes on after a run that died between its steps', async () => {
    cpSync(join(cwd, 'ca'), join(cwd, 'before'), { recursive: true });
    put('shop.pem', signedBy(root), root.pem);
    await certwright('ca', 'install-cert', 'shop.pem');
    // The folder of the issuer has appeared, and nothing else was done.
    rmSync(join(cwd, 'ca/active'));
    cpSync(join(cwd, 'before/pending'), join(cwd, 'ca/pending'), { recursive: true });
    chmodSync(join(cwd, 'ca'), 0o700);
    expect(await certwright('ca', 'install-cert', 'shop.pem')).toMatchObject({ code: 0 });
    expect(existsSync(join(cwd, 'ca/pending'))).toBe(false);
    expect(await certwright('ca', 'install-cert', 'shop.pem')).toMatchObject({ code: 0 });
    expect(await certwright('issue', 'a.internal')).toMatchObject({ code: 0 });
  });
});
