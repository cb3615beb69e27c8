import type { KeyObject } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { foreignCode, PkiError } from '../../errors.ts';
import {
  discard,
  ioError,
  isThere,
  makeFolder,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../../durable.ts';
import { checkDestination } from '../../given-path.ts';
import { sweepDrafts } from '../../sweep.ts';
import { buildCertificate, randomSerial, type CertificateTemplate } from '../../x509/certificate-builder.ts';
import { readCertificate, serialHex, type Certificate } from '../../x509/certificate.ts';
import { encodeName } from '../../x509/distinguished-name.ts';
import { parseDuration } from '../../x509/duration.ts';
import type { NameConstraints } from '../../x509/extensions.ts';
import {
  encryptedPrivateKeyPem,
  generateKey,
  keyIdentifier,
  privateKeyPem,
  publicKeyDer,
  type KeyType,
} from '../../x509/key.ts';
import { oid } from '../../x509/oid.ts';
import { certificatePem } from '../../x509/pem-writer.ts';
import { caJsonText, defaultCrlLifetime, type CaJson } from './ca-json.ts';
import { publishCrl } from './crl.ts';
import { recordText } from './record.ts';
import { activeLink, caFile, issuedFile, issuerFolder, issuerId } from './layout.ts';

export interface NewCa {
  name: string;
  keyType: KeyType;
  /** Of the root, in milliseconds; the issuing CA lives half as long, so that a successor can overlap it. */
  lifetime: number;
  nameConstraints: NameConstraints | undefined;
  passphrase: Buffer | undefined;
  /** Where the root's key goes instead of the CA's folder. */
  offlineRoot: string | undefined;
  defaults: CaJson['defaults'];
  /** Of the issuing CA's CRLs: `7d`; `undefined` for 30 days. */
  crlLifetime: string | undefined;
}

/** The last second that a certificate can name (RFC 5280 4.1.2.5). */
const endOfTime = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Certificates are valid a minute before they are made, since clocks differ. */
export const backdating = 60_000;

interface NewIssuer {
  key: KeyObject;
  certificate: Certificate;
  id: string;
}

/**
 * Makes a root and an issuing CA. The folder appears whole, by one rename(2), or not at all.
 * @throws PkiError `exists` where the folder holds anything.
 */
export async function createCa(folder: string, wanted: NewCa, now: Date): Promise<void> {
  if (now.getTime() + wanted.lifetime > endOfTime) {
    throw new PkiError('bad-time', 'the root would end after the year 9999', {
      hint: 'ask for less with --lifetime',
    });
  }
  refuseOccupied(folder);
  checkRootKeyFile(wanted.offlineRoot);
  makeFolder(dirname(folder));
  // A run that was killed has left a draft that may hold keys.
  sweepDrafts(dirname(folder), basename(folder));
  const draft = temporaryBeside(folder);
  try {
    mkdirSync(draft, { mode: 0o700 });
  } catch (error) {
    throw ioError(error, 'create', folder);
  }
  try {
    const root = await fill(draft, wanted, now);
    // The root's key is out before the CA is there: a CA whose root has no key cannot be mended.
    if (wanted.offlineRoot !== undefined) await keepRootKey(wanted.offlineRoot, root, wanted.passphrase);
    appear(draft, folder, wanted.offlineRoot);
  } catch (error) {
    discard(draft);
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) throw occupied(folder);
    throw ioError(error, 'create', folder);
  }
  syncFolder(dirname(folder));
}

export function refuseOccupied(folder: string): void {
  try {
    if (readdirSync(folder).length > 0) throw occupied(folder);
  } catch (error) {
    if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'use', folder);
  }
}

export const occupied = (folder: string): PkiError =>
  new PkiError('exists', `${folder} is not empty`, {
    hint: 'a CA is made in a new or empty folder: name another with --ca DIR',
  });

/** @throws PkiError `exists`, `not-found` before anything is made. */
function checkRootKeyFile(file: string | undefined): void {
  if (file === undefined) return;
  checkDestination(file, '--offline-root');
  if (!isThere(file)) return;
  throw new PkiError('exists', `--offline-root ${file} is there already`, {
    hint: 'name another file; where a run that died has left it and it belongs to no CA, remove it',
  });
}

async function keepRootKey(file: string, root: NewIssuer, passphrase: Buffer | undefined): Promise<void> {
  writeNew(file, { data: await keyPem(root.key, passphrase), mode: 0o600 });
  try {
    syncFolder(dirname(file));
  } catch (error) {
    discard(file);
    throw error;
  }
}

function appear(draft: string, folder: string, rootKey: string | undefined): void {
  try {
    renameSync(draft, folder);
  } catch (error) {
    if (rootKey !== undefined) discard(rootKey);
    throw error;
  }
}

/** @returns the root, for its key may be kept elsewhere. */
async function fill(draft: string, wanted: NewCa, now: Date): Promise<NewIssuer> {
  const notBefore = new Date(seconds(now.getTime() - backdating));
  const root = await makeIssuer(
    wanted,
    undefined,
    notBefore,
    new Date(seconds(now.getTime() + wanted.lifetime)),
  );
  const issuing = await makeIssuer(
    wanted,
    root,
    notBefore,
    new Date(seconds(now.getTime() + wanted.lifetime / 2)),
  );

  writeNew(caFile(draft), {
    data: caJsonText(wanted.name, now, wanted.defaults, wanted.crlLifetime),
    mode: 0o600,
  });
  await writeIssuer(draft, root, [], wanted.offlineRoot === undefined ? wanted.passphrase : 'kept elsewhere');
  await writeIssuer(draft, issuing, [root], wanted.passphrase);
  recordIssued(issuerFolder(draft, root.id), issuing.certificate, now);
  // The root's list lives as long as the root: with its key offline nobody could renew it.
  publishCrl({ folder: issuerFolder(draft, root.id), ...root }, now, root.certificate.notAfter);
  const crlLifetime =
    wanted.crlLifetime === undefined ? defaultCrlLifetime : parseDuration(wanted.crlLifetime, 'crlLifetime');
  publishCrl(
    { folder: issuerFolder(draft, issuing.id), ...issuing },
    now,
    new Date(now.getTime() + crlLifetime),
  );
  symlinkSync(join('issuers', issuing.id), activeLink(draft));
  syncFolder(join(draft, 'issuers'));
  syncFolder(draft);
  return root;
}

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000) * 1000;

async function makeIssuer(
  wanted: NewCa,
  parent: NewIssuer | undefined,
  notBefore: Date,
  notAfter: Date,
): Promise<NewIssuer> {
  const key = await generateKey(wanted.keyType);
  const publicKey = publicKeyDer(key);
  const identifier = keyIdentifier(publicKey);
  const subject = encodeName([
    { type: oid.commonName, value: `${wanted.name} ${parent ? 'Issuing CA' : 'Root CA'}` },
  ]);
  const template: CertificateTemplate = {
    serial: randomSerial(),
    issuer: parent ? parent.certificate.subject : subject,
    subject,
    notBefore,
    notAfter,
    publicKey,
    basicConstraints: { ca: true, pathLength: parent ? 0 : 1 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    names: [],
    nameConstraints: wanted.nameConstraints,
    authorityKeyIdentifier: parent ? keyIdentifier(parent.certificate.publicKey) : undefined,
    crlUrls: [],
    ocspUrls: [],
    issuerUrls: [],
  };
  const certificate = readCertificate(buildCertificate(template, parent ? parent.key : key));
  return { key, certificate, id: issuerId(identifier) };
}

async function writeIssuer(
  ca: string,
  issuer: NewIssuer,
  chain: readonly NewIssuer[],
  protection: Buffer | 'kept elsewhere' | undefined,
): Promise<void> {
  const folder = issuerFolder(ca, issuer.id);
  makeFolder(folder, 0o700, 'later');
  mkdirSync(join(folder, 'issued'), { mode: 0o700 });
  writeNew(join(folder, 'cert.pem'), { data: certificatePem(issuer.certificate.der), mode: 0o644 });
  const chainPem = chain.map(({ certificate }) => certificatePem(certificate.der)).join('');
  writeNew(join(folder, 'chain.pem'), { data: chainPem, mode: 0o644 });
  if (protection !== 'kept elsewhere') {
    writeNew(join(folder, 'key.pem'), { data: await keyPem(issuer.key, protection), mode: 0o600 });
  }
  syncFolder(folder);
}

export const keyPem = async (key: KeyObject, passphrase: Buffer | undefined): Promise<string> =>
  passphrase ? encryptedPrivateKeyPem(key, passphrase) : privateKeyPem(key);

function recordIssued(issuer: string, certificate: Certificate, now: Date): void {
  const file = issuedFile(issuer, certificate.notAfter, serialHex(certificate.serial));
  makeFolder(dirname(file), 0o700, 'later');
  writeNew(file, { data: recordText(certificate.der, now), mode: 0o644 });
  syncFolder(dirname(file));
  syncFolder(dirname(dirname(file)));
}
