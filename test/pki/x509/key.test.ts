import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateKey, keyTypeOf, keyTypes, privateKeyPem, publicKeyDer } from '../../../src/pki/x509/key.ts';

const quick = keyTypes.filter((type) => !type.startsWith('rsa-') || type === 'rsa-2048');

describe.each(quick)('a fresh %s key', (type) => {
  it('is written as OpenSSL writes it', async () => {
    // Coordinates and secrets that begin with zeros, one in 256, have as many octets as all others.
    for (let tries = type.startsWith('ec-') ? 300 : 1; tries > 0; tries -= 1) {
      const key = await generateKey(type);
      const pem = privateKeyPem(key);
      // A key that was read is one of which nothing is known.
      const again = createPrivateKey(pem);
      expect(again.export({ type: 'pkcs8', format: 'pem' })).toBe(pem);
      const spki = createPublicKey(again).export({ type: 'spki', format: 'der' });
      expect(publicKeyDer(key).equals(spki)).toBe(true);
      expect(again.equals(key)).toBe(true);
      expect(keyTypeOf(again)).toBe(type);
    }
  });
});
