import { createPublicKey, type KeyObject } from 'node:crypto';
import { lstatSync, readdirSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import { foreignCode, PkiError } from '../../errors.ts';
import { isThere, orIoError, readIfThere } from '../../durable.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { formatDuration } from '../../x509/duration.ts';
import { openPrivateKey, publicKeyDer, type AskPassphrase } from '../../x509/key.ts';
import { commonName } from '../../x509/distinguished-name.ts';
import { certificatesIn } from './pem-files.ts';
import { readCaJson, type CaJson } from './ca-json.ts';
import { activeLink, issuerFolder, issuersFolder, pendingFolder } from './layout.ts';

/** One issuer of a CA: the root, or one that signs leaves. */
export interface Issuer {
  id: string;
  folder: string;
  certificate: Certificate;
  /** From its own issuer upwards, the root last; empty for the root. */
  chain: readonly Certificate[];
}

export interface LocalCa {
  folder: string;
  json: CaJson;
  active: Issuer;
}

/**
 * Opens a CA without its keys.
 * @throws PkiError that names the file: missing, lax, malformed.
 */
export function openCa(folder: string): LocalCa {
  const json = readCaJson(folder);
  refuseLaxMode(
    folder,
    orIoError('look at', folder, () => statSync(folder)),
    0o700,
  );
  return { folder, json, active: openIssuer(folder, activeId(folder)) };
}

function activeId(folder: string): string {
  const link = activeLink(folder);
  try {
    return basename(readlinkSync(link));
  } catch (error) {
    if (foreignCode(error) === 'ENOENT' && isThere(pendingFolder(folder))) throw waits(folder);
    const copied = foreignCode(error) === 'EINVAL';
    throw new PkiError('malformed', copied ? `${link} is not a symbolic link` : `${link} cannot be read`, {
      hint: `it must point to issuers/ID (${issuerIds(folder).join(', ')}); copy CAs with "cp -a" or "tar"`,
      cause: error,
    });
  }
}

const waits = (folder: string): PkiError =>
  new PkiError('not-valid', `the CA in ${folder} has no certificate yet`, {
    hint: 'have its request signed ("certwright ca request --csr-out FILE" writes it again), then: certwright ca install-cert FILE',
  });

export function openIssuer(ca: string, id: string): Issuer {
  const folder = issuerFolder(ca, id);
  const [certificate, ...above] = certificatesIn(join(folder, 'cert.pem'));
  if (!certificate) {
    throw new PkiError('malformed', `${join(folder, 'cert.pem')} holds no certificate`, {
      hint: 'restore it from a backup; "certwright ca doctor" looks for what else is damaged',
    });
  }
  // A renewal writes the new chain to cert.pem first: two files cannot be replaced at once.
  return {
    id,
    folder,
    certificate,
    chain: above.length > 0 ? above : certificatesIn(join(folder, 'chain.pem')),
  };
}

export const allIssuers = (ca: string): Issuer[] => issuerIds(ca).map((id) => openIssuer(ca, id));

function issuerIds(ca: string): string[] {
  const folder = issuersFolder(ca);
  return orIoError('read', folder, () => readdirSync(folder))
    .filter((name) => !name.startsWith('.'))
    .sort();
}

/** The way out where a CA has ended. */
export const makeSuccessor =
  'make a new CA in another folder with "certwright ca init --ca DIR" and hand out its root';

/** @throws PkiError `not-valid` where the issuer's time has not come or is over. */
export function checkValidNow(issuer: Issuer, now: Date): void {
  const { notBefore, notAfter } = issuer.certificate;
  const file = join(issuer.folder, 'cert.pem');
  const name = commonName(issuer.certificate.subjectName) ?? issuer.id;
  if (now > notAfter) {
    throw new PkiError(
      'not-valid',
      `the CA certificate ${JSON.stringify(name)} expired ${formatDuration(now.getTime() - notAfter.getTime())} ago (${file})`,
      { hint: makeSuccessor },
    );
  }
  if (now < notBefore) {
    throw new PkiError(
      'not-valid',
      `the CA certificate ${JSON.stringify(name)} becomes valid in ${formatDuration(notBefore.getTime() - now.getTime())} (${file})`,
      {
        hint: "check this machine's clock",
      },
    );
  }
}

/**
 * Opens the key of an issuer and proves that it belongs to the certificate.
 * @throws PkiError `not-found`, `lax-permissions`, `passphrase`, `key-mismatch`
 */
export const openIssuerKey = (issuer: Issuer, ask: AskPassphrase): Promise<KeyObject> =>
  openKeyFile(issuer, join(issuer.folder, 'key.pem'), ask);

/** The same of a key that is kept elsewhere. */
export async function openKeyFile(issuer: Issuer, file: string, ask: AskPassphrase): Promise<KeyObject> {
  const pem = readIfThere(file);
  if (!pem) throw keyIsAway(file);
  refuseLaxKey(file);
  const key = await openPrivateKey(pem, file, ask);
  if (!isKeyOf(issuer.certificate, key)) {
    throw new PkiError('key-mismatch', `${file} is not the key of ${join(issuer.folder, 'cert.pem')}`, {
      hint: 'put back the right key; nothing was signed',
    });
  }
  return key;
}

/** @throws PkiError `not-found` */
export function refuseWithoutKey({ folder }: Issuer): void {
  const file = join(folder, 'key.pem');
  if (!isThere(file)) throw keyIsAway(file);
}

const keyIsAway = (file: string): PkiError =>
  new PkiError('not-found', `the key of the CA is not there: ${file}`, {
    hint: 'put it back from where it is kept (mode 0600)',
  });

/** The same octets nearly always; only other encodings of one key have to be understood. */
export function isKeyOf({ publicKey }: Certificate, key: KeyObject): boolean {
  const der = publicKeyDer(key);
  const understood = (spki: Buffer): KeyObject => createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return der.equals(publicKey) || understood(der).equals(understood(publicKey));
}

/** A key behind a link would be in no backup, and stay under the old passphrase where `ca passwd` puts another in its place. */
function refuseLaxKey(file: string): void {
  const status = orIoError('look at', file, () => lstatSync(file));
  if (status.isSymbolicLink()) {
    throw new PkiError('unsupported', `${file} is a symbolic link`, {
      hint: 'put the key itself in its place (mode 0600)',
    });
  }
  refuseLaxMode(file, status, 0o600);
}

function refuseLaxMode(path: string, status: Stats, most: number): void {
  const mode = status.mode & 0o777;
  if ((mode & ~most) !== 0) {
    const octal = (value: number): string => value.toString(8).padStart(4, '0');
    throw new PkiError(
      'lax-permissions',
      `${path} has mode ${octal(mode)}, at most ${octal(most)} is allowed`,
      {
        hint: `others may have read it; if they have not: chmod ${octal(most)} ${path}`,
      },
    );
  }
}
