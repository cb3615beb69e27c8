import type { KeyObject } from 'node:crypto';
import { PkiError } from '../../errors.ts';
import { extension, type Certificate } from '../../x509/certificate.ts';
import { readAccessDescriptions, readExtendedKeyUsage } from '../../x509/extensions.ts';
import { privateKeyPem, publicKeyDer } from '../../x509/key.ts';
import { oid } from '../../x509/oid.ts';
import { certificatesPem } from '../../x509/pem-writer.ts';
import { publicKeyFacts } from '../../x509/public-key-facts.ts';
import { checkSignature } from '../../x509/validation/signature.ts';

/** What is to serve the certificate, where that decides what may be imported. */
export type Service = 'cloudfront' | 'cloudfront-origin' | 'alb' | 'apigateway';

/** A certificate, its key and what certifies it. */
export interface Material {
  certificate: Certificate;
  /** Each certifies the one before it. */
  chain: readonly Certificate[];
  key: KeyObject;
}

/** PEM, as ImportCertificate takes it. */
export interface ImportInput {
  certificate: Buffer;
  chain: Buffer | undefined;
  privateKey: Buffer;
}

/** https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-prerequisites.html */
const importable = [
  'RSA-1024',
  'RSA-2048',
  'RSA-3072',
  'RSA-4096',
  'EC-P-256',
  'EC-P-384',
  'EC-P-521',
] as const;
type Key = (typeof importable)[number];

const rsa = ['RSA-2048', 'RSA-3072', 'RSA-4096'] as const;

/**
 * Application Load Balancer takes whatever ACM does; CloudFront's keys are named on ACM's page above, those of a client
 * certificate towards an origin in CloudFront's "Origin mutual TLS".
 */
const rules: Readonly<Record<Service, { keys: readonly Key[]; region?: string; longest?: number }>> = {
  cloudfront: { keys: ['RSA-1024', ...rsa, 'EC-P-256'], region: 'us-east-1' },
  'cloudfront-origin': { keys: ['RSA-2048', 'EC-P-256'], region: 'us-east-1', longest: 3 },
  alb: { keys: importable },
  apigateway: { keys: [...rsa, 'EC-P-256', 'EC-P-384'] },
};

/** Where a service wants its certificates. */
export const regionFor = (service: Service | undefined): string | undefined =>
  service === undefined ? undefined : rules[service].region;

const refuse = (message: string, hint: string): PkiError => new PkiError('unsupported', message, { hint });

/**
 * Refuses what ACM, or the service behind it, would not take, before ACM is asked.
 * @returns what to send
 * @throws PkiError `unsupported`, `not-valid`, `key-mismatch`, `bad-input`
 */
export function importInput(material: Material, service: Service | undefined, now: Date): ImportInput {
  const { certificate, chain, key } = material;
  if (!publicKeyDer(key).equals(certificate.publicKey)) {
    throw new PkiError('key-mismatch', 'the key does not belong to the certificate', {
      hint: 'issue it anew: certwright issue NAME --force',
    });
  }
  if (now < certificate.notBefore || now > certificate.notAfter) {
    throw new PkiError(
      'not-valid',
      `ACM takes only what is valid now, and this is valid from ${certificate.notBefore.toISOString()} to ${certificate.notAfter.toISOString()}`,
      { hint: 'issue it anew: certwright issue NAME --force' },
    );
  }
  checkIssuing(certificate);
  checkKey(certificate, service);
  checkPath(certificate, chain);
  if (service !== undefined) checkService(material, service);
  return sized({
    certificate: pem([certificate]),
    chain: chain.length === 0 ? undefined : pem(chain),
    privateKey: Buffer.from(privateKeyPem(key), 'latin1'),
  });
}

const pem = (certificates: readonly Certificate[]): Buffer =>
  Buffer.from(certificatesPem(certificates), 'latin1');

function sized(input: ImportInput): ImportInput {
  for (const [what, bytes, most] of [
    ['certificate', input.certificate, 32_768],
    ['chain', input.chain, 2_097_152],
    ['key', input.privateKey, 5_120],
  ] as const) {
    if (bytes !== undefined && bytes.length > most) {
      throw refuse(
        `ACM takes a ${what} of ${most} bytes in PEM, not of ${bytes.length}`,
        'issue a smaller one',
      );
    }
  }
  return input;
}

function checkIssuing(certificate: Certificate): void {
  if (certificate.version !== 3) throw refuse('ACM takes X.509 version 3 only', 'issue it anew');
  if (certificate.issuerName.length === 0) {
    throw refuse('ACM takes no certificate with an empty issuer', 'have it issued by a CA that has a name');
  }
  const access = extension(certificate, oid.authorityInfoAccess);
  const long = (access ? readAccessDescriptions(access.value) : []).some(
    ({ method, location }) =>
      method === oid.ocsp && location.kind === 'uri' && Buffer.byteLength(location.value) > 1000,
  );
  if (long)
    throw refuse('ACM takes OCSP URLs of 1000 characters at most', 'issue it with a shorter --ocsp-url');
}

/** The kind of a certificate's key, as ACM tells keys apart. */
export function keyOf(certificate: Certificate): Key {
  const { algorithm, curve, bits } = publicKeyFacts(certificate.publicKey);
  const found = importable.find((one) => one === `${algorithm}-${curve ?? bits ?? ''}`);
  if (found) return found;
  throw refuse(
    `ACM takes no ${algorithm} ${curve ?? bits ?? ''} keys`.replace(/ +/g, ' '),
    'issue it anew with --key-type ec-p256, ec-p384 or rsa-2048',
  );
}

function checkKey(certificate: Certificate, service: Service | undefined): void {
  const key = keyOf(certificate);
  if (service === undefined) return;
  const { keys } = rules[service];
  if (!keys.includes(key)) {
    throw refuse(
      `${service} takes keys of ${keys.join(', ')}, not ${key}`,
      'issue it anew with another --key-type',
    );
  }
}

/** Each directly certifies the one before it; alone stands only what has signed itself. */
function checkPath(certificate: Certificate, chain: readonly Certificate[]): void {
  if (chain.some(({ der }) => der.equals(certificate.der)) && chain.length > 0) {
    throw new PkiError('bad-input', 'the chain holds the certificate itself', { hint: 'issue it anew' });
  }
  const path = chain.length === 0 ? [certificate, certificate] : [certificate, ...chain];
  path.slice(0, -1).forEach((lower, index) => {
    const upper = path[index + 1];
    if (upper && lower.issuer.equals(upper.subject) && checkSignature(lower, upper) === 'good') return;
    throw new PkiError(
      'bad-input',
      chain.length === 0
        ? 'the certificate of its issuer is not known, and ACM wants the chain'
        : `the certificate at place ${index + 2} of the chain did not sign the one before it`,
      { hint: 'issue it anew: certwright issue NAME --force' },
    );
  });
}

function checkService({ certificate, chain }: Material, service: Service): void {
  const found = extension(certificate, oid.extendedKeyUsage);
  const purposes = found ? readExtendedKeyUsage(found.value) : undefined;
  const client = service === 'cloudfront-origin';
  if (purposes && !purposes.includes(client ? oid.clientAuth : oid.serverAuth)) {
    throw refuse(
      `${service} needs a certificate for ${client ? 'clients' : 'servers'}, and this is none`,
      `issue it anew with --usage mtls or ${client ? 'client' : 'server'}`,
    );
  }
  const { longest } = rules[service];
  if (longest !== undefined && chain.length > longest) {
    throw refuse(
      `${service} takes chains of ${longest}, not of ${chain.length}`,
      'have it issued nearer to the root',
    );
  }
}
