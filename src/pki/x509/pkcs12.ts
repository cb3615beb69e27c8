import { createHmac, timingSafeEqual } from 'node:crypto';
import { PkiError } from '../errors.ts';
import { joinOctets, toDer } from './ber.ts';
import { readAlgorithm, type AlgorithmIdentifier } from './certificate.ts';
import {
  context,
  contextConstructed,
  DerError,
  objectIdentifier,
  octetString,
  readSequence,
  smallInteger,
  tag,
  text,
  type DerReader,
  type Element,
} from './der-reader.ts';
import {
  emptyPassphrases,
  hmacHash,
  passphraseOf,
  stretch,
  stretchPkcs12,
  type Hash,
  type Passphrase,
} from './key-stretching.ts';
import { oid } from './oid.ts';
import { decrypt } from './password-encryption.ts';
import { readSignedData } from './pkcs7.ts';
import type { StretchingBudget } from './stretching-budget.ts';
import type { FileBudget } from './file-budget.ts';

/** What stands in one bag of a PKCS#12 file. */
export interface Bag {
  kind: 'certificate' | 'crl' | 'key' | 'other';
  /** DER of the certificate, the CRL or the PKCS#8 key, which is a secret. */
  der: Buffer;
  /** Whether the bag is encrypted, or what it stands in. */
  encrypted: boolean;
  friendlyName: string | undefined;
}

export interface Pkcs12 {
  bags: Bag[];
  /** How the file's wholeness was checked. */
  integrity: 'mac' | 'none' | 'signature-not-checked';
  /** Whether "no passphrase" opened it. */
  open: boolean;
}

/**
 * Opens a PKCS#12 file (RFC 7292) in DER or BER. Both ways to write an empty passphrase are tried first.
 * @param ask called at most once; `undefined` means that there is no passphrase to be had.
 * @returns `undefined` where a passphrase is needed and there is none.
 * @throws DerError, PkiError `passphrase` for a wrong one, `unsupported`
 */
export async function openPkcs12(
  source: Buffer,
  ask: () => Promise<Buffer | undefined>,
  { unasked, asked }: Pick<FileBudget, 'unasked' | 'asked'>,
): Promise<Pkcs12 | undefined> {
  const pfx = readPfx(source);
  for (const passphrase of emptyPassphrases) {
    const bags = tryEmpty(pfx, passphrase, unasked);
    if (bags) return { bags, integrity: pfx.integrity, open: true };
  }
  const given = await ask();
  if (given === undefined) return undefined;
  const passphrase = passphraseOf(given);
  if (pfx.mac && !verifyMac(pfx.mac, pfx.content, passphrase, asked)) throw wrongPassphrase();
  return { bags: readBags(pfx, passphrase, asked), integrity: pfx.integrity, open: false };
}

const wrongPassphrase = (): PkiError =>
  new PkiError('passphrase', 'the passphrase does not open it', {
    hint: 'give the right one with --passphrase-file FILE',
  });

/** An empty passphrase that is wrong shows itself as bad padding, as no DER or as work beyond the budget. */
function tryEmpty(pfx: Pfx, passphrase: Passphrase, budget: StretchingBudget): Bag[] | undefined {
  try {
    if (pfx.mac && !verifyMac(pfx.mac, pfx.content, passphrase, budget)) return undefined;
    return readBags(pfx, passphrase, budget);
  } catch (error) {
    const expected = error instanceof PkiError && ['passphrase', 'unsupported'].includes(error.code);
    if (expected || (error instanceof DerError && !pfx.mac)) return undefined;
    throw error;
  }
}

interface Pfx {
  /** Octets of the AuthenticatedSafe, which the MAC covers. */
  content: Buffer;
  integrity: Pkcs12['integrity'];
  mac: Mac | undefined;
}

interface Mac {
  algorithm: AlgorithmIdentifier;
  digest: Buffer;
  salt: Buffer;
  rounds: number;
}

function readPfx(source: Buffer): Pfx {
  const pfx = readSequence(toDer(source), 'a PKCS#12 file');
  const version = pfx.expect(tag.integer, 'version');
  if (smallInteger(version, 'version') !== 3) throw version.fail('version 3', 'another');
  const authSafe = pfx.expect(tag.sequence, 'authSafe');
  const macData = pfx.optional(tag.sequence, 'macData');
  pfx.finish('a PKCS#12 file');
  const reader = authSafe.reader();
  const type = objectIdentifier(reader.expect(tag.oid, 'contentType'), 'contentType');
  if (type === oid.signedData) {
    const content = readSignedData(authSafe.raw).content ?? Buffer.alloc(0);
    return { content, integrity: 'signature-not-checked', mac: undefined };
  }
  if (type !== oid.data) throw authSafe.fail('data or signedData', `content of type ${type}`);
  const content = octetString(
    reader.expect(contextConstructed(0), 'content').reader(),
    'the AuthenticatedSafe',
  );
  return { content, integrity: macData ? 'mac' : 'none', mac: macData && readMac(macData.reader()) };
}

function readMac(reader: DerReader): Mac {
  const info = reader.sequence('mac');
  const algorithm = readAlgorithm(info, 'digestAlgorithm');
  const digestElement = info.expect(tag.octetString, 'the MAC');
  const digest = digestElement.content;
  if (digest.length > 64) throw digestElement.fail('a MAC of at most 64 bytes', `one of ${digest.length}`);
  const salt = octetString(reader, 'macSalt');
  const iterations = reader.optional(tag.integer, 'iterations');
  reader.finish('macData');
  return { algorithm, digest, salt, rounds: iterations ? smallInteger(iterations, 'iterations') : 1 };
}

const macHashes: Readonly<Record<string, Hash>> = {
  '1.2.840.113549.2.5': 'md5',
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

function verifyMac(mac: Mac, content: Buffer, passphrase: Passphrase, budget: StretchingBudget): boolean {
  const { hash, key } = macKey(mac, passphrase, budget);
  const computed = createHmac(hash, key).update(content).digest();
  return computed.length === mac.digest.length && timingSafeEqual(computed, mac.digest);
}

function macKey(mac: Mac, passphrase: Passphrase, budget: StretchingBudget): { hash: Hash; key: Buffer } {
  const { algorithm, salt, rounds } = mac;
  if (algorithm.id === oid.pbmac1) return pbmac1Key(algorithm, passphrase, budget);
  const hash = macHashes[algorithm.id];
  if (hash === undefined) throw new PkiError('unsupported', `the MAC digest ${algorithm.id} is not known`);
  return {
    hash,
    key: stretchPkcs12(hash, 3, { salt, rounds, length: mac.digest.length }, passphrase, budget),
  };
}

/** RFC 9579: the key derivation and the HMAC stand in the algorithm's parameters. */
function pbmac1Key(
  { parameters }: AlgorithmIdentifier,
  passphrase: Passphrase,
  budget: StretchingBudget,
): { hash: Hash; key: Buffer } {
  const reader = readSequence(parameters ?? Buffer.alloc(0), 'the parameters of PBMAC1');
  const kdf = readAlgorithm(reader, 'keyDerivationFunc');
  const scheme = readAlgorithm(reader, 'messageAuthScheme');
  return { hash: hmacHash(scheme.id), key: stretch(kdf, 32, passphrase, budget) };
}

function readBags({ content }: Pfx, passphrase: Passphrase, budget: StretchingBudget): Bag[] {
  const open = (safe: Element): { contents: Buffer; encrypted: boolean } => {
    const reader = safe.reader();
    const type = objectIdentifier(reader.expect(tag.oid, 'contentType'), 'contentType');
    const inner = reader.expect(contextConstructed(0), 'content').reader();
    if (type === oid.data) return { contents: octetString(inner, 'SafeContents'), encrypted: false };
    if (type === oid.encryptedData)
      return { contents: decryptSafe(inner, passphrase, budget), encrypted: true };
    throw new PkiError(
      'unsupported',
      `a part of the file is encrypted by other means than a passphrase (${type})`,
    );
  };
  const bags: Bag[] = [];
  for (const safe of readSequence(toDer(content), 'AuthenticatedSafe').all('ContentInfo')) {
    const { contents, encrypted } = open(safe);
    readSafe(contents, bags, { passphrase, budget, encrypted, depth: 0 });
  }
  return bags;
}

function decryptSafe(reader: DerReader, passphrase: Passphrase, budget: StretchingBudget): Buffer {
  const data = reader.sequence('EncryptedData');
  data.expect(tag.integer, 'version');
  const info = data.sequence('EncryptedContentInfo');
  info.expect(tag.oid, 'contentType');
  const algorithm = readAlgorithm(info, 'contentEncryptionAlgorithm');
  const pieces = info.optional(contextConstructed(0), 'encryptedContent');
  const octets = pieces ? joinOctets(pieces.content) : info.expect(context(0), 'encryptedContent').content;
  return decrypt({ algorithm, octets }, passphrase, budget);
}

interface Opening {
  passphrase: Passphrase;
  budget: StretchingBudget;
  /** What stands around. */
  encrypted: boolean;
  depth: number;
}

function readSafe(contents: Buffer, bags: Bag[], opening: Opening): void {
  for (const element of readSequence(toDer(contents), 'SafeContents').all('a SafeBag')) {
    const bag = element.reader();
    const type = objectIdentifier(bag.expect(tag.oid, 'bagId'), 'bagId');
    const value = bag.expect(contextConstructed(0), 'bagValue').content;
    const attributes = bag.optional(tag.set, 'bagAttributes');
    const friendlyName = attributes && readFriendlyName(attributes.reader());
    if (type === oid.safeContentsBag && opening.depth < 8) {
      readSafe(value, bags, { ...opening, depth: opening.depth + 1 });
    } else {
      const encrypted = opening.encrypted || type === oid.shroudedKeyBag;
      bags.push({ ...readBag(type, value, opening), encrypted, friendlyName });
    }
  }
}

function readBag(type: string, value: Buffer, { passphrase, budget }: Opening): Pick<Bag, 'kind' | 'der'> {
  switch (type) {
    case oid.keyBag:
      return { kind: 'key', der: value };
    case oid.shroudedKeyBag: {
      const reader = readSequence(value, 'EncryptedPrivateKeyInfo');
      const algorithm = readAlgorithm(reader, 'encryptionAlgorithm');
      const octets = octetString(reader, 'encryptedData');
      return { kind: 'key', der: decrypt({ algorithm, octets }, passphrase, budget) };
    }
    case oid.certBag:
    case oid.crlBag: {
      const reader = readSequence(value, 'a bag');
      const id = objectIdentifier(reader.expect(tag.oid, 'the type of a bag'), 'the type of a bag');
      if (id !== oid.x509Certificate && id !== oid.x509Crl) return { kind: 'other', der: value };
      const der = octetString(reader.expect(contextConstructed(0), 'the value of a bag').reader(), 'a bag');
      return { kind: id === oid.x509Certificate ? 'certificate' : 'crl', der };
    }
    default:
      return { kind: 'other', der: value };
  }
}

function readFriendlyName(attributes: DerReader): string | undefined {
  for (const element of attributes.all('a bag attribute')) {
    const attribute = element.reader();
    const type = objectIdentifier(attribute.expect(tag.oid, 'attrId'), 'attrId');
    if (type !== oid.friendlyName) continue;
    const values = attribute.expect(tag.set, 'attrValues').reader();
    return values.done ? undefined : text(values.next('friendlyName'));
  }
  return undefined;
}
