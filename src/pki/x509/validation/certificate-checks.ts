import { extension } from '../certificate.ts';
import { oid } from '../oid.ts';
import { decode } from './decoded.ts';
import { publicKeyOf } from './signature.ts';
import { describeSpan, displayName, finding, type Finding, type Place } from './verdict.ts';

/*
 * What a certificate must be by itself, wherever it stands in a path.
 */

/** Both bounds belong to the period, in whole seconds (RFC 5280 4.1.2.5). */
export function judgeValidity(place: Place, time: Date): Finding[] {
  const { notBefore, notAfter } = place.certificate;
  const name = displayName(place.certificate);
  const second = Math.floor(time.getTime() / 1000) * 1000;
  if (second < notBefore.getTime()) {
    const span = describeSpan(notBefore.getTime() - time.getTime());
    return [
      finding('not-yet-valid', place, `${name} is not valid for another ${span}`, 'check the clock, or wait'),
    ];
  }
  if (second <= notAfter.getTime()) return [];
  const span = describeSpan(time.getTime() - notAfter.getTime());
  const fix = place.index === 0 ? 'rotate it' : 'renew it and send the new one along, or trust its successor';
  return [finding('expired', place, `${name} expired ${span} ago`, fix)];
}

/** Extensions that are readable, single, and understood where they are critical (RFC 5280 4.2). */
export function judgeExtensions(place: Place): Finding[] {
  const { malformed: unreadable, unknownCritical, nameConstraints } = decode(place.certificate);
  const name = displayName(place.certificate);
  const fix = 'have it issued again by its CA';
  const isEmpty = nameConstraints && nameConstraints.permitted.length + nameConstraints.excluded.length === 0;
  const malformed = isEmpty === true ? [...unreadable, 'its name constraints are empty'] : unreadable;
  const broken = malformed.map((what) => finding('malformed-extension', place, `${name}: ${what}`, fix));
  const unknown = unknownCritical.map((id) =>
    finding(
      'unknown-critical',
      place,
      `${name} has the critical extension ${id}, which nothing here understands`,
      'have it issued without this extension, or with it not critical',
    ),
  );
  return [...broken, ...unknown, ...judgeQualifiers(place)];
}

/** Who marks policies critical wants every qualifier understood (RFC 5280 4.2.1.4). */
function judgeQualifiers(place: Place): Finding[] {
  const [unknown] = decode(place.certificate).policies?.flatMap((policy) => policy.unknownQualifiers) ?? [];
  if (unknown === undefined || extension(place.certificate, oid.certificatePolicies)?.critical !== true)
    return [];
  const message = `${displayName(place.certificate)} has critical policies with the qualifier ${unknown}, which nothing here understands`;
  const fix = 'have it issued without this qualifier, or with its policies not critical';
  return [finding('unknown-critical', place, message, fix, 'RFC 5280 4.2.1.4')];
}

/** What RFC 5280 section 4 demands of a certificate and careful validators enforce. */
export function judgeProfile(place: Place): Finding[] {
  const { certificate } = place;
  const name = displayName(certificate);
  const fix = 'have it issued again by its CA';
  const findings: Finding[] = [];
  const object = (message: string, section: string): void => {
    findings.push(finding('profile', place, `${name} ${message}`, fix, section));
  };
  if (!certificate.signatureAlgorithm.raw.equals(certificate.innerSignatureAlgorithm.raw)) {
    findings.push(
      finding('algorithm-mismatch', place, `${name} names two different signature algorithms`, fix),
    );
  }
  if (certificate.issuerName.length === 0) object('names no issuer', 'RFC 5280 4.1.2.4');
  if (!publicKeyOf(certificate)) {
    findings.push(
      finding(
        'unsupported-algorithm',
        place,
        `${name} holds a key that cannot be read`,
        fix,
        'RFC 3279 2.3, RFC 5480 2.1',
      ),
    );
  }
  if (certificate.subjectName.length === 0 && !decode(certificate).names)
    object('has neither a subject nor alternative names', 'RFC 5280 4.1.2.6');
  return findings;
}

/** A certificate that issued the one below it (RFC 5280 6.1.4 (k) and (n)). */
export function judgeIssuerRole(place: Place, isAnchor: boolean): Finding[] {
  const { certificate } = place;
  const { basicConstraints, keyUsage } = decode(certificate);
  const name = displayName(certificate);
  const fix = 'issue from a CA, or have this one issued again as a CA';
  const findings: Finding[] = [];
  // An anchor is a name and a key: it need not say that it is a CA, but it must not deny it.
  if (basicConstraints ? !basicConstraints.ca : !isAnchor) {
    findings.push(
      finding('not-a-ca', place, `${name} is no CA, and yet it issued the certificate below it`, fix),
    );
  }
  if (keyUsage && !keyUsage.includes('keyCertSign')) {
    findings.push(
      finding(
        'key-usage',
        place,
        `${name} may not sign certificates: its key usage lacks keyCertSign`,
        fix,
        'RFC 5280 6.1.4 (n)',
      ),
    );
  }
  if (certificate.subjectName.length === 0) {
    findings.push(finding('profile', place, `${name} is a CA without a subject`, fix, 'RFC 5280 4.1.2.6'));
  }
  return findings;
}
