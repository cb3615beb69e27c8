import { createHash } from 'node:crypto';
import type { ApiPassthrough, IssueCertificateCommandInput } from '@aws-sdk/client-acm-pca';
import { readCertificationRequest } from '../../x509/certification-request.ts';
import { buildCertificationRequest } from '../../x509/certification-request-builder.ts';
import { readName } from '../../x509/distinguished-name.ts';
import { readAlternativeNames } from '../../x509/extensions.ts';
import { formatGeneralName, formatIp } from '../../x509/general-name.ts';
import { oid } from '../../x509/oid.ts';
import { encodePem } from '../../x509/pem-writer.ts';
import { keyKindOf, keyUsageFor, subjectOf, type Profile } from '../../x509/profile.ts';
import type { SubjectAlternativeName } from '../../x509/subject-alternative-name.ts';
import type { RequestKey } from '../authority.ts';
import type { Template } from './template.ts';

/** An order of one certificate. Plain JSON, since it is kept in the journal. */
export interface Order {
  ca: string;
  /** PEM. */
  request: string;
  signingAlgorithm: string;
  template: string;
  passthrough: ApiPassthrough | null;
  /** Unix seconds. */
  notBefore: number;
  notAfter: number;
  /** AWS answers an order with the same token the same for five minutes. */
  token: string;
}

/** The request that proves the key: ours is made of the profile, somebody else's goes as it is. */
export const requestOf = (profile: Profile, key: RequestKey): Buffer =>
  key.kind === 'own' ? buildCertificationRequest(profile, key.key) : key.request;

/** Whether a request asks for just what is wanted, so that a template may take subject and names from it. */
export function requestSays(der: Buffer, profile: Profile): boolean {
  const request = readCertificationRequest(der);
  const found = request.extensions.find(({ id }) => id === oid.subjectAltName);
  const asked = found ? readAlternativeNames(found.value).map(formatGeneralName).sort() : [];
  const wanted = profile.names.map(formatGeneralName).sort();
  return request.subject.equals(subjectOf(profile)) && JSON.stringify(asked) === JSON.stringify(wanted);
}

/** @param serialNumber of the order: a purchase that is repeated on purpose is another order */
export function placeOrder(
  ca: string,
  request: Buffer,
  profile: Profile,
  template: Template,
  signingAlgorithm: string,
  serialNumber: number,
): Order {
  const order = {
    ca,
    request: encodePem('CERTIFICATE REQUEST', request),
    signingAlgorithm,
    template: template.arn,
    passthrough: template.fromCall ? passthroughOf(profile) : null,
    // A CA's own end, which --clamp takes, may have a fraction.
    notBefore: Math.floor(profile.notBefore.getTime() / 1000),
    notAfter: Math.floor(profile.notAfter.getTime() / 1000),
  };
  const digest = createHash('sha256')
    .update(JSON.stringify([order, serialNumber]))
    .digest('hex');
  // At most 36 characters.
  return { ...order, token: digest.slice(0, 36) };
}

export const commandInput = (order: Order): IssueCertificateCommandInput => ({
  CertificateAuthorityArn: order.ca,
  Csr: Buffer.from(order.request, 'latin1'),
  SigningAlgorithm: order.signingAlgorithm as IssueCertificateCommandInput['SigningAlgorithm'],
  TemplateArn: order.template,
  ...(order.passthrough ? { ApiPassthrough: order.passthrough } : {}),
  Validity: { Type: 'ABSOLUTE', Value: order.notAfter },
  ValidityNotBefore: { Type: 'ABSOLUTE', Value: order.notBefore },
  IdempotencyToken: order.token,
});

function passthroughOf(profile: Profile): ApiPassthrough {
  const keyUsage = keyUsageFor(profile.usage, keyKindOf(profile.publicKey));
  const purposes = {
    mtls: ['SERVER_AUTH', 'CLIENT_AUTH'],
    server: ['SERVER_AUTH'],
    client: ['CLIENT_AUTH'],
  } as const;
  const attributes = readName(subjectOf(profile)).flat();
  return {
    Subject: {
      CustomAttributes: attributes.map(({ type, value }) => ({ ObjectIdentifier: type, Value: value ?? '' })),
    },
    Extensions: {
      SubjectAlternativeNames: profile.names.map(passthroughName),
      KeyUsage: {
        DigitalSignature: keyUsage.includes('digitalSignature'),
        KeyEncipherment: keyUsage.includes('keyEncipherment'),
      },
      ExtendedKeyUsage: purposes[profile.usage].map((type) => ({ ExtendedKeyUsageType: type })),
    },
  };
}

function passthroughName(name: SubjectAlternativeName): object {
  switch (name.kind) {
    case 'dns':
      return { DnsName: name.value };
    case 'email':
      return { Rfc822Name: name.value };
    case 'uri':
      return { UniformResourceIdentifier: name.value };
    case 'ip':
      return { IpAddress: formatIp(name.bytes) };
  }
}
