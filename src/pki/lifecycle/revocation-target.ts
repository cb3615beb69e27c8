import { join, resolve } from 'node:path';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { isAws } from '../authorities/reference.ts';
import type { OnRecord } from '../authorities/local/issued.ts';
import { readIfThere, readJson } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { lookAtGiven } from '../given-path.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { certificateFolder, storedNames } from '../store/store.ts';
import { fingerprint, readCertificate, serialHex, type Certificate } from '../x509/certificate.ts';
import { readDocument } from '../x509/document.ts';
import { authorityOf, unknownAuthority } from './authority-reference.ts';
import { arnIn } from './successor.ts';
import { isStored } from './is-stored.ts';
import { storedName } from './stored-name.ts';
import { readWhole } from './read-whole.ts';
import { readSerial, sha256Of } from './serial-text.ts';
import { pemCertificates } from './standing.ts';

/** What is to be revoked, as a caller names it. */
export interface TargetWords {
  text: string;
  /** How it is meant, where that was said. */
  meant: 'stored' | 'file' | undefined;
  /** Of a name in the store. */
  generation: number | undefined;
  /** Absolute path. */
  store: string;
  /** Absolute path. */
  cwd: string;
  /** A folder's absolute path or an ARN: what `--ca` names. */
  ca: string | undefined;
  /** The same where nothing names one. */
  defaultCa: string;
  /** For what only AWS can tell. */
  aws: () => AwsConnection;
}

/** One generation of the store. */
export interface StoredGeneration {
  name: string;
  generation: number;
  /** Whether `current` points to it. */
  inUse: boolean;
  folder: CertificateFolder;
}

export interface Target {
  /** A folder's absolute path, the ARN of a private CA, or `acm`. */
  authority: string;
  /** Lower-case hex. */
  serial: string;
  /** `undefined` where AWS has it, and only its number is known here. */
  certificate: Certificate | undefined;
  /** Where the store has it. */
  stored: StoredGeneration | undefined;
  /** What ACM calls it. */
  arn: string | undefined;
}

/**
 * Finds what a caller names: a name of the store, the file of a certificate, a serial number, a SHA-256 fingerprint.
 * @throws PkiError `usage` where it may mean more than one of them or nobody has said who issued it, `not-found`, `malformed`
 */
export async function findTarget(words: TargetWords): Promise<Target> {
  const target = await lookFor(words);
  if (target.authority !== unknownAuthority) return target;
  if (words.ca !== undefined) return { ...target, authority: words.ca };
  throw new PkiError('usage', `nobody has said who issued ${target.stored?.name ?? words.text}`, {
    hint: 'name the CA with --ca: a folder or an ARN',
  });
}

async function lookFor(words: TargetWords): Promise<Target> {
  const { text, store } = words;
  switch (kindOf(words)) {
    case 'stored':
      return storedTarget(words);
    case 'file': {
      const certificate = await certificateIn(resolve(words.cwd, text));
      return placed(words, certificate);
    }
    case 'fingerprint': {
      const sha256 = sha256Of(text) ?? '';
      const stored = findStored(store, (version) => version['fingerprint'] === sha256);
      if (stored) return stored;
      const { issuedWithFingerprint } = await import('../authorities/local/issued.ts');
      const found = isAws(caOf(words)) ? undefined : issuedWithFingerprint(caOf(words), sha256);
      if (found) return placed(words, found.certificate);
      throw notFound(words, `no certificate with the SHA-256 ${sha256} is in ${store} or on record in`);
    }
    case 'serial':
      return serialTarget(words);
    case 'arn':
      return arnTarget(words);
  }
}

type Kind = 'stored' | 'file' | 'fingerprint' | 'serial' | 'arn';

function kindOf({ text, meant, store, cwd, generation }: TargetWords): Kind {
  if (meant !== undefined) return meant;
  const possible: [Kind, string][] = [];
  if (isStored(store, text)) possible.push(['stored', `a name in ${store}`]);
  if (lookAtGiven(resolve(cwd, text))?.isFile() === true) possible.push(['file', 'a file']);
  if (/^arn:/.test(text)) possible.push(['arn', 'an ARN']);
  else if (sha256Of(text) !== undefined) possible.push(['fingerprint', 'a fingerprint']);
  else if (readSerial(text).length > 0) possible.push(['serial', 'a serial number']);
  const [only, other] = possible;
  if (!only) {
    if (storedName(store, text) !== text) return 'stored';
    throw new PkiError(
      'not-found',
      `${JSON.stringify(text)} is neither a name in ${store} nor a file, a serial number, a fingerprint or an ARN`,
      { hint: '"certwright list" shows the names; --store names another store' },
    );
  }
  if (other) {
    throw new PkiError('usage', `${JSON.stringify(text)} is ${only[1]} and ${other[1]}`, {
      hint: 'add --stored for the name, --file for the file, or write a serial number as 0x…',
    });
  }
  if (generation !== undefined && only[0] !== 'stored') {
    throw new PkiError('usage', `--generation is for a name of the store, and this is ${only[1]}`, {
      hint: 'leave it out, or give the name',
    });
  }
  return only[0];
}

const caOf = ({ ca, defaultCa }: TargetWords): string => ca ?? defaultCa;

function storedTarget({ text, store, generation, ca }: TargetWords): Target {
  const name = storedName(store, text);
  const folder = certificateFolder(store, name);
  const current = folder.current();
  const wanted = generation ?? current;
  if (wanted === undefined) {
    throw new PkiError('not-found', `there is no certificate ${JSON.stringify(name)} in ${store}`, {
      hint: '"certwright list" shows what there is',
    });
  }
  const found = readStored(store, folder, name, wanted);
  if (!found) {
    throw new PkiError('not-found', `${name} has no generation ${wanted}`, {
      hint: `there are ${folder.generations().join(', ')}; one that is pruned is revoked by its serial number`,
    });
  }
  return ca === undefined ? found : { ...found, authority: ca };
}

/** `undefined` where there is no such generation. */
function readStored(
  store: string,
  folder: CertificateFolder,
  name: string,
  generation: number,
): Target | undefined {
  const path = folder.versionPath(generation);
  const [der] = pemCertificates(readIfThere(join(path, 'cert.pem')));
  if (!der) return undefined;
  const authority = authorityOf(folder, store, generation);
  if (authority === undefined) {
    throw new PkiError('malformed', `${folder.requestFile} is not there`, {
      hint: 'restore it from a backup, or name the file of the certificate and its CA with --ca',
    });
  }
  return {
    // A private certificate of ACM is revoked by the CA that has signed it.
    authority: authority.replace(/^acm:(?=arn:)/, ''),
    ...about(readCertificate(der)),
    stored: { name, generation, inUse: folder.current() === generation, folder },
    arn: arnIn(path),
  };
}

/** DER of the certificate and of those above it. */
export const chainOf = ({ folder, generation }: StoredGeneration): Buffer[] =>
  pemCertificates(readIfThere(join(folder.versionPath(generation), 'fullchain.pem')));

/** The generation whose version.json answers. */
function findStored(
  store: string,
  answers: (version: Readonly<Record<string, unknown>>) => boolean,
): Target | undefined {
  for (const name of storedNames(store)) {
    const folder = certificateFolder(store, name);
    for (const generation of folder.generations()) {
      const version = readJson(join(folder.versionPath(generation), 'version.json'));
      if (version && answers(version)) return readStored(store, folder, name, generation);
    }
  }
  return undefined;
}

/** A certificate that is known: the store may have it, and then knows its authority. */
function placed(words: TargetWords, certificate: Certificate): Target {
  const sha256 = fingerprint(certificate.der);
  const found = findStored(words.store, (version) => version['fingerprint'] === sha256);
  const known = found?.authority === unknownAuthority ? undefined : found?.authority;
  return {
    authority: words.ca ?? known ?? words.defaultCa,
    ...about(certificate),
    stored: found?.stored,
    arn: found?.arn,
  };
}

const about = (certificate: Certificate): Pick<Target, 'serial' | 'certificate'> => ({
  serial: serialHex(certificate.serial),
  certificate,
});

/** What AWS has under an ARN: of AWS Private CA that one certificate, of ACM the one of now. */
async function arnTarget(words: TargetWords): Promise<Target> {
  const { text } = words;
  if (/^arn:[^:]+:acm-pca:/.test(text)) {
    const { lookUpPca } = await import('../authorities/acm-pca/look-up.ts');
    const { pem, facts } = await lookUpPca(text, words.aws());
    const [der] = pemCertificates(Buffer.from(pem));
    if (facts.kind !== 'acm-pca-certificate' || !der) {
      throw new PkiError('bad-input', `${text} is a CA, not a certificate that it has issued`, {
        hint: 'a CA is disabled or deleted at AWS, or revoked by the CA above it',
      });
    }
    return { ...placed(words, readCertificate(der)), authority: facts.authority };
  }
  const { heldUnder } = await import('../authorities/acm/revoke.ts');
  const { facts, certificate } = await heldUnder(text, words.aws());
  if (facts.type === 'IMPORTED') {
    throw new PkiError(
      'not-permitted',
      `${text} was imported, and ACM does not revoke what it has not issued`,
      {
        hint: 'revoke it at its CA: certwright revoke FILE --ca REF',
      },
    );
  }
  return {
    ...placed(words, readCertificate(certificate)),
    authority: facts.authority ?? 'acm',
    arn: text,
  };
}

async function serialTarget(words: TargetWords): Promise<Target> {
  const readings = readSerial(words.text);
  const { issuedWithSerial } = await import('../authorities/local/issued.ts');
  const onRecord: OnRecord[] = isAws(caOf(words))
    ? []
    : readings.flatMap((serial) => issuedWithSerial(caOf(words), serial));
  const inStore = readings.flatMap(
    (serial) => findStored(words.store, (version) => version['serial'] === serial) ?? [],
  );
  const found = new Map<string, Certificate>();
  for (const { certificate } of [...onRecord, ...inStore]) {
    if (certificate) found.set(fingerprint(certificate.der), certificate);
  }
  const [only, other] = [...found.values()];
  const [reading, another] = readings;
  // Only AWS knows what its CA has issued: the number has to be plain.
  if (!only && isAws(caOf(words)) && reading !== undefined && another === undefined) {
    return {
      authority: caOf(words),
      serial: reading,
      certificate: undefined,
      stored: undefined,
      arn: undefined,
    };
  }
  if (!only) throw notFound(words, `no certificate with the serial number ${words.text} is on record in`);
  if (other) {
    throw new PkiError('usage', `${words.text} is the serial number of more than one certificate`, {
      hint: `hexadecimal ${[...found.values()].map(({ serial }) => `0x${serialHex(serial)}`).join(' or ')}: name one of them, the certificate's file, or its name in the store`,
    });
  }
  return placed(words, only);
}

const notFound = (words: TargetWords, message: string): PkiError =>
  new PkiError('not-found', `${message} ${caOf(words)}`, {
    hint: "name its CA with --ca, its store with --store, or give the certificate's file",
  });

/** The first certificate of a file: the leaf, where the file holds a chain. */
async function certificateIn(path: string): Promise<Certificate> {
  const { items, problems } = await readDocument(readWhole(path), async () => undefined);
  const [problem] = problems;
  if (problem) throw new PkiError(problem.code, `${path}: ${problem.message}`, { hint: problem.hint });
  const first = items.find((item) => item.kind === 'certificate');
  if (first) return first.certificate;
  throw new PkiError('bad-input', `${path} holds no certificate`, { hint: 'name the file of a certificate' });
}
