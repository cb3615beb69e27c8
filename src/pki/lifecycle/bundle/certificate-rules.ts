import { extension, fingerprint, type Certificate } from '../../x509/certificate.ts';
import { readBasicConstraints, readKeyUsage } from '../../x509/extensions.ts';
import { oid } from '../../x509/oid.ts';
import { certificatePem } from '../../x509/pem-writer.ts';
import { keyText, publicKeyFacts } from '../../x509/public-key-facts.ts';
import { signatureName } from '../../x509/algorithm-names.ts';
import { schemeOf } from '../../x509/validation/signature.ts';
import { displayName } from '../../x509/validation/verdict.ts';
import { nameKey } from '../../x509/name-comparison.ts';
import { beyond, fault, warning, type BundleFinding } from './finding.ts';
import type { Paths } from './paths.ts';
import type { Target } from './targets.ts';

const month = 30 * 86_400_000;

export const nameOf = (certificate: Certificate): string =>
  `${displayName(certificate)} (${fingerprint(certificate.der).slice(0, 8)}…)`;

export function isCa(certificate: Certificate): boolean {
  const constraints = extension(certificate, oid.basicConstraints);
  return constraints !== undefined && readBasicConstraints(constraints.value).ca;
}

function maySign(certificate: Certificate): boolean {
  const usage = extension(certificate, oid.keyUsage);
  return usage === undefined || readKeyUsage(usage.value).includes('keyCertSign');
}

/** Every rule about the certificates of a trust store. */
export function judgeCertificates(
  certificates: readonly Certificate[],
  paths: Paths,
  target: Target,
  now: Date,
): BundleFinding[] {
  const size = certificates.reduce((sum, { der }) => sum + certificatePem(der).length, 0);
  return [
    ...beyond(
      target.certificates,
      certificates.length,
      'too-many',
      (most) => `${certificates.length} certificates; ${target.title} takes ${most}`,
      'leave out what no client needs',
    ),
    ...beyond(
      target.size,
      size,
      'too-large',
      (most) => `the bundle has ${size} bytes; ${target.title} takes ${most}`,
      'leave out what no client needs',
    ),
    ...certificates.flatMap((one) => judgeOne(one, paths, target, now)),
    ...(target.oneIssuerPerSubject ? twoIssuers(certificates, target) : []),
  ];
}

function judgeOne(certificate: Certificate, paths: Paths, target: Target, now: Date): BundleFinding[] {
  const name = nameOf(certificate);
  if (!isCa(certificate)) {
    return [
      fault('not-a-ca', `${name} is no CA`, 'a trust store holds CAs; clients send their own certificates'),
    ];
  }
  const { depth, rooted } = paths.of(certificate);
  const length = certificatePem(certificate.der).length;
  return [
    ...(maySign(certificate)
      ? []
      : [fault('not-a-ca', `${name} may not sign certificates (key usage)`, 'name the CA that signs')]),
    ...judgeTimes(certificate, name, now),
    ...judgeStrength(certificate, name, paths, target),
    ...beyond(
      target.certificateSize,
      length,
      'too-large',
      (most) => `${name} has ${length} bytes in PEM; ${target.title} takes ${most}`,
      'name a smaller one',
    ),
    ...beyond(
      target.depth,
      depth,
      'depth',
      (most) => `${name} is ${depth} CAs deep; ${target.title} takes ${most}`,
      'have clients certified nearer to the root',
    ),
    ...(rooted ? [] : [withoutRoot(certificate, name, target)]),
  ];
}

function withoutRoot({ issuerName }: Certificate, name: string, target: Target): BundleFinding {
  const say = target.needsRoots ? fault : warning;
  const issuer = issuerName.at(-1)?.at(-1)?.value ?? '';
  return say(
    'no-root',
    `no root in the bundle certifies ${name}: its issuer ${JSON.stringify(issuer)} is missing`,
    'name the file of its issuer too, up to the root',
  );
}

function judgeTimes({ notBefore, notAfter }: Certificate, name: string, now: Date): BundleFinding[] {
  if (now < notBefore)
    return [fault('not-valid-now', `${name} is valid from ${notBefore.toISOString()} on`, 'add it then')];
  if (now > notAfter)
    return [
      fault(
        'not-valid-now',
        `${name} ended ${notAfter.toISOString()}`,
        'leave it out, or name its successor',
      ),
    ];
  return notAfter.getTime() - now.getTime() < month
    ? [
        warning(
          'ends-soon',
          `${name} ends ${notAfter.toISOString()}`,
          'add its successor before; nobody else warns',
        ),
      ]
    : [];
}

function judgeStrength(
  certificate: Certificate,
  name: string,
  paths: Paths,
  target: Target,
): BundleFinding[] {
  const key = publicKeyFacts(certificate.publicKey);
  const digest = schemeOf(certificate.signatureAlgorithm)?.digest;
  const { take, ownSignatures, words } = target.digests;
  // Ed25519 hashes by itself; whether it is taken is said of the key.
  const counts = digest !== null && (ownSignatures || !paths.of(certificate).selfSigned);
  return [
    ...(target.keys.take(key)
      ? []
      : [
          fault(
            'key',
            `${name} has a key (${keyText(key)}) that ${target.title} does not take: ${target.keys.words}`,
            'use a CA with another kind of key',
          ),
        ]),
    ...(!counts || take.includes(digest ?? '')
      ? []
      : [
          fault(
            'signature',
            `${name} is signed with ${signatureName(certificate.signatureAlgorithm.id)}; ${target.title} takes ${words}`,
            'have it signed again',
          ),
        ]),
  ];
}

/** API Gateway: "conflicts with an existing certificate from a different issuer". */
function twoIssuers(certificates: readonly Certificate[], target: Target): BundleFinding[] {
  const bySubject = new Map<string, Certificate>();
  return certificates.flatMap((one) => {
    const key = nameKey(one.subjectName);
    const earlier = bySubject.get(key) ?? one;
    bySubject.set(key, earlier);
    const alike = earlier.issuer.equals(one.issuer) && earlier.publicKey.equals(one.publicKey);
    if (alike) return [];
    return fault(
      'two-issuers',
      `${nameOf(one)} has the subject of ${nameOf(earlier)} and another issuer or key; ${target.title} refuses the second`,
      'leave one of them out, or give the new CA a name of its own',
    );
  });
}
