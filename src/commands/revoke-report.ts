import type { CrlPlace, RevocationFact, RevocationWish, Revoked, Target } from '../pki/lifecycle/revoke.ts';
import type { CrlCopy } from '../pki/lifecycle/crl-copies.ts';
import type { RevocationAddresses } from '../pki/lifecycle/revocation-addresses.ts';
import { extension, fingerprint, type Certificate } from '../pki/x509/certificate.ts';
import { formatName } from '../pki/x509/distinguished-name.ts';
import { formatDuration } from '../pki/x509/duration.ts';
import { readBasicConstraints } from '../pki/x509/extensions.ts';
import { oid } from '../pki/x509/oid.ts';
import type { Context } from './context.ts';
import { combineParts, exit, type ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import type { TrustRows } from './trust-report.ts';

export interface Sighting {
  url: string;
  at: Date;
}

/** What became of it, at whatever authority. */
export interface Done {
  state: Revoked['state'];
  fact: Pick<RevocationFact, 'revokedAt' | 'reason' | 'invalidityDate' | 'by'> | undefined;
  /** Of a CA in a folder. */
  crl: CrlPlace | undefined;
  /** Whoever has fetched the CRL before this one may go by it until then. */
  knownBy: Date | undefined;
  /** Folder of the trust bundle that has the CRL. */
  trust: string | undefined;
  /** Where the certificate sends those who check it. */
  addresses: RevocationAddresses;
  /** When AWS shows it there at the latest. */
  visibleBy: Date | undefined;
  /** DER of who signs the CRL, where that is known. */
  issuer: Buffer | undefined;
  warnings: string[];
}

export interface Outcome extends Done {
  target: Target;
  wish: RevocationWish;
  dryRun: boolean;
  /** Whether its successor comes first. */
  replaces: boolean;
  /** The generation that was made and put to use first. */
  successor: number | undefined;
  /** Trust bundles that have the CRL by now. */
  bundles: TrustRows;
  /** Outputs that do not have it yet. */
  copies: readonly CrlCopy[];
  /** `undefined` where nobody was to wait for it. */
  seen: Sighting | 'not-seen' | undefined;
}

/** What is about to be revoked, before anybody is asked. */
export function aboutTarget(verb: 'revoke' | 'release', target: Target, now: Date): string[] {
  const { certificate, authority, stored, serial } = target;
  return [
    `about to ${verb} ${whichOf(target)}`,
    `  serial ${serial}${certificate ? `, ${lifeOf(certificate, now)}` : ''}, issued by ${authority}`,
    ...(stored === undefined ? ['  the store does not hold it'] : []),
  ];
}

const lifeOf = ({ notAfter }: { notAfter: Date }, now: Date): string =>
  notAfter < now
    ? `expired ${formatDuration(now.getTime() - notAfter.getTime())} ago`
    : `valid until ${notAfter.toISOString()}`;

function whichOf({ stored, certificate, serial }: Target): string {
  if (!stored) return (certificate && formatName(certificate.subjectName)) || `the certificate ${serial}`;
  const { name, generation, inUse, folder } = stored;
  return `${name} generation ${generation}, ${inUse ? 'which is in use' : `which is not in use (${folder.current() ?? 'none'} is)`}`;
}

export function reportRevoked(outcome: Outcome, { now }: Context, output: Output): ExitCode {
  for (const warning of outcome.warnings) output.warn(warning);
  const { bundles } = outcome;
  output.result(document(outcome), [...lines(outcome, now(), output), ...bundles.lines]);
  if (outcome.seen !== 'not-seen') return combineParts([exit.done, ...bundles.codes]);
  output.problem(
    'it is revoked, and nothing that the certificate names shows it yet',
    'the same command waits on',
  );
  return exit.tryAgain;
}

function document(outcome: Outcome): object {
  const { target, dryRun, state, fact, crl, knownBy, trust, addresses, visibleBy, seen } = outcome;
  const { certificate, stored, authority, serial, arn } = target;
  return {
    schema: 'certwright.revoke/1',
    state,
    dryRun,
    authority,
    arn: arn ?? null,
    name: stored?.name ?? null,
    generation: stored?.generation ?? null,
    inUse: stored?.inUse ?? null,
    successor: outcome.successor ?? null,
    serial,
    sha256: certificate ? fingerprint(certificate.der) : null,
    notAfter: certificate?.notAfter.toISOString() ?? null,
    revocation: fact
      ? {
          revokedAt: fact.revokedAt.toISOString(),
          reason: fact.reason,
          invalidityDate: fact.invalidityDate?.toISOString() ?? null,
          by: fact.by,
        }
      : null,
    crl: crl
      ? {
          number: crl.number,
          path: crl.path,
          thisUpdate: crl.thisUpdate.toISOString(),
          nextUpdate: crl.nextUpdate.toISOString(),
        }
      : null,
    knownBy: knownBy?.toISOString() ?? null,
    trust: trust ?? null,
    bundles: outcome.bundles.documents,
    copies: outcome.copies,
    urls: addresses,
    visibleBy: visibleBy?.toISOString() ?? null,
    seen: seen === undefined || seen === 'not-seen' ? null : { url: seen.url, at: seen.at.toISOString() },
    warnings: outcome.warnings,
  };
}

function lines(outcome: Outcome, now: Date, { paint }: Output): string[] {
  const { target, dryRun, state, fact } = outcome;
  const words = {
    revoked: dryRun ? 'would be revoked' : 'revoked',
    'already-revoked': 'revoked already',
    released: dryRun ? 'would be released' : 'released',
    'not-revoked': 'not revoked',
  };
  const painted = (state === 'not-revoked' ? paint.yellow : paint.green)(words[state]);
  const since =
    fact && state !== 'not-revoked' && state !== 'released'
      ? `, ${fact.reason} since ${fact.revokedAt.toISOString()}`
      : '';
  return [
    `${painted}: ${printable(whichOf(target))}${since}`,
    ...(dryRun ? [] : [...inFolderLines(outcome, now), ...atAwsLines(outcome, now)]),
    ...nextSteps(outcome),
  ];
}

function inFolderLines({ crl, knownBy, state, trust }: Outcome, now: Date): string[] {
  if (!crl) return [];
  const later =
    knownBy && (state === 'revoked' || state === 'released')
      ? `; by ${knownBy.toISOString()}, in ${formatDuration(knownBy.getTime() - now.getTime())}, for whoever keeps the CRL before it`
      : '';
  return [
    `  CRL        ${printable(crl.path)}, number ${crl.number}, until ${crl.nextUpdate.toISOString()}`,
    `  in effect  now for whoever reads that file${later}`,
    ...(trust === undefined ? [] : [`  trust      ${printable(`${trust}/crl.pem`)}`]),
  ];
}

function atAwsLines({ crl, addresses, visibleBy, seen }: Outcome, now: Date): string[] {
  const places = [
    ...addresses.crl.map((url) => `  CRL        ${printable(url)}`),
    ...addresses.ocsp.map((url) => `  OCSP       ${printable(url)}`),
  ];
  if (seen !== undefined && seen !== 'not-seen') {
    return [...places, `  seen       ${seen.at.toISOString()} in ${printable(seen.url)}`];
  }
  if (crl || !visibleBy) return places;
  const left = formatDuration(visibleBy.getTime() - now.getTime());
  return [
    ...places,
    `  visible    by ${visibleBy.toISOString()}, in ${left}, as AWS says; --wait looks until it is, and then whoever keeps an older CRL goes by that one until it ends`,
  ];
}

function nextSteps(outcome: Outcome): string[] {
  const { dryRun, copies } = outcome;
  if (dryRun) return outcome.replaces ? ['its successor would be made and deployed first'] : [];
  const [first, ...others] = copies;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return [
    ...successorStep(outcome),
    ...authorityStep(outcome),
    ...(first
      ? [`next: certwright rotate, which writes the CRL to ${printable(first.path)}${more} too`]
      : []),
  ];
}

/** Peers that know of it refuse all that it has signed. */
function authorityStep({ target: { certificate, authority }, state, fact }: Outcome): string[] {
  if (!certificate || !isAuthority(certificate) || !['revoked', 'already-revoked'].includes(state)) return [];
  if (fact?.reason === 'certificateHold') return [];
  return [
    `next: certwright ca init --ca DIR, and all that it has signed anew from there: ${printable(authority)} signs nothing any more`,
  ];
}

function isAuthority(certificate: Certificate): boolean {
  const found = extension(certificate, oid.basicConstraints);
  return found !== undefined && readBasicConstraints(found.value).ca;
}

function successorStep({ target: { stored }, state, successor, fact }: Outcome): string[] {
  const revoked = state === 'revoked' || state === 'already-revoked';
  if (!stored?.inUse || !revoked || successor !== undefined) return [];
  if (fact?.reason === 'certificateHold') return [];
  return [`next: certwright rotate ${printable(stored.name)}, which is in use and due now`];
}
