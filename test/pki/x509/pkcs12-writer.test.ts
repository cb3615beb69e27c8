import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { FileBudget } from '../../../src/pki/x509/file-budget.ts';
import { generateKey, keyTypes, publicKeyDer, type KeyType } from '../../../src/pki/x509/key.ts';
import { openPkcs12 } from '../../../src/pki/x509/pkcs12.ts';
import { pkcs12Schemes, writePkcs12 } from '../../../src/pki/x509/pkcs12-writer.ts';
import { authority, issue, type Entity } from '../../support/chains.ts';
import { execute } from '../../support/cli.ts';
import { describeWith } from '../../support/tools.ts';

const secret = 'pässword-🔑';

interface Made {
  leaf: Entity;
  intermediate: Entity;
}

function made(key?: KeyObject): Made {
  const root = authority('Root');
  const intermediate = authority('Issuing CA', root);
  return { leaf: issue('orders.internal', intermediate, key ? { key } : {}), intermediate };
}

const p12 = (
  { leaf, intermediate }: Made,
  scheme: keyof typeof pkcs12Schemes,
  passphrase = secret,
): Promise<Buffer> =>
  writePkcs12(
    {
      key: leaf.key,
      certificates: [leaf.certificate.der, intermediate.certificate.der],
      friendlyName: 'Orders & Söhne',
      passphrase: Buffer.from(passphrase),
    },
    pkcs12Schemes[scheme],
  );

const schemes = ['modern', 'legacy'] as const;

describe.each(schemes)('a PKCS#12 file, %s', (scheme) => {
  it('is read by inspect with its key, its chain and its name', async () => {
    const one = made();
    const bytes = await p12(one, scheme);
    const found = await openPkcs12(bytes, async () => Buffer.from(secret), new FileBudget());
    expect(found?.integrity).toBe('mac');
    expect(found?.open).toBe(false);
    const { leaf, intermediate } = one;
    expect(found?.bags.map(({ kind, friendlyName }) => [kind, friendlyName])).toEqual([
      ['certificate', 'Orders & Söhne'],
      ['certificate', undefined],
      ['key', 'Orders & Söhne'],
    ]);
    const [first, second, key] = found?.bags ?? [];
    expect(first?.der).toEqual(leaf.certificate.der);
    expect(second?.der).toEqual(intermediate.certificate.der);
    const opened = createPrivateKey({ key: key?.der ?? Buffer.alloc(0), format: 'der', type: 'pkcs8' });
    expect(publicKeyDer(opened)).toEqual(publicKeyDer(leaf.key));
  });

  it('is opened by Node.js, and by the right passphrase alone', async () => {
    const pfx = await p12(made(), scheme);
    expect(() => createSecureContext({ pfx, passphrase: secret })).not.toThrow();
    expect(() => createSecureContext({ pfx, passphrase: 'other' })).toThrow();
  });

  it('is another file each time', async () => {
    const one = made();
    expect(await p12(one, scheme)).not.toEqual(await p12(one, scheme));
  });
});

const slow: readonly KeyType[] = ['rsa-3072', 'rsa-4096'];

it.each(keyTypes.filter((type) => !slow.includes(type)))('takes a key of %s', async (type) => {
  const pfx = await p12(made(await generateKey(type)), 'modern');
  expect(() => createSecureContext({ pfx, passphrase: secret })).not.toThrow();
});

function inFolder(): { folder: () => string } {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'certwright-p12-'));
    return () => {
      rmSync(folder, { recursive: true, force: true });
    };
  });
  return { folder: () => folder };
}

describeWith(['openssl'], 'openssl', () => {
  const { folder } = inFolder();

  it.each(schemes)('opens one that is %s', async (scheme) => {
    const one = made();
    const file = join(folder(), `${scheme}.p12`);
    writeFileSync(file, await p12(one, scheme));
    const env = { ...process.env, PASS: secret };
    const { code, stdout, stderr } = await execute(
      'openssl',
      ['pkcs12', '-in', file, '-passin', 'env:PASS', '-nodes', '-info'],
      { env },
    );
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    const pem = one.leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(stdout).toContain(pem.trim());
    expect(stderr).toContain(`MAC: ${scheme === 'modern' ? 'sha256' : 'sha1'}, Iteration 10000`);
    expect(stderr).toContain(scheme === 'modern' ? 'AES-256-CBC' : 'pbeWithSHA1And3-KeyTripleDES-CBC');
  });
});

describeWith(['keytool'], 'keytool', () => {
  const { folder } = inFolder();

  it.each(schemes)('lists one that is %s, with its alias and chain', async (scheme) => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const file = join(folder(), `${scheme}.p12`);
    // keytool takes passphrases of ASCII only from a file in the locale's encoding.
    writeFileSync(file, await p12(made(scheme === 'modern' ? undefined : rsa), scheme, 'changeit'));
    writeFileSync(join(folder(), 'pass'), 'changeit');
    const { code, stdout } = await execute('keytool', [
      ...['-J-Duser.language=en', '-list', '-v', '-storetype', 'PKCS12'],
      ...['-keystore', file, '-storepass:file', join(folder(), 'pass')],
    ]);
    expect({ code, stdout: code === 0 ? '' : stdout }).toEqual({ code: 0, stdout: '' });
    expect(stdout).toContain('Entry type: PrivateKeyEntry');
    expect(stdout).toMatch(/Alias name: orders & s/);
    expect(stdout).toContain('Certificate chain length: 2');
  });
});
