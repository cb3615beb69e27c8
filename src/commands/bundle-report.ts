import { relative } from 'node:path';
import type { Bundle, BundleFinding, BundleOrder, CountedCrl } from '../pki/lifecycle/bundle.ts';
import { fingerprint, serialHex, type Certificate } from '../pki/x509/certificate.ts';
import { formatName } from '../pki/x509/distinguished-name.ts';
import { readCrlNumber } from '../pki/x509/extensions.ts';
import { oid } from '../pki/x509/oid.ts';
import { distance } from './distance.ts';
import { counted, shorten } from './inspect-text.ts';
import type { Output } from './output.ts';

/** Absolute paths of what was written. */
export interface Written {
  out: string | undefined;
  crls: readonly string[];
}

export const bundleDocument = (
  bundle: Bundle,
  { target, check }: BundleOrder,
  { out, crls }: Written,
): object => ({
  schema: 'certwright.bundle/1',
  target,
  check,
  accepted: bundle.accepted,
  certificates: bundle.certificates.map((one) => certificateDocument(one, bundle)),
  crls: bundle.crls.map(crlDocument),
  findings: bundle.findings,
  out: out ?? null,
  crlsOut: crls,
});

function certificateDocument(certificate: Certificate, { paths }: Bundle): object {
  const { selfSigned, depth } = paths.of(certificate);
  return {
    subject: formatName(certificate.subjectName),
    issuer: formatName(certificate.issuerName),
    root: selfSigned,
    depth,
    notAfter: certificate.notAfter.toISOString(),
    sha256: fingerprint(certificate.der),
  };
}

function crlDocument({ crl, summary }: CountedCrl): object {
  const number = crl.extensions.find(({ id }) => id === oid.crlNumber);
  return {
    issuer: formatName(crl.issuerName),
    number: number ? serialHex(readCrlNumber(number.value)) : null,
    nextUpdate: crl.nextUpdate?.toISOString() ?? null,
    revoked: summary.count,
  };
}

export function bundleLines(
  bundle: Bundle,
  { target, check, cwd }: BundleOrder,
  { out, crls }: Written,
  now: Date,
  { paint }: Output,
): string[] {
  const { accepted, certificates, findings, paths } = bundle;
  const faults = findings.filter(({ severity }) => severity === 'fault').length;
  const what = `${counted(certificates.length, 'CA')}${bundle.crls.length > 0 ? `, ${counted(bundle.crls.length, 'CRL')}` : ''}`;
  const verdict = accepted
    ? paint.green(`${target} takes ${check ? 'it' : 'this'}`)
    : paint.red(
        `${target} does not take it: ${counted(faults, 'fault')}${check ? '' : ', nothing is written'}`,
      );
  return [
    `${verdict}: ${what}`,
    ...certificates.map((one) => {
      const role = paths.of(one).selfSigned ? 'root' : 'issuing';
      return `  ${role.padEnd(7)} ${shorten(formatName(one.subjectName)) || '(no subject)'}, ends ${distance(one.notAfter, now)}`;
    }),
    ...bundle.crls.map(({ crl, summary }) => {
      const next = crl.nextUpdate ? `, next one due ${distance(crl.nextUpdate, now)}` : '';
      return `  CRL     ${shorten(formatName(crl.issuerName))}: ${summary.count} revoked${next}`;
    }),
    ...[...(out === undefined ? [] : [out]), ...crls].map(
      (file) => `  written ${shorten(relative(cwd, file))}`,
    ),
    ...(out !== undefined && bundle.crls.length > 0 && crls.length === 0
      ? ['  its CRLs are not written: add --crl-out FILE']
      : []),
  ];
}

/** Each with its rule and the way out, on standard error. */
export function reportFindings({ findings }: Bundle, { raisedQuotas }: BundleOrder, output: Output): void {
  const counts = ({ severity, adjustable }: BundleFinding): boolean =>
    severity === 'fault' && !(adjustable && raisedQuotas);
  for (const finding of findings) {
    const text = `${finding.rule}: ${finding.message}`;
    if (counts(finding)) output.problem(text, finding.hint);
    else output.warn(`${text}; ${finding.hint}`);
  }
}
