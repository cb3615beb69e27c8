import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCaJson } from '../authorities/local/ca-json.ts';
import { nextUpdateOf, subjectKeyIdentifierOf } from '../authorities/local/crl.ts';
import { installIssuer, renewIssuer, type Path } from '../authorities/local/install-issuer.ts';
import { pendingFolder } from '../authorities/local/layout.ts';
import { allIssuers, openCa, openIssuerKey, openKeyFile, type Issuer } from '../authorities/local/open.ts';
import {
  createPendingCa,
  issuingWishes,
  readPendingIssuer,
  requestPem,
  type NewPendingCa,
  type PendingIssuer,
} from '../authorities/local/pending-ca.ts';
import { isThere, writeNew } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { checkDestination } from '../given-path.ts';
import { buildCaRequest } from '../x509/certification-request-builder.ts';
import { extension, fingerprint, type Certificate } from '../x509/certificate.ts';
import { readBasicConstraints, readKeyUsage, readNameConstraints } from '../x509/extensions.ts';
import type { AskPassphrase } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';
import { validateChain } from '../x509/validation/chain.ts';
import { displayName } from '../x509/validation/verdict.ts';
import { readCertificateFiles } from './trust.ts';

export type { NewPendingCa };

/** A request that is to be signed by somebody else's CA. */
export interface WrittenRequest {
  folder: string;
  file: string;
  /** SHA-256 of the public key (SubjectPublicKeyInfo), to compare with what the other side got. */
  publicKey: string;
}

/** The key first, then the request: a run that dies in between is followed by `writeRequest`. */
export async function requestCa(
  folder: string,
  file: string,
  wanted: NewPendingCa,
  now: Date,
): Promise<WrittenRequest> {
  checkFile(file);
  const { publicKey, request } = await createPendingCa(folder, wanted, now);
  writeNew(file, { data: request, mode: 0o644 });
  return { folder, file, publicKey: fingerprint(publicKey) };
}

/** The request of the key that waits, or, where none waits, one for a new certificate of the issuer that signs now. */
export async function writeRequest(
  folder: string,
  file: string,
  ask: AskPassphrase,
): Promise<WrittenRequest> {
  checkFile(file);
  readCaJson(folder);
  const [pending] = pendingIssuers(folder);
  if (pending) {
    writeNew(file, { data: pending.request, mode: 0o644 });
    return { folder, file, publicKey: fingerprint(pending.publicKey) };
  }
  const { active } = openCa(folder);
  if (active.chain.length === 0) {
    throw new PkiError('unsupported', `${folder} signs with a root, which nobody else certifies`, {
      hint: 'ask for an issuing CA in another folder: certwright ca init --ca DIR --csr-out FILE',
    });
  }
  const key = await openIssuerKey(active, ask);
  const { certificate } = active;
  const constraints = extension(certificate, oid.nameConstraints);
  const nameConstraints = constraints && readNameConstraints(constraints.value);
  const request = buildCaRequest(certificate.subject, { ...issuingWishes, nameConstraints }, key);
  writeNew(file, { data: requestPem(request), mode: 0o644 });
  return { folder, file, publicKey: fingerprint(certificate.publicKey) };
}

function checkFile(file: string): void {
  checkDestination(file, '--csr-out');
  if (!isThere(file)) return;
  throw new PkiError('exists', `${file} is there already`, { hint: 'name another file with --csr-out' });
}

function pendingIssuers(folder: string): PendingIssuer[] {
  const pending = pendingFolder(folder);
  if (!isThere(pending)) return [];
  const ids = readdirSync(pending).filter((id) => !id.startsWith('.'));
  return ids.map((id) => readPendingIssuer(join(pending, id)));
}

export interface InstalledIssuer {
  /** Or it got another certificate for the same key. */
  isNew: boolean;
  path: Path;
  /** Whether peers have to trust another root than before. */
  otherRoot: boolean;
}

/**
 * Installs the certificate of an issuing CA that somebody else's CA has signed.
 * @param files of certificates, as absolute paths: that of the CA, and those above it, in any order
 * @throws PkiError `key-mismatch`, `bad-input` with the rule that is broken: then nothing was touched
 */
export async function installCertificate(
  folder: string,
  files: { certificate: string; intermediates: readonly string[]; trust: readonly string[] },
  ask: AskPassphrase,
  now: Date,
): Promise<InstalledIssuer> {
  readCaJson(folder);
  const given = [
    ...(await readCertificateFiles([files.certificate], 'FILE')),
    ...(await readCertificateFiles(files.intermediates, '--intermediates')),
  ];
  const trusted = await readCertificateFiles(files.trust, '--trust');
  const pending = pendingIssuers(folder);
  const issuers = allIssuers(folder);
  const waiting = match(pending, given);
  const renewed = waiting ? undefined : match(issuers.map(withPublicKey), given);
  const certificate = waiting?.certificate ?? renewed?.certificate;
  if (!certificate) throw foreignKey(files.certificate, [...pending, ...issuers.map(withPublicKey)]);
  refuseNoCa(certificate);
  const known = issuers.flatMap(({ chain, certificate: own }) => [own, ...chain]);
  const path = pathOf(certificate, [...given, ...known], trusted, now);
  if (waiting) {
    const key = await openKeyFile(
      { certificate, folder: waiting.holder.folder, id: '', chain: [] },
      join(waiting.holder.folder, 'key.pem'),
      ask,
    );
    const nextUpdate = nextUpdateOf({ certificate, chain: path.slice(1) }, readCaJson(folder), now);
    installIssuer(folder, waiting.holder, path, key, nextUpdate, now);
    return { isNew: true, path, otherRoot: false };
  }
  const issuer = renewed?.holder.issuer as Issuer;
  refuseOtherIdentity(issuer, certificate);
  renewIssuer(issuer, path);
  const before = issuer.chain.at(-1) ?? issuer.certificate;
  return {
    isNew: false,
    path,
    otherRoot: !before.publicKey.equals(path.at(-1)?.publicKey ?? Buffer.alloc(0)),
  };
}

interface Holder {
  publicKey: Buffer;
}

const withPublicKey = (issuer: Issuer): Holder & { issuer: Issuer } => ({
  issuer,
  publicKey: issuer.certificate.publicKey,
});

/** Of several certificates for one key, the youngest. */
function match<T extends Holder>(
  holders: readonly T[],
  given: readonly Certificate[],
): { holder: T; certificate: Certificate } | undefined {
  const youngest = [...given].sort((a, b) => b.notBefore.getTime() - a.notBefore.getTime());
  for (const certificate of youngest) {
    const holder = holders.find(({ publicKey }) => publicKey.equals(certificate.publicKey));
    if (holder) return { holder, certificate };
  }
  return undefined;
}

function foreignKey(file: string, holders: readonly Holder[]): PkiError {
  const keys = holders.map(({ publicKey }) => fingerprint(publicKey)).join(', ');
  return new PkiError('key-mismatch', `${file} holds no certificate for a key of this CA`, {
    hint: `the request was for the public key with SHA-256 ${keys}`,
  });
}

const refused = (certificate: Certificate, why: string, section: string): PkiError =>
  new PkiError('bad-input', `${JSON.stringify(displayName(certificate))} ${why} (RFC 5280 ${section})`, {
    hint: 'nothing was installed; have the request signed as that of a CA',
  });

/** What an issuing CA must be allowed, whoever has signed it. @param strictly a key usage that is not there allows nothing */
export function refuseNoCa(certificate: Certificate, strictly = true): void {
  const constraints = extension(certificate, oid.basicConstraints);
  if (!constraints || !readBasicConstraints(constraints.value).ca) {
    throw refused(certificate, 'is no CA: its basic constraints do not say cA', '4.2.1.9');
  }
  const found = extension(certificate, oid.keyUsage);
  if (!found && !strictly) return;
  const usage = found ? readKeyUsage(found.value) : [];
  if (!usage.includes('keyCertSign')) {
    throw refused(certificate, 'may sign no certificates: its key usage lacks keyCertSign', '4.2.1.3');
  }
  if (!usage.includes('cRLSign')) {
    throw refused(certificate, 'may sign no CRLs: its key usage lacks cRLSign', '4.2.1.3');
  }
}

/** From the certificate to its root. @throws PkiError `bad-input` that names the rule which the best path breaks */
export function pathOf(
  certificate: Certificate,
  given: readonly Certificate[],
  trusted: readonly Certificate[],
  now: Date,
): Path {
  const roots = given.filter((one) => one.subject.equals(one.issuer));
  const verdict = validateChain({
    leaf: certificate,
    intermediates: given,
    anchors: trusted.length > 0 ? trusted : roots,
    time: now,
  });
  if (!verdict.path) {
    const finding = verdict.candidates[0]?.findings[0];
    const incomplete = finding === undefined || ['issuer-missing', 'not-trusted'].includes(finding.rule);
    throw new PkiError(
      'bad-input',
      finding
        ? `${JSON.stringify(finding.subject)}: ${finding.message} (${finding.section})`
        : 'no chain leads to a root',
      {
        hint: incomplete
          ? 'give the certificates above it with --intermediates, and the root with --trust'
          : `nothing was installed; ${finding.fix}`,
      },
    );
  }
  verdict.path.forEach((ca, index) => {
    const constraints = extension(ca, oid.basicConstraints);
    const most = constraints && readBasicConstraints(constraints.value).pathLength;
    if (most === undefined || most >= index) return;
    throw refused(
      ca,
      `has path length ${most}, and ${index} CA${index === 1 ? '' : 's'} would stand below it`,
      '4.2.1.9',
    );
  });
  return [certificate, ...verdict.path.slice(1)];
}

/** Certificates that were issued before must stay valid under the new one, and so must CRLs. */
function refuseOtherIdentity(issuer: Issuer, certificate: Certificate): void {
  if (!certificate.subject.equals(issuer.certificate.subject)) {
    throw refused(certificate, `has another subject than ${join(issuer.folder, 'cert.pem')}`, '4.1.2.4');
  }
  if (!subjectKeyIdentifierOf(certificate).equals(subjectKeyIdentifierOf(issuer.certificate))) {
    throw refused(
      certificate,
      `has another subject key identifier than ${join(issuer.folder, 'cert.pem')}`,
      '4.2.1.2',
    );
  }
}
