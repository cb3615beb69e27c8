import { createCipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import * as write from './der-writer.ts';
import { oid } from './oid.ts';

/** What was encrypted: the AlgorithmIdentifier that says how, and the octets. */
export interface Sealed {
  algorithm: Buffer;
  octets: Buffer;
}

/** Encrypts with PBES2: PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018 6.2), readable by OpenSSL, Java and Go. */
export async function sealPbes2(plain: Buffer, passphrase: Buffer, rounds: number): Promise<Sealed> {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const secret = await promisify(pbkdf2)(passphrase, salt, rounds, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', secret, iv);
  const octets = Buffer.concat([cipher.update(plain), cipher.final()]);
  secret.fill(0);
  const prf = write.sequence(write.objectIdentifier(oid.hmacWithSha256), write.nullValue());
  const kdf = write.sequence(
    write.objectIdentifier(oid.pbkdf2),
    write.sequence(write.octetString(salt), write.integer(rounds), prf),
  );
  const scheme = write.sequence(write.objectIdentifier(oid.aes256Cbc), write.octetString(iv));
  const algorithm = write.sequence(write.objectIdentifier(oid.pbes2), write.sequence(kdf, scheme));
  return { algorithm, octets };
}
