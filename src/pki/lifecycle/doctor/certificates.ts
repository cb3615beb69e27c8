import { join } from 'node:path';
import type { Issuer } from '../../authorities/local/open.ts';
import { describeRevoked, revokedIssuer } from '../../authorities/local/revoked-issuer.ts';
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
  for (const { message, fix } of broken?.findings ?? []) {
    if (isActive || !/expired/.test(message)) findings.wrong('certificate', file, message, fix);
    else findings.note('certificate', file, `${message}; it signs nothing any more`);
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
      isActive
        ? 'make its successor now, and hand out the new root first'
        : 'nothing, once all that it signed has ended',
    );
  }
}
