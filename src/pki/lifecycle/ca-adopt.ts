import type { KeyObject } from 'node:crypto';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { caJsonText, readCaJson } from '../authorities/local/ca-json.ts';
import {
  nextUpdateOf,
  publishCrl,
  setLeastNumber,
  subjectKeyIdentifierOf,
} from '../authorities/local/crl.ts';
import { occupied, refuseOccupied } from '../authorities/local/init.ts';
import { activeLink, caFile, issuedFile, issuerFolder, issuerId } from '../authorities/local/layout.ts';
import type { Path } from '../authorities/local/install-issuer.ts';
import { isKeyOf, type Issuer } from '../authorities/local/open.ts';
import { certificatesIn } from '../authorities/local/pem-files.ts';
import { writeFact } from '../authorities/local/revocation-facts.ts';
import {
  discard,
  ioError,
  isThere,
  makeFolder,
  readIfThere,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { sweepDrafts } from '../sweep.ts';
import { serialHex, type Certificate } from '../x509/certificate.ts';
import { openPrivateKey, type AskPassphrase } from '../x509/key.ts';
import { certificatePem, certificatesPem } from '../x509/pem-writer.ts';
import { checkSignature } from '../x509/validation/signature.ts';
import { displayName } from '../x509/validation/verdict.ts';
import { readIndex, type IndexLine } from './adopt/index-txt.ts';
import {
  filesIn,
  findSource,
  sourceKinds,
  type AdoptSource,
  type SourceFlags,
  type SourceKind,
} from './adopt/source.ts';
import { takeUp } from './crl-of-store.ts';
import { pathOf, refuseNoCa } from './foreign-root.ts';
import { readCertificateFiles, readCrlFiles } from './trust.ts';

export { sourceKinds };

export interface AdoptOrder extends SourceFlags {
  /** Of the other program; it is only read. */
  source: string;
  /** To make. */
  folder: string;
  /** Absolute paths of certificates above the CA's. */
  intermediates: readonly string[];
  trust: readonly string[];
}

export interface Adopted {
  kind: SourceKind;
  name: string;
  issued: number;
  revoked: number;
  /** Serials of the index whose certificate is nowhere. */
  missing: string[];
  crlNumber: number;
}

/**
 * Makes a CA in a folder of one that another program kept: its key as it is, what it has issued (whatever stands beside it and bears its
 * signature), what it has revoked, and the number of its CRL. The folder appears whole, or not at all; the source is only read.
 * @throws PkiError where the key is not that of the certificate, or this is no CA that can sign
 */
export async function adoptCa(order: AdoptOrder, ask: AskPassphrase, now: Date): Promise<Adopted> {
  const { folder } = order;
  refuseOccupied(folder);
  const source = findSource(order.source, order);
  const path = await readPath(source, order, now);
  const { pem, key } = await readKey(source.key, path[0], ask);
  const lines = source.index === undefined ? [] : readIndex(readText(source.index), source.index);
  const crls = source.crl === undefined ? [] : await readCrlFiles([source.crl], 'CRL');
  const issued = issuedBy(path[0], source.issued);

  makeFolder(dirname(folder));
  sweepDrafts(dirname(folder), basename(folder));
  const draft = temporaryBeside(folder);
  try {
    mkdirSync(draft, { mode: 0o700 });
    const name = displayName(path[0]);
    const defaults = { crlUrls: [], ocspUrls: [], issuerUrls: [] };
    writeNew(caFile(draft), {
      data: caJsonText(name, now, defaults, undefined, path.length === 1),
      mode: 0o600,
    });
    const issuer = writeIssuer(draft, path, pem);
    for (const certificate of issued.values()) record(issuer, certificate);
    let revoked = writeRevocations(issuer, lines);
    setLeastNumber(issuer.folder, nextCrlNumber(source.crlNumber));
    const [certificate] = path;
    const own = crls.filter(
      (crl) => crl.issuer.equals(certificate.subject) && checkSignature(crl, certificate) === 'good',
    );
    for (const crl of own) revoked += takeUp(crl, issuer);
    const crlNumber = publishCrl({ ...issuer, key }, now, nextUpdateOf(issuer, readCaJson(draft), now));
    syncFolder(issuer.folder);
    syncFolder(draft);
    renameSync(draft, folder);
    syncFolder(dirname(folder));
    const missing = lines.map(({ serial }) => serial).filter((serial) => !issued.has(serial));
    return { kind: source.kind, name, issued: issued.size, revoked, missing, crlNumber };
  } catch (error) {
    discard(draft);
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) throw occupied(folder);
    throw ioError(error, 'create', folder);
  }
}

async function readPath(source: AdoptSource, order: AdoptOrder, now: Date): Promise<Path> {
  const [certificate, ...more] = await readCertificateFiles([source.certificate], '--cert');
  if (!certificate) throw new PkiError('malformed', `${source.certificate} holds no certificate`);
  refuseNoCa(certificate, false);
  const given = [
    ...more,
    ...(await readCertificateFiles(source.above, 'the chain')),
    ...(await readCertificateFiles(order.intermediates, '--intermediates')),
  ];
  return pathOf(
    certificate,
    [certificate, ...given],
    await readCertificateFiles(order.trust, '--trust'),
    now,
  );
}

/** As it stands, encrypted or not: its modes are those of the source's owner, and none of our business. */
async function readKey(
  file: string,
  certificate: Certificate,
  ask: AskPassphrase,
): Promise<{ pem: Buffer; key: KeyObject }> {
  const pem = readIfThere(file);
  if (!pem) throw new PkiError('not-found', `${file} is not there`, { hint: 'name the key with --key FILE' });
  const key = await openPrivateKey(pem, file, ask);
  if (isKeyOf(certificate, key)) return { pem, key };
  throw new PkiError('key-mismatch', `${file} is not the key of the CA's certificate`, {
    hint: 'name the right one with --key FILE; nothing was made',
  });
}

const readText = (file: string): string => readIfThere(file)?.toString('latin1') ?? '';

/** Every certificate beside the CA that bears its signature, by serial; not its own. */
function issuedBy(ca: Certificate, folders: readonly string[]): Map<string, Certificate> {
  const found = new Map<string, Certificate>();
  for (const file of folders.flatMap(filesIn)) {
    for (const certificate of certificatesOf(file)) {
      const serial = serialHex(certificate.serial);
      if (found.has(serial) || certificate.der.equals(ca.der) || !certificate.issuer.equals(ca.subject))
        continue;
      if (checkSignature(certificate, ca) === 'good') found.set(serial, certificate);
    }
  }
  return found;
}

/** Requests and whatever else lies about are no certificates, and no reason to stop. */
function certificatesOf(file: string): Certificate[] {
  try {
    return certificatesIn(file);
  } catch (error) {
    if (error instanceof PkiError) return [];
    throw error;
  }
}

function writeIssuer(ca: string, path: Path, key: Buffer): Issuer {
  const [certificate, ...chain] = path;
  const id = issuerId(subjectKeyIdentifierOf(certificate));
  const folder = issuerFolder(ca, id);
  makeFolder(folder, 0o700, 'later');
  mkdirSync(join(folder, 'issued'), { mode: 0o700 });
  writeNew(join(folder, 'cert.pem'), { data: certificatesPem([certificate]), mode: 0o644 });
  writeNew(join(folder, 'chain.pem'), { data: certificatesPem(chain), mode: 0o644 });
  if (chain.length > 0)
    writeNew(join(folder, 'root.pem'), { data: certificatesPem(chain.slice(-1)), mode: 0o644 });
  writeNew(join(folder, 'key.pem'), { data: key, mode: 0o600 });
  symlinkSync(join('issuers', id), activeLink(ca));
  return { id, folder, certificate, chain };
}

function record({ folder }: Issuer, certificate: Certificate): void {
  const file = issuedFile(folder, certificate.notAfter, serialHex(certificate.serial));
  makeFolder(dirname(file), 0o700, 'later');
  writeNew(file, { data: certificatePem(certificate.der), mode: 0o644 });
}

function writeRevocations({ folder }: Issuer, lines: readonly IndexLine[]): number {
  let count = 0;
  for (const { serial, notAfter, revoked } of lines) {
    if (!revoked) continue;
    const { at, reason, invalidityDate } = revoked;
    const fact = { event: 'revoked', at, revokedAt: at, reason, invalidityDate, by: '', notAfter } as const;
    if (writeFact(folder, serial, 1, fact)) count++;
  }
  return count;
}

/** openssl keeps the next number, in hex. */
function nextCrlNumber(file: string | undefined): number {
  if (file === undefined || !isThere(file)) return 0;
  const text = readText(file).trim();
  if (/^[0-9A-Fa-f]{1,12}$/.test(text)) return Number.parseInt(text, 16);
  throw new PkiError(
    'unsupported',
    `${file} holds ${JSON.stringify(text.slice(0, 60))}, no number that can go on`,
    {
      hint: 'CRL numbers of up to 12 hexadecimal digits are counted on',
    },
  );
}
