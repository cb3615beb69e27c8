import type { Revoked, RevocationWish, Target } from '../pki/lifecycle/revoke.ts';
import { fingerprint, serialHex } from '../pki/x509/certificate.ts';
import { formatName } from '../pki/x509/distinguished-name.ts';
import { formatDuration } from '../pki/x509/duration.ts';
import type { Context } from './context.ts';
import { combineParts, exit, type ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import type { TrustRows } from './trust-report.ts';

export interface Outcome {
  target: Target;
  wish: RevocationWish;
  dryRun: boolean;
  revoked: Revoked;
  /** Trust bundles that have the CRL by now. */
  bundles: TrustRows;
}

/** What is about to be revoked, before anybody is asked. */
export function aboutTarget(verb: 'revoke' | 'release', target: Target, now: Date): string[] {
  const { certificate, authority, stored } = target;
  const { notAfter } = certificate;
  const life =
    notAfter < now
      ? `expired ${formatDuration(now.getTime() - notAfter.getTime())} ago`
      : `valid until ${notAfter.toISOString()}`;
  return [
    `about to ${verb} ${whichOf(target)}`,
    `  serial ${serialHex(certificate.serial)}, ${life}, issued by ${authority}`,
    ...(stored === undefined ? ['  the store does not hold it'] : []),
  ];
}

function whichOf({ stored, certificate }: Target): string {
  if (!stored)
    return formatName(certificate.subjectName) || `the certificate ${serialHex(certificate.serial)}`;
  const use = stored.inUse
    ? 'which is in use'
    : `which is not in use (${stored.folder.current() ?? 'none'} is)`;
  return `${stored.name} generation ${stored.generation}, ${use}`;
}

export function reportRevoked(outcome: Outcome, { now }: Context, output: Output): ExitCode {
  const { bundles } = outcome;
  output.result(document(outcome), [...lines(outcome, now(), output), ...bundles.lines]);
  return combineParts([exit.done, ...bundles.codes]);
}

function document({ target, dryRun, revoked, bundles }: Outcome): object {
  const { certificate, stored, authority } = target;
  const { state, fact, crl, knownBy, trust } = revoked;
  return {
    schema: 'certwright.revoke/1',
    state,
    dryRun,
    authority,
    name: stored?.name ?? null,
    generation: stored?.generation ?? null,
    inUse: stored?.inUse ?? null,
    serial: serialHex(certificate.serial),
    sha256: fingerprint(certificate.der),
    notAfter: certificate.notAfter.toISOString(),
    revocation: fact
      ? {
          revokedAt: fact.revokedAt.toISOString(),
          reason: fact.reason,
          invalidityDate: fact.invalidityDate?.toISOString() ?? null,
          by: fact.by,
        }
      : null,
    crl: {
      number: crl.number,
      path: crl.path,
      thisUpdate: crl.thisUpdate.toISOString(),
      nextUpdate: crl.nextUpdate.toISOString(),
    },
    knownBy: knownBy?.toISOString() ?? null,
    trust: trust ?? null,
    bundles: bundles.documents,
  };
}

function lines({ target, dryRun, revoked }: Outcome, now: Date, { paint }: Output): string[] {
  const { state, fact, crl, knownBy, trust } = revoked;
  const words = {
    revoked: dryRun ? 'would be revoked' : 'revoked',
    'already-revoked': 'revoked already',
    released: dryRun ? 'would be released' : 'released',
    'not-revoked': 'not revoked',
  };
  const painted = (state === 'not-revoked' ? paint.yellow : paint.green)(words[state]);
  const since =
    fact && state !== 'not-revoked' ? `, ${fact.reason} since ${fact.revokedAt.toISOString()}` : '';
  const changed = !dryRun && (state === 'revoked' || state === 'released');
  return [
    `${painted}: ${printable(whichOf(target))}${since}`,
    ...(dryRun
      ? []
      : [
          `  CRL        ${printable(crl.path)}, number ${crl.number}, until ${crl.nextUpdate.toISOString()}`,
          `  in effect  now for whoever reads that file${knownBy && changed ? `; by ${knownBy.toISOString()}, in ${formatDuration(knownBy.getTime() - now.getTime())}, for whoever keeps the CRL before it` : ''}`,
          ...(trust === undefined ? [] : [`  trust      ${printable(`${trust}/crl.pem`)}`]),
        ]),
    ...nextSteps(target, state, dryRun),
  ];
}

function nextSteps({ stored }: Target, state: Revoked['state'], dryRun: boolean): string[] {
  const revoked = state === 'revoked' || state === 'already-revoked';
  if (!stored?.inUse || !revoked || dryRun) return [];
  return [`next: certwright rotate ${printable(stored.name)}, which is in use and due now`];
}
