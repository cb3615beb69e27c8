import { createECDH, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodeEcKey } from '../../../src/pki/x509/ec-key.ts';
import {
  generateKey,
  keyTypeOf,
  privateKeyDer,
  privateKeyPem,
  publicKeyDer,
} from '../../../src/pki/x509/key.ts';

const curves = [
  ['P-256', 'prime256v1'],
  ['P-384', 'secp384r1'],
  ['P-521', 'secp521r1'],
] as const;

test.each(curves)(
  'a key on %s is encoded as OpenSSL encodes it, also one with zeros before it',
  (curve, name) => {
    for (const scalar of ['01', 'ff', '00c0ffee'.repeat(4), '7f'.repeat(32)]) {
      const pair = createECDH(name);
      pair.setPrivateKey(scalar, 'hex');
      const { key, pkcs8, publicKey } = encodeEcKey(curve, pair.getPrivateKey(), pair.getPublicKey());
      const theirs = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
      expect(theirs.export({ type: 'pkcs8', format: 'der' })).toEqual(pkcs8);
      expect(createPublicKey(theirs).export({ type: 'spki', format: 'der' })).toEqual(publicKey);
      expect(key.export({ type: 'pkcs8', format: 'der' })).toEqual(pkcs8);
      expect(key.asymmetricKeyDetails?.namedCurve).toBe(name);
    }
  },
);

test.each(['ec-p256', 'ec-p384', 'ec-p521', 'ed25519', 'rsa-2048'] as const)(
  'a fresh %s key and its PEM are one key',
  async (type) => {
    const key = await generateKey(type);
    const read = createPrivateKey(privateKeyPem(key));
    const digest = type === 'ed25519' ? null : 'sha256';
    const data = Buffer.from('signed');
    expect(verify(digest, data, createPublicKey(read), sign(digest, data, key))).toBe(true);
    expect(publicKeyDer(key)).toEqual(publicKeyDer(read));
    expect(privateKeyDer(key)).toEqual(privateKeyDer(read));
    expect(keyTypeOf(key)).toBe(type);
    expect(keyTypeOf(read)).toBe(type);
  },
);

test('no two fresh keys are the same', async () => {
  const keys = await Promise.all(Array.from({ length: 64 }, () => generateKey('ec-p256')));
  expect(new Set(keys.map(privateKeyPem)).size).toBe(64);
});
