import type { Certificate } from '../certificate.ts';
import {
  checkNameConstraints,
  describeViolation,
  nameConstraintCost,
  namesInCommonName,
} from '../name-constraints.ts';
import type { SubjectAlternativeName } from '../subject-alternative-name.ts';
import { judgeExtensions, judgeIssuerRole, judgeProfile, judgeValidity } from './certificate-checks.ts';
import { decode } from './decoded.ts';
import { judgeKeyUsage, judgePurpose, type Purpose } from './key-purpose.ts';
import type { Run } from './run.ts';
import { judgeName } from './server-name.ts';
import { judgeKeyStrength, judgeSignatureStrength } from './strength.ts';
import { displayName, finding, type Finding, type Place } from './verdict.ts';

/*
 * A path is judged from the certificate upwards, one step at a time. Every rule of RFC 5280 6.1.3 and 6.1.4
 * but the policies looks only at a certificate and those below it, so a path that fails early is left early.
 */

/** What is asked of the certificate at the bottom of a path. */
export interface Question {
  purpose: Purpose;
  names: readonly SubjectAlternativeName[];
}

/** The first step: the certificate that is judged, alone. */
export function judgeTarget(run: Run, target: Certificate, { purpose, names }: Question): Finding[] {
  const place = { certificate: target, index: 0 };
  return [
    ...judgeAnywhere(run, place),
    ...judgePurpose(place, purpose),
    ...judgeKeyUsage(place, purpose),
    ...names.flatMap((name) => judgeName(place, name)),
    ...judgeLeafForm(place),
  ];
}

/** One step up: the issuer, and what it says about the path below. */
export function judgeIssuer(
  run: Run,
  below: readonly Certificate[],
  issuer: Certificate,
  isAnchor: boolean,
  purpose: Purpose,
): Finding[] {
  const place = { certificate: issuer, index: below.length };
  return [
    ...judgeSignature(run, below, issuer),
    ...judgeAnywhere(run, place),
    ...judgeIssuerRole(place, isAnchor),
    ...judgeLength(run, below, place, isAnchor),
    ...judgePurpose(place, purpose),
    ...judgeNames(run, below, place),
  ];
}

function judgeAnywhere(run: Run, place: Place): Finding[] {
  const strict = run.input.strength !== 'any';
  const signatureCounts = strict && !run.isTrusted(place.certificate);
  return [
    ...judgeValidity(place, run.time),
    ...judgeExtensions(place),
    ...judgeProfile(place),
    ...(signatureCounts ? judgeSignatureStrength(place) : []),
    ...(strict ? judgeKeyStrength(place) : []),
  ];
}

/** RFC 5280 4.2.1.10: name constraints are for CAs alone. */
function judgeLeafForm(place: Place): Finding[] {
  const { basicConstraints, nameConstraints } = decode(place.certificate);
  if (basicConstraints?.ca === true || !nameConstraints) return [];
  const message = `${displayName(place.certificate)} is no CA, and yet it constrains names`;
  return [finding('profile', place, message, 'have it issued again by its CA', 'RFC 5280 4.2.1.10')];
}

function judgeSignature(run: Run, below: readonly Certificate[], issuer: Certificate): Finding[] {
  const child = below.at(-1);
  if (!child) return [];
  const place = { certificate: child, index: below.length - 1 };
  const name = displayName(child);
  switch (run.checkSignature(child, issuer)) {
    case 'good':
    case 'unusable-key': // said of the issuer itself
      return [];
    case 'bad': {
      const message = `the signature on ${name} was not made with the key of ${displayName(issuer)}`;
      return [
        finding(
          'bad-signature',
          place,
          message,
          'find the CA certificate with the right key, or have it issued again',
        ),
      ];
    }
    case 'unsupported-algorithm': {
      const message = `${name} is signed with ${child.signatureAlgorithm.id}, which is not supported here`;
      return [
        finding('unsupported-algorithm', place, message, 'have it issued again with RSA, ECDSA or Ed25519'),
      ];
    }
  }
}

/** Self-issued certificates do not count (RFC 5280 4.2.1.9, 6.1.4 (l)). */
const countCas = (certificates: readonly Certificate[]): number =>
  certificates.filter((certificate) => !decode(certificate).selfIssued).length;

function judgeLength(run: Run, below: readonly Certificate[], place: Place, isAnchor: boolean): Finding[] {
  const { certificate } = place;
  const name = displayName(certificate);
  const cas = countCas(below.slice(1));
  const allowed = decode(certificate).basicConstraints?.pathLength;
  const findings: Finding[] = [];
  if (allowed !== undefined && cas > allowed) {
    const message = `${name} allows ${allowed} more ${allowed === 1 ? 'CA' : 'CAs'} below it, and here are ${cas}`;
    findings.push(
      finding(
        'path-length',
        place,
        message,
        `issue from a CA higher up, or have ${name} issued again without this limit`,
      ),
    );
  }
  const limit = run.input.maxDepth;
  const depth = isAnchor ? 0 : countCas([...below.slice(1), certificate]);
  if (limit !== undefined && depth > limit) {
    findings.push(
      finding(
        'max-depth',
        place,
        `the path has more than ${limit} CAs below its anchor`,
        'allow more with --max-depth',
      ),
    );
  }
  return findings;
}

/** The constraints of one CA on every name below it (RFC 5280 6.1.3 (b), (c)); self-issued CAs are let pass. */
function judgeNames(run: Run, below: readonly Certificate[], { certificate: issuer }: Place): Finding[] {
  const { nameConstraints } = decode(issuer);
  if (!nameConstraints) return [];
  for (const [index, certificate] of below.entries()) {
    const { selfIssued, names = [] } = decode(certificate);
    if (index > 0 && selfIssued) continue;
    const all = index === 0 && names.length === 0 ? namesInCommonName(certificate.subjectName) : names;
    const place = { certificate, index };
    if (!run.budget.spend(nameConstraintCost([nameConstraints], all, certificate.subjectName))) {
      const message = `${displayName(issuer)} constrains more names than can be judged`;
      return [finding('too-much-work', place, message, 'do not trust it: nobody needs that many')];
    }
    const violation = checkNameConstraints([nameConstraints], all, certificate.subjectName);
    if (!violation) continue;
    const message = `${displayName(issuer)} may not issue this: ${describeViolation(violation)}`;
    const fix = 'leave the name out, or issue from a CA that may';
    return [finding('not-permitted', place, message, fix)];
  }
  return [];
}
