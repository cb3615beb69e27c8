import { createCipheriv, createHash, createHmac, randomBytes, type KeyObject } from 'node:crypto';
import * as write from './der-writer.ts';
import { tag } from './der-reader.ts';
import { privateKeyDer } from './key.ts';
import { passphraseOf, stretchPkcs12, type Passphrase } from './key-stretching.ts';
import { oid } from './oid.ts';
import { sealPbes2, type Sealed } from './pbes2.ts';
import { StretchingBudget } from './stretching-budget.ts';

/** What a PKCS#12 file is to hold. */
export interface Pkcs12Content {
  key: KeyObject;
  /** DER; the leaf first. */
  certificates: readonly Buffer[];
  /** What Java calls the alias. */
  friendlyName: string;
  /** UTF-8. */
  passphrase: Buffer;
}

/** How it is encrypted, and by which MAC it is shown to be whole. */
interface Scheme {
  seal: (plain: Buffer, passphrase: Passphrase) => Promise<Sealed>;
  hash: 'sha1' | 'sha256';
  macRounds: number;
}

/*
 * As many rounds as Java's keytool writes, five times OpenSSL's; for the MAC too, or it would be the cheaper way to try
 * passphrases. More would be paid by each service that starts, and by each run that writes a thousand of them, while
 * the passphrase mostly lies beside the file.
 */
const rounds = 10_000;

export const pkcs12Schemes = {
  /** PBES2 with AES-256 and HMAC-SHA-256: OpenSSL from 1.1, Java from 8u301, Windows from Server 2019. */
  modern: {
    seal: (plain, { utf8 }) => sealPbes2(plain, utf8, rounds),
    hash: 'sha256',
    macRounds: rounds,
  },
  /** Triple DES and SHA-1 (RFC 7292 appendix C), for what is older than that. */
  legacy: { seal: sealTripleDes, hash: 'sha1', macRounds: rounds },
} as const satisfies Record<string, Scheme>;

/** Writes a PKCS#12 file (RFC 7292) with one key and its chain, all of it under one passphrase. */
export async function writePkcs12(
  { key, certificates, friendlyName, passphrase: utf8 }: Pkcs12Content,
  scheme: Scheme,
): Promise<Buffer> {
  const passphrase = passphraseOf(utf8);
  const [leaf = Buffer.alloc(0)] = certificates;
  const named = attributes(friendlyName, createHash('sha1').update(leaf).digest());
  const certBags = certificates.map((der, index) => certBag(der, index === 0 ? named : []));
  const plain = privateKeyDer(key);
  const keyBag = shroudedKeyBag(await scheme.seal(plain, passphrase), named);
  plain.fill(0);
  const safe = write.sequence(
    encryptedSafe(await scheme.seal(write.sequence(...certBags), passphrase)),
    dataOf(write.sequence(keyBag)),
  );
  return write.sequence(write.integer(3), dataOf(safe), macData(safe, passphrase, scheme));
}

const dataOf = (content: Buffer): Buffer =>
  write.sequence(write.objectIdentifier(oid.data), write.explicit(0, write.octetString(content)));

const encryptedSafe = ({ algorithm, octets }: Sealed): Buffer =>
  write.sequence(
    write.objectIdentifier(oid.encryptedData),
    write.explicit(
      0,
      write.sequence(
        write.integer(0),
        write.sequence(write.objectIdentifier(oid.data), algorithm, write.implicit(0, octets)),
      ),
    ),
  );

const certBag = (der: Buffer, named: readonly Buffer[]): Buffer =>
  bag(
    oid.certBag,
    write.sequence(write.objectIdentifier(oid.x509Certificate), write.explicit(0, write.octetString(der))),
    named,
  );

const shroudedKeyBag = ({ algorithm, octets }: Sealed, named: readonly Buffer[]): Buffer =>
  bag(oid.shroudedKeyBag, write.sequence(algorithm, write.octetString(octets)), named);

const bag = (id: string, value: Buffer, named: readonly Buffer[]): Buffer =>
  write.sequence(
    write.objectIdentifier(id),
    write.explicit(0, value),
    ...(named.length === 0 ? [] : [write.set(...named)]),
  );

/** A name for people, and what tells which key is whose; a SET OF in the order of its encodings (X.690 11.6). */
function attributes(friendlyName: string, localKeyId: Buffer): Buffer[] {
  const name = write.encode(tag.bmpString, Buffer.from(friendlyName, 'utf16le').swap16());
  return [
    write.sequence(write.objectIdentifier(oid.friendlyName), write.set(name)),
    write.sequence(write.objectIdentifier(oid.localKeyId), write.set(write.octetString(localKeyId))),
  ].sort((a, b) => a.compare(b));
}

/** What we write ourselves costs what we have chosen. */
const unlimited = (): StretchingBudget => new StretchingBudget(Number.POSITIVE_INFINITY);

function macData(content: Buffer, passphrase: Passphrase, { hash, macRounds }: Scheme): Buffer {
  const salt = randomBytes(16);
  const length = hash === 'sha1' ? 20 : 32;
  const key = stretchPkcs12(hash, 3, { salt, rounds: macRounds, length }, passphrase, unlimited());
  const digest = createHmac(hash, key).update(content).digest();
  const algorithm = write.sequence(
    write.objectIdentifier(hash === 'sha1' ? oid.sha1 : oid.sha256),
    write.nullValue(),
  );
  return write.sequence(
    write.sequence(algorithm, write.octetString(digest)),
    write.octetString(salt),
    write.integer(macRounds),
  );
}

/** pbeWithSHAAnd3-KeyTripleDES-CBC. */
async function sealTripleDes(plain: Buffer, passphrase: Passphrase): Promise<Sealed> {
  const salt = randomBytes(8);
  const derive = (purpose: 1 | 2, length: number): Buffer =>
    stretchPkcs12('sha1', purpose, { salt, rounds, length }, passphrase, unlimited());
  const cipher = createCipheriv('des-ede3-cbc', derive(1, 24), derive(2, 8));
  const octets = Buffer.concat([cipher.update(plain), cipher.final()]);
  const parameters = write.sequence(write.octetString(salt), write.integer(rounds));
  return { algorithm: write.sequence(write.objectIdentifier(oid.pbeWithSha1And3Des), parameters), octets };
}
