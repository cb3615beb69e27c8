import { randomBytes } from 'node:crypto';
import { readCertificate, type Certificate } from '../../../../src/pki/x509/certificate.ts';
import type { CertificationRequest } from '../../../../src/pki/x509/certification-request.ts';
import * as write from '../../../../src/pki/x509/der-writer.ts';
import { readBasicConstraints } from '../../../../src/pki/x509/extensions.ts';
import { keyIdentifier } from '../../../../src/pki/x509/key.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import type { Call, Cloud } from '../cloud.ts';
import type { Json } from '../input.ts';
import { invalid, Refusal } from '../refusal.ts';
import { caOf, requireState } from './arn.ts';
import { partitionOf, type CertificateAuthority } from './certificate-authority.ts';
import { crlUrl, ocspUrl } from './crl.ts';
import { readCsr } from './csr.ts';
import {
  encodeAccess,
  encodeDistributionPoint,
  encodeExtensions,
  encodeKeyIdentifier,
  type Extensions,
} from './extension-value.ts';
import { passedByApi, type Passed } from './passthrough.ts';
import {
  checkSigningAlgorithm,
  signedAs,
  signingAlgorithms,
  type SigningAlgorithm,
} from './signing-algorithm.ts';
import { templateOf, type Template } from './template.ts';
import { validityOf, type Validity } from './validity.ts';

const fiveMinutes = 300_000;

export async function issueCertificate(call: Call): Promise<Json> {
  const { cloud, input } = call;
  const ca = caOf(call);
  const token = input.optionalText('IdempotencyToken', { max: 36 });
  const act = async (): Promise<string> => issue(call, ca);
  return { CertificateArn: await cloud.tokens.once(['IssueCertificate', ca.arn], token, fiveMinutes, act) };
}

function issue(call: Call, ca: CertificateAuthority): string {
  const { cloud, input, caller } = call;
  const csr = input.blob('Csr', { max: 32_768 });
  const algorithm = input.choice('SigningAlgorithm', signingAlgorithms);
  const template = templateOf(
    input.optionalText('TemplateArn', { min: 5, max: 200 }),
    partitionOf(caller.region),
  );
  const request = readCsr(csr);
  const own = template.kind === 'root';
  // A root is made by issuing its own request, which nobody else's request may be.
  requireState(call, ca, ...(own ? ['PENDING_CERTIFICATE', 'ACTIVE'] : ['ACTIVE']));
  checkOwn(own, ca, request);
  checkPathLength(ca, template);
  checkSigningAlgorithm(algorithm, ca.keyAlgorithm);
  const now = cloud.clock.seconds();
  const validity = validityOf(input, now, own ? undefined : ca);
  const passed = passedByApi(input.optionalStructure('ApiPassthrough'));
  const certificate = signCertificate(cloud, ca, { request, template, passed, validity, algorithm });
  const arn = certificateArnOf(ca, certificate);
  cloud.stats.billed += 1;
  ca.issued.set(arn, {
    arn,
    certificate,
    template: template.name,
    issuedAt: now,
    requestedBy: undefined,
    polls: cloud.pace.certificatePolls,
    answer: undefined,
  });
  return arn;
}

/** Ends in the serial: 32 hexadecimal digits. */
export const certificateArnOf = (ca: CertificateAuthority, { serial }: Certificate): string =>
  `${ca.arn}/certificate/${serial.toString('hex').replace(/^00(?=.{32})/, '')}`;

function checkOwn(own: boolean, ca: CertificateAuthority, request: CertificationRequest): void {
  if (!own) return;
  if (ca.type !== 'ROOT')
    throw new Refusal('InvalidArgsException', 'Only a root CA can issue from a root CA template');
  if (!request.publicKey.equals(ca.publicKey))
    throw new Refusal('InvalidArgsException', "A root CA template takes the CA's own CSR only");
}

/** A CA certificate must leave room below the one that signs it (RFC 5280 4.2.1.9). */
function checkPathLength(ca: CertificateAuthority, template: Template): void {
  if (template.kind !== 'subordinate' || !ca.certificate) return;
  const limit = pathLengthOf(ca.certificate.extensions.find(({ id }) => id === oid.basicConstraints)?.value);
  const wanted = pathLengthOf(template.extensions.get(oid.basicConstraints)?.value) ?? 0;
  if (limit !== undefined && wanted >= limit)
    throw invalid(`The path length ${wanted} is not below the issuing CA's, which is ${limit}`);
}

const pathLengthOf = (value: Buffer | undefined): number | undefined =>
  value && readBasicConstraints(value).pathLength;

interface Order {
  request: CertificationRequest;
  template: Template;
  passed: Passed;
  validity: Validity;
  algorithm: SigningAlgorithm;
}

const emptyName = write.sequence();

/** Signs what the template, the API and the request say, in this order of precedence. */
export function signCertificate(cloud: Cloud, ca: CertificateAuthority, order: Order): Certificate {
  const { request, template, passed, validity, algorithm } = order;
  const subject = (template.api ? passed.subject : undefined) ?? request.subject;
  const extensions = compose(cloud, ca, order);
  const names = extensions.get(oid.subjectAltName);
  if (subject.equals(emptyName) && !names)
    throw new Refusal(
      'MalformedCSRException',
      'The certificate signing request has neither a subject nor a SAN',
    );
  // RFC 5280 4.2.1.6
  if (subject.equals(emptyName) && names) names.critical = true;
  const der = signedAs(algorithm, ca.key, (identifier) =>
    write.sequence(
      write.explicit(0, write.integer(2)),
      write.integer(randomSerial()),
      identifier,
      template.kind === 'root' ? subject : (ca.certificate?.subject ?? ca.subject),
      write.sequence(write.time(validity.notBefore), write.time(validity.notAfter)),
      subject,
      request.publicKey,
      write.explicit(3, encodeExtensions(extensions)),
    ),
  );
  return readCertificate(der);
}

/** 128 bits as AWS has them: one in 256 begins with a zero octet's worth, half are padded in DER. */
function randomSerial(): Buffer {
  const serial = randomBytes(16);
  if (serial[0] === 0) serial[0] = 1;
  return serial;
}

function compose(cloud: Cloud, ca: CertificateAuthority, { request, template, passed }: Order): Extensions {
  const extensions: Extensions = new Map();
  for (const { id, critical, value } of request.extensions) {
    if (template.csr || id === oid.subjectAltName) extensions.set(id, { critical, value });
  }
  if (template.api) for (const [id, one] of passed.extensions) extensions.set(id, { ...one });
  for (const [id, one] of template.extensions) extensions.set(id, one);
  extensions.set(oid.subjectKeyIdentifier, {
    critical: false,
    value: write.octetString(keyIdentifier(request.publicKey)),
  });
  extensions.delete(oid.authorityKeyIdentifier);
  if (template.kind === 'root') return extensions;
  extensions.set(oid.authorityKeyIdentifier, {
    critical: false,
    value: encodeKeyIdentifier(keyIdentifier(ca.publicKey)),
  });
  const crl = omitsCrl(ca) ? undefined : crlUrl(cloud, ca);
  if (crl !== undefined)
    extensions.set(oid.crlDistributionPoints, { critical: false, value: encodeDistributionPoint(crl) });
  const ocsp = ocspUrl(cloud, ca);
  if (ocsp !== undefined)
    extensions.set(oid.authorityInfoAccess, { critical: false, value: encodeAccess(oid.ocsp, ocsp) });
  return extensions;
}

/** Matter and other standards forbid the extension; the CRL is there all the same. */
function omitsCrl({ crl }: CertificateAuthority): boolean {
  const extension = crl?.given['CrlDistributionPointExtensionConfiguration'] as Json | undefined;
  return extension?.['OmitExtension'] === true;
}
