import { createHash } from 'node:crypto';
import { extension, type Certificate } from '../certificate.ts';
import { PkiError } from '../../errors.ts';
import { subjectPublicKeyBits } from '../subject-public-key.ts';
import { sameName } from '../name-comparison.ts';
import { oid } from '../oid.ts';
import { readTlsFeature } from '../tls-feature.ts';
import { judgeValidity } from './certificate-checks.ts';
import { decode } from './decoded.ts';
import type { BasicResponse, OcspResponse, SingleResponse } from './ocsp-response.ts';
import type { Subject } from './revocation.ts';
import type { Run } from './run.ts';
import { describeSpan, displayName, finding, type Finding } from './verdict.ts';

/** Whether a response answered for the certificate, and what speaks against it. */
export interface OcspVerdict {
  answered: boolean;
  findings: Finding[];
}

/** The OCSP responses that were handed in and speak of this certificate (RFC 6960 3.2): each must be usable. */
export function judgeOcsp(run: Run, subject: Subject): OcspVerdict {
  let answered = false;
  const { ocsp = [], staple } = run.input;
  const stapled =
    staple?.response === undefined || staple.response instanceof PkiError ? [] : [staple.response];
  for (const { basic } of [...ocsp, ...stapled]) {
    const answer = basic && ocspAnswer(basic, subject, run);
    if (!answer) continue;
    const name = displayName(subject.certificate);
    if ('fault' in answer) {
      const message = `the OCSP response for ${name} ${answer.fault}`;
      return {
        answered: true,
        findings: [finding('ocsp-unusable', subject, message, 'have the server fetch a fresh one')],
      };
    }
    if (answer.status.kind === 'revoked') {
      const when = answer.status.revokedAt.toISOString().slice(0, 10);
      const message = `${name} was revoked on ${when}, says its OCSP responder`;
      return {
        answered: true,
        findings: [finding('revoked', subject, message, 'issue a new one with a new key', 'RFC 6960 2.2')],
      };
    }
    answered = true;
  }
  const fault =
    staple && subject.index === 0 && !answered ? stapleFault(staple.response, subject) : undefined;
  if (fault === undefined) return { answered, findings: [] };
  return {
    answered,
    findings: [finding('ocsp-unusable', subject, fault, 'look at how the server staples, and reload it')],
  };
}

/** Why what a server has stapled is no answer for its certificate. */
function stapleFault(
  response: OcspResponse | PkiError | undefined,
  { certificate }: Subject,
): string | undefined {
  const name = displayName(certificate);
  if (response === undefined) {
    if (!mustStaple(certificate)) return undefined;
    return `${name} demands a stapled OCSP response (RFC 7633), and there is none`;
  }
  if (response instanceof PkiError) return `the stapled OCSP response cannot be read: ${response.message}`;
  return response.basic
    ? `the stapled OCSP response does not speak of ${name}`
    : `the stapled OCSP response says nothing but ${response.responseStatus}`;
}

/** Number of the TLS extension status_request (RFC 6066). */
const statusRequest = 5;

function mustStaple(certificate: Certificate): boolean {
  const feature = extension(certificate, oid.tlsFeature);
  try {
    return feature !== undefined && readTlsFeature(feature.value).includes(statusRequest);
  } catch (error) {
    if (error instanceof PkiError) return false;
    throw error;
  }
}

/** By which time, and by whom signatures are checked. */
export interface OcspJudge extends Pick<Run, 'checkSignature'> {
  time: Date;
  /** Milliseconds by which clocks may differ; a response without an end is good that long. */
  tolerance?: number;
}

/** What a response says of a certificate, or why that does not count; `undefined` where it does not speak of it. */
export function ocspAnswer(
  basic: BasicResponse,
  subject: Pick<Subject, 'certificate' | 'issuer'>,
  judge: OcspJudge,
): { status: SingleResponse['status'] } | { fault: string } | undefined {
  const single = basic.responses.find((one) => speaksOf(one, subject));
  if (!single) return undefined;
  const fault = faultOf(judge, basic, single, subject.issuer);
  return fault === undefined ? { status: single.status } : { fault };
}

const digests: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** RFC 6960 4.1.1: the digest of the issuer's name and of its key bits, and the serial number. */
function speaksOf(
  single: SingleResponse,
  { certificate, issuer }: Pick<Subject, 'certificate' | 'issuer'>,
): boolean {
  const digest = digests[single.digest];
  if (digest === undefined || !single.serial.equals(certificate.serial)) return false;
  const hash = (bytes: Buffer): Buffer => createHash(digest).update(bytes).digest();
  return (
    hash(certificate.issuer).equals(single.issuerNameHash) &&
    hash(subjectPublicKeyBits(issuer.publicKey)).equals(single.issuerKeyHash)
  );
}

function faultOf(
  judge: OcspJudge,
  basic: BasicResponse,
  single: SingleResponse,
  issuer: Certificate,
): string | undefined {
  const { time, tolerance = 0 } = judge;
  if (single.status.kind === 'unknown') return 'says that nobody knows this certificate';
  if (single.thisUpdate.getTime() - tolerance > time.getTime()) return 'is not valid yet';
  // Without nextUpdate newer information is always available (RFC 6960 4.2.2.1): the response was good for its own second.
  if (!single.nextUpdate && tolerance === 0) return 'does not say when the next one comes';
  const end = (single.nextUpdate ?? single.thisUpdate).getTime() + tolerance;
  if (end < time.getTime()) return `went stale ${describeSpan(time.getTime() - end)} ago`;
  const critical = [...basic.extensions, ...single.extensions].find((extension) => extension.critical);
  if (critical) return `has the critical extension ${critical.id}, which nothing here understands`;
  const responder = [issuer, ...basic.certificates].find((one) => isResponder(basic, one));
  if (!responder) return 'does not hold the certificate of its responder';
  if (responder !== issuer && !isDelegate(judge, responder, issuer))
    return `is signed by ${displayName(responder)}, who may not`;
  return judge.checkSignature(basic, responder) === 'good' ? undefined : 'has a wrong signature';
}

function isResponder({ responder }: BasicResponse, candidate: Certificate): boolean {
  if ('name' in responder) return sameName(responder.name, candidate.subjectName);
  return createHash('sha1')
    .update(subjectPublicKeyBits(candidate.publicKey))
    .digest()
    .equals(responder.keyHash);
}

/** RFC 6960 4.2.2.2: issued by the very CA, and for OCSP signing. */
function isDelegate(judge: OcspJudge, responder: Certificate, issuer: Certificate): boolean {
  return (
    sameName(responder.issuerName, issuer.subjectName) &&
    decode(responder).extendedKeyUsage?.includes(oid.ocspSigning) === true &&
    judgeValidity({ certificate: responder, index: 0 }, judge.time).length === 0 &&
    judge.checkSignature(responder, issuer) === 'good'
  );
}
