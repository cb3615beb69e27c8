import { PkiError, type ErrorCode } from '../errors.ts';
import { readCertificate, type Certificate } from './certificate.ts';
import type { CertificationRequest } from './certification-request.ts';
import type { Crl } from './crl.ts';
import type { CrlSummary } from './crl-summary.ts';
import { kindOf, kindWords, type DerKind } from './der-kind.ts';
import { DerError } from './der-reader.ts';
import { FileBudget, refuseHuge } from './file-budget.ts';
import type { Foreign } from './foreign-format.ts';
import type { AskPassphrase, PrivateKeyFacts } from './key-file.ts';
import type { PemBlock } from './pem.ts';
import { PemError, PemText, pemBlocks } from './pem.ts';
import { labelKinds } from './pem-labels.ts';
import type { TrustSettings } from './trust-settings.ts';

/** Where in its file something stands. */
export interface Place {
  container: 'pem' | 'der' | 'pkcs7' | 'pkcs12';
  /** Of PEM: which block, from 1, and its label. */
  block: number | undefined;
  label: string | undefined;
  /** In bytes from the start of the file. */
  offset: number;
  /** A PKCS#12 bag's own name for it. */
  friendlyName: string | undefined;
}

/** One thing found. */
export type Item = { place: Place; notes: string[] } & (
  | { kind: 'certificate'; certificate: Certificate; trust: TrustSettings | undefined }
  | { kind: 'request'; request: CertificationRequest }
  | { kind: 'crl'; crl: Crl; summary: CrlSummary }
  | ({ kind: 'private-key' } & PrivateKeyFacts)
  | { kind: 'public-key'; publicKey: Buffer }
  /** `locked`: a passphrase would show what is in it. */
  | ({ kind: 'foreign'; locked: boolean } & Foreign)
);

/** Something that could not be read. */
export interface Problem {
  code: ErrorCode;
  /** Begins with the place in the file. */
  message: string;
  hint: string | undefined;
  block: number | undefined;
  /** In bytes: of the file for what is wrong with PEM, of the decoded block or the file for what is wrong with DER. */
  offset: number | undefined;
  expected: string | undefined;
}

export interface Document {
  items: Item[];
  problems: Problem[];
  /** What is left of the work that the file may cause. */
  budget: FileBudget;
  /** There is more in the file than is read. */
  full: boolean;
}

const mostItems = 2500;
const mostProblems = 1000;

/** Whether no more is to be read; says so once. */
export function isFull(document: Document): boolean {
  const { items, problems, full } = document;
  if (full || (items.length < mostItems && problems.length < mostProblems)) return full;
  const what = items.length < mostItems ? `${mostProblems} broken parts` : `${mostItems} things`;
  problems.push(
    problem(
      new PkiError('unsupported', `more than ${what} in one file: the rest is not read`, {
        hint: 'split the file',
      }),
    ),
  );
  document.full = true;
  return true;
}

/**
 * Finds out what bytes are and reads all of it. What is broken comes as a problem beside what is whole.
 * @param ask for the passphrase of what is encrypted; called at most once.
 */
export async function readDocument(file: Buffer, ask: AskPassphrase): Promise<Document> {
  const document: Document = { items: [], problems: [], budget: new FileBudget(), full: false };
  const reading: Reading = { document, ask: once(ask), curve: undefined };
  if (file.length === 0) {
    document.problems.push(problem(new DerError(0, 'PEM or DER', 'an empty file')));
  } else if (
    file.includes('-----BEGIN ', 0, 'latin1') ||
    file.includes('-----END ', 0, 'latin1') ||
    isWide(file)
  ) {
    await readPem(file, reading);
  } else await readBare(file, reading);
  return document;
}

/**
 * Whether the first bytes of a file are worth reading on: a BEGIN line of its own, or an outline of DER.
 * Source code that only speaks of PEM is not.
 */
export function seemsKnown(head: Buffer): boolean {
  if (kindOf(head) !== undefined) return true;
  const text = head.toString('latin1').replaceAll('\0', '');
  return /(?:^|[\r\n\u00bf\u00fe\u00ff])-----BEGIN [ -~]{1,64}-----[ \t]*[\r\n]/.test(text);
}

interface Reading {
  document: Document;
  ask: AskPassphrase;
  /** Of the last EC PARAMETERS block. */
  curve: Buffer | undefined;
}

function once(ask: AskPassphrase): AskPassphrase {
  let answer: ReturnType<AskPassphrase> | undefined;
  return () => (answer ??= ask());
}

const isWide = (file: Buffer): boolean =>
  file.includes('-----BEGIN ', 0, 'utf16le') || (file[0] === 0xfe && file[1] === 0xff);

async function readPem(file: Buffer, reading: Reading): Promise<void> {
  for (const block of pemBlocks(new PemText(file))) {
    if (isFull(reading.document)) return;
    if (block instanceof PemError) reading.document.problems.push(problem(block));
    else await guarded(reading, placeOf(block), () => readBlock(block, reading));
  }
  const { items, problems } = reading.document;
  if (items.length > 0 || problems.length > 0) return;
  if (reading.curve) await addForeign('EC PARAMETERS', pemPlace(1, 'EC PARAMETERS', 0), reading);
  else problems.push(problem(new DerError(0, 'a PEM block', 'none')));
}

const pemPlace = (block: number, label: string, offset: number): Place => ({
  container: 'pem',
  block,
  label,
  offset,
  friendlyName: undefined,
});

const placeOf = (block: PemBlock): Place => pemPlace(block.number, block.label, block.offset);

async function readBlock(block: PemBlock, reading: Reading): Promise<void> {
  const { label } = block;
  const place = placeOf(block);
  if (label === 'EC PARAMETERS') {
    reading.curve = block.decode();
    return;
  }
  const promised = labelKinds[label];
  if (promised === undefined && (await addForeign(label, place, reading))) return;
  const der = block.decode();
  const dekInfo = block.headers.get('dek-info');
  // Encrypted bytes have no outline of their own.
  const found = dekInfo === undefined ? kindOf(der) : promised;
  const kind = found ?? promised;
  if (kind === undefined) {
    throw new PkiError(
      'malformed',
      `expected a certificate, a key, a request or a CRL, found ${JSON.stringify(label)}`,
    );
  }
  const notes =
    promised === undefined || kind === promised
      ? []
      : [`labelled ${JSON.stringify(label)}, but it holds ${kindWords[kind]}`];
  await readKind(kind, der, { place, notes, dekInfo }, reading);
}

async function addForeign(label: string, place: Place, { document }: Reading): Promise<boolean> {
  const { foreignLabel } = await import('./foreign-format.ts');
  const foreign = foreignLabel(label);
  if (foreign) document.items.push({ kind: 'foreign', place, notes: [], locked: false, ...foreign });
  return foreign !== undefined;
}

const barePlace: Place = {
  container: 'der',
  block: undefined,
  label: undefined,
  offset: 0,
  friendlyName: undefined,
};

/** No PEM: DER, or something else altogether. */
async function readBare(file: Buffer, reading: Reading): Promise<void> {
  const { items, problems } = reading.document;
  const place = barePlace;
  const kind = kindOf(file);
  if (kind !== undefined) {
    await guarded(reading, place, () =>
      readKind(kind, file, { place, notes: [], dekInfo: undefined }, reading),
    );
    return;
  }
  const { foreignContent } = await import('./foreign-format.ts');
  const foreign = foreignContent(file);
  if (foreign) {
    items.push({ kind: 'foreign', place, notes: [], locked: false, ...foreign });
  } else if (file[0] === 0x30) {
    // Whatever begins like DER gets the words of the reader that people most often mean.
    await guarded(reading, place, async () => {
      refuseHuge(file, 'a certificate', reading.document.budget);
      readCertificate(file);
    });
  } else {
    const hint = isBareBase64(file)
      ? 'it looks like base64: put -----BEGIN CERTIFICATE----- before it and -----END CERTIFICATE----- behind'
      : 'a PEM file has a line -----BEGIN CERTIFICATE-----';
    problems.push(problem(new DerError(0, 'PEM or DER', 'neither', hint)));
  }
}

/** Base64 of a SEQUENCE of more than 255 bytes, without the lines that say what it is. */
const isBareBase64 = (file: Buffer): boolean =>
  /^\s*MI[A-Za-z0-9+/\s]{40}/.test(file.toString('latin1', 0, 80));

/** Turns what is thrown into a problem at its place. */
async function guarded({ document }: Reading, place: Place, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    document.problems.push(problem(error, place));
  }
}

export function problem(error: PkiError, place?: Place): Problem {
  const inBlock = place?.block !== undefined && !(error instanceof PemError);
  const where = inBlock ? `block ${place.block} (${place.label ?? ''} at byte ${place.offset}): ` : '';
  const inside = place?.container === 'pkcs7' || place?.container === 'pkcs12' ? `${place.container}: ` : '';
  return {
    code: error.code,
    message: `${where}${inside}${error.message}`,
    hint: error.hint,
    block: error instanceof PemError ? error.block : place?.block,
    offset: error instanceof PemError || error instanceof DerError ? error.offset : undefined,
    expected: error instanceof PemError || error instanceof DerError ? error.expected : undefined,
  };
}

interface Source {
  place: Place;
  notes: string[];
  dekInfo: string | undefined;
}

async function readKind(kind: DerKind, der: Buffer, source: Source, reading: Reading): Promise<void> {
  const { items, budget } = reading.document;
  const { place, notes } = source;
  switch (kind) {
    case 'certificate':
      refuseHuge(der, kindWords[kind], budget);
      items.push(await readOneCertificate(der, source));
      return;
    case 'request': {
      refuseHuge(der, kindWords[kind], budget);
      const { readCertificationRequest } = await import('./certification-request.ts');
      items.push({ kind: 'request', place, notes, request: readCertificationRequest(der) });
      return;
    }
    case 'crl': {
      const { readCrl } = await import('./crl.ts');
      const { summariseEntries } = await import('./crl-summary.ts');
      const crl = readCrl(der);
      items.push({ kind: 'crl', place, notes, crl, summary: summariseEntries(crl) });
      return;
    }
    case 'public-key':
    case 'rsa-public': {
      const { readPublicKey } = await import('./key-file.ts');
      items.push({ kind: 'public-key', place, notes, publicKey: readPublicKey(kind, der) });
      return;
    }
    case 'pkcs7':
    case 'pkcs12': {
      const { readPkcs7, readPkcs12 } = await import('./document-bags.ts');
      await (kind === 'pkcs7' ? readPkcs7 : readPkcs12)(der, { place, notes }, reading);
      return;
    }
    case 'ocsp-response':
    case 'other-cms':
      items.push({
        kind: 'foreign',
        place,
        notes,
        locked: false,
        what: kindWords[kind],
        advice:
          kind === 'ocsp-response'
            ? 'openssl ocsp -respin FILE -text shows it'
            : 'openssl cms -cmsout -print shows it',
      });
      return;
    default: {
      const { readPrivateKey, withCurve } = await import('./key-file.ts');
      const { curve, ask } = reading;
      const wrapped = kind === 'sec1' && curve && source.dekInfo === undefined;
      const facts = wrapped
        ? await readPrivateKey('pkcs8', withCurve(der, curve), undefined, ask, budget)
        : await readPrivateKey(kind, der, source.dekInfo, ask, budget);
      items.push({ kind: 'private-key', place, notes, ...facts, format: kind });
    }
  }
}

/** OpenSSL writes its own trust settings behind the certificate of a TRUSTED CERTIFICATE block. */
async function readOneCertificate(der: Buffer, { place, notes }: Source): Promise<Item> {
  if (place.label !== 'TRUSTED CERTIFICATE') {
    return { kind: 'certificate', place, notes, certificate: readCertificate(der), trust: undefined };
  }
  const { splitTrusted } = await import('./trust-settings.ts');
  const { certificate, trust } = splitTrusted(der);
  return { kind: 'certificate', place, notes, certificate: readCertificate(certificate), trust };
}
