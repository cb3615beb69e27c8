import { createECDH, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import * as write from '../../../src/pki/x509/der-writer.ts';
import { encodeEcKey } from '../../../src/pki/x509/ec-key.ts';
import {
  generateKey,
  keyTypeOf,
  openPrivateKey,
  privateKeyDer,
  privateKeyPem,
  publicKeyDer,
} from '../../../src/pki/x509/key.ts';
import { oid } from '../../../src/pki/x509/oid.ts';
import { encodePem } from '../../../src/pki/x509/pem-writer.ts';

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

test('a private key whose public half is the point at infinity is damaged', async () => {
  const algorithm = write.sequence(
    write.objectIdentifier(oid.ecPublicKey),
    write.objectIdentifier(oid.prime256v1),
  );
  const infinity = write.explicit(1, write.bitString(Buffer.from([0])));
  const scalar = write.octetString(Buffer.alloc(32, 5));
  const ecPrivateKey = write.sequence(write.integer(1), scalar, infinity);
  const der = write.sequence(write.integer(0), algorithm, write.octetString(ecPrivateKey));
  const pem = Buffer.from(encodePem('PRIVATE KEY', der));
  const opened = openPrivateKey(pem, 'key.pem', () => Promise.reject(new Error('it is not encrypted')));
  await expect(opened).rejects.toMatchObject({
    code: 'malformed',
    message: 'key.pem holds a damaged private key: it has no public half',
  });
});

test('no two fresh keys are the same', async () => {
  const keys = await Promise.all(Array.from({ length: 64 }, () => generateKey('ec-p256')));
  expect(new Set(keys.map(privateKeyPem)).size).toBe(64);
});
