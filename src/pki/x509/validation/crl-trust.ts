import type { Certificate } from '../certificate.ts';
import type { Crl } from '../crl.ts';
import type { CrlIndex } from './crl-index.ts';
import { decode } from './decoded.ts';
import { oid } from '../oid.ts';
import type { Run } from './run.ts';
import { schemeOf } from './signature.ts';
import { describeSpan, displayName } from './verdict.ts';

/** Whether a path leads from this certificate, which is not in the path that is judged, to the same anchor. */
export type FindSigner = (signer: Certificate) => boolean;

/**
 * Why a CRL that stands under the issuer's name cannot be relied upon, a verb first; `undefined` where it can
 * (RFC 5280 6.3.3 (a), (f), (g)).
 * @throws PkiError where an entry is malformed.
 */
export function faultOf(
  run: Run,
  index: CrlIndex,
  issuer: Certificate,
  findSigner: FindSigner,
): string | undefined {
  const { time } = run;
  const { thisUpdate, nextUpdate, signatureAlgorithm } = index.crl;
  if (index.fault !== undefined) return index.fault;
  if (thisUpdate > time)
    return `is not valid for another ${describeSpan(thisUpdate.getTime() - time.getTime())}`;
  if (nextUpdate && nextUpdate < time)
    return `went stale ${describeSpan(time.getTime() - nextUpdate.getTime())} ago`;
  const digest = schemeOf(signatureAlgorithm)?.digest;
  if (run.input.strength !== 'any' && (digest === 'md5' || digest === 'sha1'))
    return `is signed with ${digest}, which can be forged`;
  const fault = signerFault(run, index.crl, issuer, findSigner);
  if (fault !== undefined) return fault;
  const entry = index.entries().unknownCritical;
  if (entry === oid.certificateIssuer)
    return 'is an indirect CRL, with entries of other issuers, which is not followed';
  return entry === undefined
    ? undefined
    : `has entries with the critical extension ${entry}, which nothing here understands`;
}

/** The issuer's own key, or another key of the same CA that a path to the same anchor vouches for. */
function signerFault(run: Run, crl: Crl, issuer: Certificate, findSigner: FindSigner): string | undefined {
  const signed = (signer: Certificate): boolean => run.checkSignature(crl, signer) === 'good';
  if (signed(issuer)) {
    return maySignCrls(issuer)
      ? undefined
      : `is signed by ${displayName(issuer)}, whose key usage lacks cRLSign`;
  }
  const other = run
    .namesakesOf(issuer)
    .find((one) => one !== issuer && maySignCrls(one) && signed(one) && findSigner(one));
  return other ? undefined : `was not signed by ${displayName(issuer)}`;
}

/** RFC 5280 4.2.1.3: without the extension every use is allowed. */
const maySignCrls = (certificate: Certificate): boolean =>
  decode(certificate).keyUsage?.includes('cRLSign') ?? true;

/** Big-endian octets of non-negative numbers. */
export function compareNumbers(a: Buffer | undefined, b: Buffer | undefined): number {
  const [left, right] = [a, b].map((bytes) => BigInt(`0x0${bytes?.toString('hex') ?? ''}`));
  return (left ?? 0n) < (right ?? 0n) ? -1 : left === right ? 0 : 1;
}
