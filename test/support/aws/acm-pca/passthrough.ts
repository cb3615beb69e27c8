import * as write from '../../../../src/pki/x509/der-writer.ts';
import { keyUsageBits } from '../../../../src/pki/x509/extensions.ts';
import { encodeGeneralName, parseIp } from '../../../../src/pki/x509/general-name.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import type { Input } from '../input.ts';
import { invalidArgs } from '../refusal.ts';
import { encodeExtendedKeyUsage, encodeKeyUsage, type Extensions } from './extension-value.ts';
import { encodeSubject } from './subject.ts';

export interface Passed {
  subject: Buffer | undefined;
  extensions: Extensions;
}

/** What an ApiPassthrough asks for. */
export function passedByApi(passthrough: Input | undefined): Passed {
  const subject = passthrough?.optionalStructure('Subject');
  return {
    subject: subject && encodeSubject(subject),
    extensions: extensionsOf(passthrough?.optionalStructure('Extensions')),
  };
}

function extensionsOf(asked: Input | undefined): Extensions {
  const found: Extensions = new Map();
  if (!asked) return found;
  const names = asked.structures('SubjectAlternativeNames', { min: 1, max: 150 });
  if (names.length > 0)
    found.set(oid.subjectAltName, {
      critical: false,
      value: write.sequence(...names.map(encodeAlternative)),
    });
  const usage = asked.optionalStructure('KeyUsage');
  if (usage) found.set(oid.keyUsage, { critical: true, value: encodeUsage(usage) });
  const purposes = asked.structures('ExtendedKeyUsage', { min: 1, max: 20 }).map(purposeOf);
  if (purposes.length > 0)
    found.set(oid.extendedKeyUsage, { critical: false, value: encodeExtendedKeyUsage(purposes) });
  const policies = asked.structures('CertificatePolicies', { min: 1, max: 20 });
  if (policies.length > 0)
    found.set(oid.certificatePolicies, {
      critical: false,
      value: write.sequence(...policies.map(encodePolicy)),
    });
  for (const one of asked.structures('CustomExtensions', { min: 1, max: 150 })) {
    const id = one.text('ObjectIdentifier');
    if (found.has(id)) throw invalidArgs(`Extension ${id} is given twice`);
    found.set(id, {
      critical: one.flag('Critical') ?? false,
      value: Buffer.from(one.text('Value'), 'base64'),
    });
  }
  return found;
}

function encodeAlternative(name: Input): Buffer {
  const text = (member: string, max = 253): string | undefined => name.optionalText(member, { min: 0, max });
  const dns = text('DnsName');
  if (dns !== undefined) return encodeGeneralName({ kind: 'dns', value: dns });
  const email = text('Rfc822Name', 256);
  if (email !== undefined) return encodeGeneralName({ kind: 'email', value: email });
  const uri = text('UniformResourceIdentifier');
  if (uri !== undefined) return encodeGeneralName({ kind: 'uri', value: uri });
  const address = text('IpAddress', 39);
  if (address !== undefined) {
    const bytes = parseIp(address);
    if (!bytes) throw invalidArgs(`IP address ${address} is not valid`);
    return encodeGeneralName({ kind: 'ip', bytes });
  }
  const directory = name.optionalStructure('DirectoryName');
  if (directory) return write.explicit(4, encodeSubject(directory));
  const registered = text('RegisteredId');
  if (registered !== undefined) return write.implicit(8, write.objectIdentifier(registered).subarray(2));
  throw invalidArgs('A general name of this form is not emulated');
}

const usageMembers = {
  digitalSignature: 'DigitalSignature',
  nonRepudiation: 'NonRepudiation',
  keyEncipherment: 'KeyEncipherment',
  dataEncipherment: 'DataEncipherment',
  keyAgreement: 'KeyAgreement',
  keyCertSign: 'KeyCertSign',
  cRLSign: 'CRLSign',
  encipherOnly: 'EncipherOnly',
  decipherOnly: 'DecipherOnly',
} as const;

export const encodeUsage = (usage: Input): Buffer =>
  encodeKeyUsage(keyUsageBits.filter((bit) => usage.flag(usageMembers[bit]) === true));

const purposes = {
  SERVER_AUTH: oid.serverAuth,
  CLIENT_AUTH: oid.clientAuth,
  CODE_SIGNING: oid.codeSigning,
  EMAIL_PROTECTION: oid.emailProtection,
  TIME_STAMPING: oid.timeStamping,
  OCSP_SIGNING: oid.ocspSigning,
  SMART_CARD_LOGIN: '1.3.6.1.4.1.311.20.2.2',
  DOCUMENT_SIGNING: '1.3.6.1.4.1.311.10.3.12',
  CERTIFICATE_TRANSPARENCY: '1.3.6.1.4.1.11129.2.4.4',
} as const;

function purposeOf(one: Input): string {
  const named = one.optionalChoice(
    'ExtendedKeyUsageType',
    Object.keys(purposes) as (keyof typeof purposes)[],
  );
  return named === undefined ? one.text('ExtendedKeyUsageObjectIdentifier') : purposes[named];
}

function encodePolicy(policy: Input): Buffer {
  const qualifiers = policy
    .structures('PolicyQualifiers', { max: 20 })
    .map((one) =>
      write.sequence(
        write.objectIdentifier('1.3.6.1.5.5.7.2.1'),
        write.ia5String(one.structure('Qualifier').text('CpsUri', { max: 256 })),
      ),
    );
  return write.sequence(
    write.objectIdentifier(policy.text('CertPolicyId')),
    ...(qualifiers.length === 0 ? [] : [write.sequence(...qualifiers)]),
  );
}
