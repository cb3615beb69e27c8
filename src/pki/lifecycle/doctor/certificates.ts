import { join } from 'node:path';
import { describeRevoked, revokedIssuer } from '../../authorities/local/revoked-issuer.ts';
import { makeSuccessor, type Issuer } from '../../authorities/local/open.ts';
import { formatDuration } from '../../x509/duration.ts';
import { validateChain } from '../../x509/validation/chain.ts';
import type { Examined } from './finding.ts';

/** How long before its end a CA needs a successor, in milliseconds: certificates of the usual lifetime no longer fit. */
const ahead = 90 * 86_400_000;

/** Whether an issuer's certificate and those above it make a path, and for how long. */
export function examineCertificate(issuer: Issuer, isActive: boolean, examined: Examined): void {
  const { folder, now, findings } = examined;
  const file = join(issuer.folder, 'cert.pem');
  const { certificate, chain } = issuer;
  const root = chain.at(-1) ?? certificate;
  const verdict = validateChain({ leaf: certificate, intermediates: chain, anchors: [root], time: now });
  const [broken] = verdict.valid ? [] : verdict.candidates;
  for (const { rule, message, fix } of broken?.findings ?? []) {
    const hasEnded = rule === 'expired';
    if (hasEnded && !isActive) findings.note('certificate', file, `${message}; it signs nothing any more`);
    // A leaf is rotated; a CA is not.
    else findings.wrong('certificate', file, message, hasEnded ? makeSuccessor : fix);
  }
  const revoked = revokedIssuer(folder, issuer);
  if (revoked) {
    const { message, hint } = describeRevoked(revoked);
    if (isActive) findings.wrong('certificate', file, message, hint);
    else findings.note('certificate', file, `${message}; it signs nothing any more`);
  }
  if (!verdict.valid) return;
  for (const one of [certificate, ...chain]) {
    const left = one.notAfter.getTime() - now.getTime();
    const life = one.notAfter.getTime() - one.notBefore.getTime();
    if (left > Math.min(ahead, life / 10)) continue;
    const what = one === certificate ? 'the certificate' : 'a certificate above it';
    findings.wrong(
      'certificate',
      file,
      `${what} ends in ${formatDuration(left)}, ${one.notAfter.toISOString()}`,
      isActive ? makeSuccessor : 'nothing, once all that it signed has ended',
    );
  }
}
