import { createCipheriv, pbkdf2Sync, randomBytes, type KeyObject } from 'node:crypto';
import * as write from '../../../../src/pki/x509/der-writer.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import { encodePem } from '../../../../src/pki/x509/pem-writer.ts';

const rounds = 2048;

/** As ACM exports keys: PBES2 with PBKDF2, 20 octets of salt, the default PRF (HMAC-SHA-1), and AES-256-CBC. */
export function encryptedKeyPem(key: KeyObject, passphrase: Buffer): string {
  const salt = randomBytes(20);
  const iv = randomBytes(16);
  const secret = pbkdf2Sync(passphrase, salt, rounds, 32, 'sha1');
  const cipher = createCipheriv('aes-256-cbc', secret, iv);
  const plain = key.export({ type: 'pkcs8', format: 'der' });
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const kdf = write.sequence(
    write.objectIdentifier(oid.pbkdf2),
    write.sequence(write.octetString(salt), write.integer(rounds)),
  );
  const scheme = write.sequence(write.objectIdentifier(oid.aes256Cbc), write.octetString(iv));
  const algorithm = write.sequence(write.objectIdentifier(oid.pbes2), write.sequence(kdf, scheme));
  return encodePem('ENCRYPTED PRIVATE KEY', write.sequence(algorithm, write.octetString(encrypted)));
}
