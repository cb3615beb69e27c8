import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { chainPem, pemOf } from '../pem.ts';
import { Refusal } from '../refusal.ts';
import { caOf, requireState } from './arn.ts';
import { statusOf, type CertificateAuthority, type IssuedCertificate } from './certificate-authority.ts';

/** Certificate and chain up to the root, once it is made; a revoked or expired one too. */
export function getCertificate(call: Call): Json {
  const ca = caOf(call);
  const arn = call.input.text('CertificateArn', {
    min: 5,
    max: 200,
    pattern: /^arn:[\w+=/,.@-]+:[\w+=/,.@-]+:[\w+=/,.@-]*:[0-9]*:[\w+=,.@-]+(\/[\w+=,.@-]+)*$/,
  });
  requireState(call, ca, 'ACTIVE', 'DISABLED', 'EXPIRED', 'PENDING_CERTIFICATE');
  const issued = ca.issued.get(arn);
  if (!issued) throw new Refusal('ResourceNotFoundException', `Could not find certificate ${arn}.`);
  if (issued.polls > 0) {
    issued.polls -= 1;
    throw new Refusal(
      'RequestInProgressException',
      `The request to issue certificate ${arn} is still in progress. Try again later.`,
    );
  }
  return (issued.answer ??= answerOf(ca, issued));
}

function answerOf(ca: CertificateAuthority, { certificate, template }: IssuedCertificate): Json {
  const upwards = ca.certificate ? [ca.certificate, ...ca.chain] : [];
  // A root has nothing above it.
  const chain =
    template.includes('RootCACertificate') || upwards.length === 0
      ? {}
      : { CertificateChain: chainPem(upwards) };
  return { Certificate: pemOf(certificate), ...chain };
}

/** The CA's certificate, and the chain above it; none above a root. */
export function getCertificateAuthorityCertificate(call: Call): Json {
  const ca = caOf(call);
  if (!ca.certificate || statusOf(ca, call.cloud.clock.now()) === 'DELETED') {
    throw new Refusal(
      'InvalidStateException',
      `The certificate authority ${ca.arn} has no certificate in the ${ca.state} state.`,
    );
  }
  return {
    Certificate: pemOf(ca.certificate),
    ...(ca.chain.length > 0 ? { CertificateChain: chainPem(ca.chain) } : {}),
  };
}
