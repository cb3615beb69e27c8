import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

/*
 * What must hold at every moment, whoever was killed and whatever failed.
 * Each function returns sentences; none means that all is well.
 */

const certificateFiles = ['ca.pem', 'cert.pem', 'chain.pem', 'fullchain.pem', 'version.json'];
const secretFiles = new Set(['key.pem', 'key.der', 'pair.pem']);

const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);
const modeOf = (path: string): number => lstatSync(path).mode & 0o777;
const certificatesIn = (path: string): X509Certificate[] =>
  (
    readFileSync(path, 'latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  ).map((pem) => new X509Certificate(pem));
const serialOf = (certificate: X509Certificate): string => certificate.serialNumber.toLowerCase();

/** Names that only runs in progress use, below a folder: drafts, locks, generations being born. */
export function leftovers(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => basename(path).startsWith('.') || /(^|\/)pending\/[^/]+$/.test(path))
    .sort();
}

/** Wholly there: every file with its mode, the key belongs to the certificate, the chain leads to its root. */
export function checkPair(folder: string, { key: withKey = true, version = true } = {}): string[] {
  const wanted = certificateFiles.filter((name) => version || name !== 'version.json');
  const there = list(folder);
  const missing = [...wanted, ...(withKey ? ['key.pem'] : [])].filter((name) => !there.includes(name));
  if (missing.length > 0) return [`${folder} lacks ${missing.join(', ')}`];
  const problems: string[] = [];
  for (const name of there) {
    const mode = modeOf(join(folder, name));
    if (mode !== (secretFiles.has(name) ? 0o600 : 0o644)) {
      problems.push(`${join(folder, name)} has mode ${mode.toString(8)}`);
    }
  }
  try {
    const upwards = [
      ...certificatesIn(join(folder, 'fullchain.pem')),
      ...certificatesIn(join(folder, 'ca.pem')),
    ];
    const [leaf] = certificatesIn(join(folder, 'cert.pem'));
    if (upwards.length !== 3) problems.push(`${folder}: a chain of ${upwards.length}`);
    if (leaf?.fingerprint256 !== upwards[0]?.fingerprint256)
      problems.push(`${folder}: cert is not fullchain's`);
    for (const [index, one] of upwards.entries()) {
      const issuer = upwards[index + 1] ?? one;
      if (!one.verify(issuer.publicKey) || !one.checkIssued(issuer))
        problems.push(`${folder}: chain breaks at ${index}`);
    }
    const privateKey = withKey && createPrivateKey(readFileSync(join(folder, 'key.pem')));
    if (privateKey && leaf?.checkPrivateKey(privateKey) !== true)
      problems.push(`${folder}: key of another certificate`);
  } catch (error) {
    problems.push(`${folder}: ${String(error)}`);
  }
  return problems;
}

/** Every generation of a name that has its number, and the one in use. */
export function checkName(folder: string, options: { key?: boolean } = {}): string[] {
  const versions = list(join(folder, 'versions')).filter((entry) => !entry.startsWith('.'));
  const problems = versions.flatMap((version) => checkPair(join(folder, 'versions', version), options));
  if (!lstatSync(join(folder, 'current'), { throwIfNoEntry: false })) return problems;
  const target = readlinkSync(join(folder, 'current'));
  if (!versions.includes(basename(target))) problems.push(`${folder}: current points to ${target}`);
  return problems;
}

/** Serial numbers in the records of a CA, and what is wrong with them. */
export function recordOf(ca: string): { serials: Map<string, string>; problems: string[] } {
  const serials = new Map<string, string>();
  const problems: string[] = [];
  for (const id of list(join(ca, 'issuers'))) {
    const issued = join(ca, 'issuers', id, 'issued');
    for (const month of list(issued).filter((entry) => !entry.startsWith('.'))) {
      for (const file of list(join(issued, month)).filter((entry) => !entry.startsWith('.'))) {
        const path = join(issued, month, file);
        const [certificate] = certificatesIn(path);
        const serial = basename(file, '.pem');
        if (!certificate || serialOf(certificate) !== serial)
          problems.push(`${path} is not that certificate`);
        else if (serials.has(serial)) problems.push(`serial ${serial} is recorded twice`);
        else serials.set(serial, certificate.fingerprint256);
      }
    }
  }
  return { serials, problems };
}

/** Every certificate that a store holds stands in the CA's record, and none has the serial of another. */
export function checkRecord(store: string, ca: string): string[] {
  const { serials, problems } = recordOf(ca);
  const handedOut = new Map<string, string>();
  for (const name of list(store).filter((entry) => entry !== '_trust' && !entry.startsWith('.'))) {
    const versions = join(store, name, 'versions');
    for (const version of list(versions).filter((entry) => !entry.startsWith('.'))) {
      const [certificate] = certificatesIn(join(versions, version, 'cert.pem'));
      if (!certificate) continue;
      const serial = serialOf(certificate);
      const where = `${name}/${version}`;
      if (serials.get(serial) !== certificate.fingerprint256) problems.push(`${where} is not in the record`);
      const other = handedOut.get(serial);
      if (other !== undefined) problems.push(`${where} has the serial of ${other}`);
      handedOut.set(serial, where);
    }
  }
  return problems;
}

/** A CA is whole or absent. */
export function checkCa(ca: string, { rootKey = true } = {}): string[] {
  if (list(ca).length === 0) return [];
  const missing = ['ca.json', 'active', 'issuers'].filter((name) => !list(ca).includes(name));
  if (missing.length > 0) return [`${ca} lacks ${missing.join(', ')}`];
  const problems = modeOf(ca) === 0o700 ? [] : [`${ca} has mode ${modeOf(ca).toString(8)}`];
  const issuers = list(join(ca, 'issuers'));
  if (issuers.length !== 2) problems.push(`${ca} has ${issuers.length} issuers`);
  for (const id of issuers) {
    const folder = join(ca, 'issuers', id);
    const isRoot = certificatesIn(join(folder, 'chain.pem')).length === 0;
    const files = ['cert.pem', 'chain.pem', 'crl', 'issued', ...(isRoot && !rootKey ? [] : ['key.pem'])];
    for (const file of files) if (!existsSync(join(folder, file))) problems.push(`${folder} lacks ${file}`);
    if (!existsSync(join(folder, 'crl/current/crl.pem'))) problems.push(`${folder} has no CRL`);
    const key = join(folder, 'key.pem');
    if (existsSync(key) && modeOf(key) !== 0o600) problems.push(`${key} has mode ${modeOf(key).toString(8)}`);
  }
  return problems;
}

/** Everything under a working folder with `ca`, `certs` and perhaps `root-key.pem`. */
export function problemsIn(cwd: string, keyless: readonly string[] = []): string[] {
  const store = join(cwd, 'certs');
  const names = list(store).filter((entry) => entry !== '_trust' && !entry.startsWith('.'));
  const ca = join(cwd, 'ca');
  const rootKey = existsSync(join(cwd, 'root-key.pem'));
  return [
    ...(rootKey && !existsSync(ca) ? ['a root key without its CA'] : []),
    ...checkCa(ca, { rootKey: !rootKey }),
    ...names.flatMap((name) => checkName(join(store, name), { key: !keyless.includes(name) })),
    ...checkRecord(store, ca),
  ];
}
