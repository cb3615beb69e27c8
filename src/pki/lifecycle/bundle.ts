import { existsSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { readIfThere, replace } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { checkDestination } from '../given-path.ts';
import { placeOf } from '../place.ts';
import { certificateFolder } from '../store/store.ts';
import { trustBundle } from '../store/trust-bundle.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readDocument, type Item } from '../x509/document.ts';
import { certificatesPem, pemPieces } from '../x509/pem-writer.ts';
import { isCa, judgeCertificates, nameOf } from './bundle/certificate-rules.ts';
import { judgeCrlFile, judgeCrls, type CountedCrl } from './bundle/crl-rules.ts';
import { fault, warning, type BundleFinding } from './bundle/finding.ts';
import { Paths } from './bundle/paths.ts';
import { judgePem } from './bundle/pem-form.ts';
import { targets, type TargetName } from './bundle/targets.ts';
import { readWhole } from './read-whole.ts';
import { refuseKey } from './refuse-key.ts';

export { targetNames, type TargetName } from './bundle/targets.ts';
export type { BundleFinding } from './bundle/finding.ts';
export type { CountedCrl } from './bundle/crl-rules.ts';

export interface BundleOrder {
  target: TargetName;
  /** Files as they were typed, or names: of a trust bundle or a certificate of the store. */
  sources: readonly string[];
  /** Files. */
  crls: readonly string[];
  /** Absolute path. */
  store: string;
  cwd: string;
  /** Judge the files as they are; else what is to be written. */
  check: boolean;
  /** Quotas that AWS raises on request do not count. */
  raisedQuotas: boolean;
}

export interface Bundle {
  /** CAs, each before its issuer. */
  certificates: Certificate[];
  crls: CountedCrl[];
  paths: Paths;
  findings: BundleFinding[];
  accepted: boolean;
}

/**
 * Gathers a trust store and judges it by the target's rules.
 * @throws PkiError `not-found`, `malformed`, `bad-input` for a source that is none
 */
export async function gatherBundle(order: BundleOrder, now: Date): Promise<Bundle> {
  const { target: name, check, raisedQuotas } = order;
  const target = targets[name];
  const { trusted, crlFiles } = await readSources(order);
  const findings = [...trusted, ...crlFiles].flatMap((file) => judgeContent(file, file.wanted));
  const all = unique(certificatesOf(trusted));
  const kept = check ? certificatesOf(trusted) : all.filter((one) => isCa(one) || isItsOwnIssuer(one));
  if (!check) findings.push(...leftOut(all, kept));
  if (kept.length === 0) {
    throw new PkiError('bad-input', 'there is no CA among what is named', {
      hint: 'name the files of the CAs that certify clients, or a trust bundle of the store',
    });
  }
  const crls = [...trusted, ...crlFiles].flatMap(({ items }) =>
    items.flatMap((item) => (item.kind === 'crl' ? [item] : [])),
  );
  const paths = new Paths(
    all,
    crls.map(({ crl }) => crl),
  );
  if (check) {
    findings.push(...twice(kept));
    for (const { bytes, shown } of trusted)
      findings.push(...judgePem(bytes, shown, 'CERTIFICATE', target.strictPem));
    for (const { bytes, shown, items } of crlFiles)
      findings.push(
        ...judgePem(bytes, shown, 'X509 CRL', target.strictPem),
        ...judgeCrlFile(bytes, shown, items.length, target),
      );
  }
  const certificates = check ? unique(kept) : inOrder(kept, paths);
  findings.push(
    ...judgeCertificates(certificates, paths, target, now),
    ...judgeCrls(crls, certificates, paths, target, now),
  );
  const counts = ({ severity, adjustable }: BundleFinding): boolean =>
    severity === 'fault' && !(adjustable && raisedQuotas);
  return { certificates, crls, paths, findings, accepted: !findings.some(counts) };
}

/** PEM with nothing but its blocks. */
export const bundlePem = ({ certificates }: Bundle): string => certificatesPem(certificates);

/**
 * Whether a file can be written there, asked before the first of two is.
 * @throws PkiError `not-found`, `bad-input`, `exists`
 */
export function checkPlace(path: string, flag: string): void {
  checkDestination(path, flag);
  refuseKey(path);
}

/**
 * Writes the CRLs as PEM.
 * @param path absolute; where the target takes one at a time, the second goes to `crl-2.pem` beside `crl.pem`.
 * @param out where the CAs go
 * @returns the files
 * @throws PkiError `usage` where one of them is that of the CAs, before any is written
 */
export function writeCrls(
  { crls }: Bundle,
  path: string,
  target: TargetName,
  out: string | undefined,
): string[] {
  const lists = crls.map(({ crl }) => crl.der);
  const contents = targets[target].crls?.oneAFile === true ? lists.map((der) => [der]) : [lists];
  const files = contents.map((ders, index) => ({
    file: index === 0 ? path : numbered(path, index + 1),
    ders,
  }));
  for (const { file } of files) {
    if (out !== undefined && placeOf(file) === placeOf(out)) {
      throw new PkiError('usage', `the CAs and the CRLs would both be written to ${file}`, {
        hint: 'give --out and --crl-out two different files',
      });
    }
    refuseKey(file);
  }
  for (const { file, ders } of files) replace(file, { data: manyPem(ders), mode: 0o644 });
  return files.map(({ file }) => file);
}

export function writeBundle(bundle: Bundle, path: string): void {
  replace(path, { data: bundlePem(bundle), mode: 0o644 });
}

function numbered(path: string, number: number): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${number}${extension}`);
}

function* manyPem(ders: readonly Buffer[]): Generator<Buffer> {
  for (const der of ders) yield* pemPieces('X509 CRL', [der]);
}

/** A file that was named, and what is in it. */
interface Source {
  shown: string;
  bytes: Buffer;
  items: readonly Item[];
  wanted: 'certificate' | 'crl';
}

async function readSources({
  target,
  sources,
  crls,
  store,
  cwd,
}: BundleOrder): Promise<{ trusted: Source[]; crlFiles: Source[] }> {
  const places = sources.map((source) => filesOf(source, store, cwd));
  const given = crls.map((file) => resolve(cwd, file));
  const read = async (path: string, wanted: Source['wanted']): Promise<Source> => {
    const bytes = readWhole(path);
    const { items, problems } = await readDocument(bytes, async () => undefined);
    const [first] = problems;
    if (first) throw new PkiError(first.code, `${path}: ${first.message}`, { hint: first.hint });
    return { shown: relative(cwd, path), bytes, items, wanted };
  };
  const trusted = await Promise.all(
    places.flatMap(({ cas }) => cas).map((path) => read(path, 'certificate')),
  );
  // Those that come by themselves are left out where they are of no use.
  const own = targets[target].crls ? places.flatMap((place) => place.crls) : [];
  const beside = given.length > 0 ? given : own;
  return { trusted, crlFiles: await Promise.all(beside.map((path) => read(path, 'crl'))) };
}

/** A bare word is a path where there is one, else a trust bundle of the store, else one of its certificates. */
function filesOf(source: string, store: string, cwd: string): { cas: string[]; crls: string[] } {
  const path = resolve(cwd, source);
  if (existsSync(path)) return { cas: [path], crls: [] };
  const filled = (folder: string, ...names: string[]): string[] =>
    names.map((name) => join(folder, name)).filter((file) => (readIfThere(file)?.length ?? 0) > 0);
  const bundle = join(trustBundle(store, source), 'current');
  if (existsSync(bundle))
    return { cas: filled(bundle, 'chain.pem', 'ca.pem'), crls: filled(bundle, 'crl.pem') };
  const { currentPath } = certificateFolder(store, source);
  if (existsSync(currentPath)) return { cas: filled(currentPath, 'chain.pem', 'ca.pem'), crls: [] };
  throw new PkiError(
    'not-found',
    `${JSON.stringify(source)} is neither a file nor a trust bundle or certificate of ${store}`,
    {
      hint: 'name files of CAs, a bundle such as default, or a certificate (--store DIR)',
    },
  );
}

const certificatesOf = (sources: readonly Source[]): Certificate[] =>
  sources.flatMap(({ items }) =>
    items.flatMap((item) => (item.kind === 'certificate' ? [item.certificate] : [])),
  );

function unique(certificates: readonly Certificate[]): Certificate[] {
  const seen = new Set<string>();
  return certificates.filter(({ der }) => {
    const key = der.toString('latin1');
    const first = !seen.has(key);
    seen.add(key);
    return first;
  });
}

const isItsOwnIssuer = ({ issuer, subject }: Certificate): boolean => issuer.equals(subject);

/** Each before its issuer, as a chain is written. */
const inOrder = (certificates: readonly Certificate[], paths: Paths): Certificate[] =>
  [...certificates].sort((a, b) => paths.of(b).depth - paths.of(a).depth);

const leftOut = (all: readonly Certificate[], kept: readonly Certificate[]): BundleFinding[] =>
  all
    .filter((one) => !kept.includes(one))
    .map((one) =>
      warning('not-a-ca', `${nameOf(one)} is no CA and is left out`, 'clients send their own certificates'),
    );

const twice = (certificates: readonly Certificate[]): BundleFinding[] =>
  certificates
    .filter((one, index) => certificates.findIndex(({ der }) => der.equals(one.der)) < index)
    .map((one) =>
      fault('duplicate', `${nameOf(one)} is there twice`, 'without --check, --out writes it once'),
    );

/** A trust store goes to many places: nothing secret may be in it. */
function judgeContent({ items, shown }: Source, wanted: Source['wanted']): BundleFinding[] {
  return items.flatMap(({ kind, place }) => {
    const where = `${shown}${place.block === undefined ? '' : `, block ${place.block},`}`;
    if (kind === 'private-key')
      return fault(
        'private-key',
        `${where} holds a private key`,
        'take it out, and replace that key if others have seen the file',
      );
    if (kind === wanted || (wanted === 'certificate' && kind === 'crl')) return [];
    return fault(
      'other-content',
      `${where} holds something else than a ${wanted === 'crl' ? 'CRL' : wanted}`,
      'take it out',
    );
  });
}
