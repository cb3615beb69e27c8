import { PkiError } from '../errors.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { readDocument, type Item, type Place } from '../x509/document.ts';
import { readWhole } from './read-whole.ts';

/*
 * What a chain is judged against: files that the caller named. One that cannot be read, is broken anywhere or holds
 * nothing of what it is named for is an error, for a verdict that rests on less than what was given helps nobody.
 */

/** Certificates of files, each given as an absolute path. @param flag that named them, for messages */
export async function readCertificateFiles(paths: readonly string[], flag: string): Promise<Certificate[]> {
  const lists = await Promise.all(paths.map((path) => readCertificates(readWhole(path), path, flag)));
  return lists.flat();
}

/** Those of one file that was read already. */
export async function readCertificates(bytes: Buffer, path: string, flag: string): Promise<Certificate[]> {
  const items = await itemsIn(bytes, path, flag, 'certificate');
  return items.map(({ certificate }) => certificate);
}

/** The same for anchors, which must be trusted without reserve: OpenSSL's TRUSTED CERTIFICATE may say for what alone. */
export async function readAnchorFiles(paths: readonly string[], flag: string): Promise<Certificate[]> {
  const lists = await Promise.all(paths.map((path) => itemsIn(readWhole(path), path, flag, 'certificate')));
  lists.forEach((items, at) => {
    const reserved = items.find(
      ({ trust }) => (trust?.trusted.length ?? 0) + (trust?.rejected.length ?? 0) > 0,
    );
    if (!reserved) return;
    const where = describePlace(reserved.place);
    throw new PkiError('unsupported', `${flag} ${paths[at] ?? ''}: ${where} is trusted for some uses alone`, {
      hint: 'openssl x509 -in FILE -clrtrust -clrreject writes it without these settings',
    });
  });
  return lists.flat().map(({ certificate }) => certificate);
}

/** CRLs of files, each given as an absolute path. */
export async function readCrlFiles(paths: readonly string[], flag: string): Promise<Crl[]> {
  const items = await Promise.all(paths.map((path) => itemsIn(readWhole(path), path, flag, 'crl')));
  return items.flat().map(({ crl }) => crl);
}

async function itemsIn<Kind extends Item['kind']>(
  bytes: Buffer,
  path: string,
  flag: string,
  kind: Kind,
): Promise<Extract<Item, { kind: Kind }>[]> {
  const { items, problems } = await readDocument(bytes, async () => undefined);
  const [problem] = problems;
  if (problem) {
    throw new PkiError(problem.code, `${flag} ${path}: ${problem.message}`, { hint: problem.hint });
  }
  const found = items.filter((item): item is Extract<Item, { kind: Kind }> => item.kind === kind);
  if (found.length === 0) {
    throw new PkiError('bad-input', `${flag} ${path} holds no ${kind === 'crl' ? 'CRL' : kind}`, {
      hint: instead(items, kind),
    });
  }
  return found;
}

const words: Readonly<Record<Item['kind'], string>> = {
  certificate: 'a certificate',
  request: 'a request',
  crl: 'a CRL',
  'private-key': 'a private key',
  'public-key': 'a public key',
  foreign: 'something that is not read here',
};

function instead(items: readonly Item[], wanted: Item['kind']): string {
  const [first] = items;
  if (!first) return `give a file with ${words[wanted]}`;
  return `${describePlace(first.place)} holds ${first.kind === 'foreign' ? first.what : words[first.kind]}`;
}

const describePlace = ({ block }: Place): string => (block === undefined ? 'it' : `its block ${block}`);

/** Where systems keep the roots they trust, as Go's crypto/x509 knows them; the first that is there counts. */
const rootFiles = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Gentoo, Arch
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/pki/tls/cacert.pem', // OpenELEC
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // CentOS, RHEL 7
  '/etc/ssl/cert.pem', // Alpine, macOS, the BSDs
  '/usr/local/etc/ssl/cert.pem', // FreeBSD
];

/**
 * The file of the roots that the system trusts.
 * @param preferred what SSL_CERT_FILE says, as OpenSSL and Go take it; it stands alone, whether it is there or not.
 * @throws PkiError `not-found`
 */
export function systemRootsFile(preferred: string | undefined, exists: (path: string) => boolean): string {
  const file = preferred ?? rootFiles.find(exists);
  if (file === undefined) {
    throw new PkiError('not-found', 'this system has no file of roots that is known here', {
      hint: 'name one: --trust FILE, or SSL_CERT_FILE in the environment',
    });
  }
  return file;
}
