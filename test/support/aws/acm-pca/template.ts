import { encodeBasicConstraints } from './extension-value.ts';
import { encodeExtendedKeyUsage, encodeKeyUsage, type Extensions } from './extension-value.ts';
import type { KeyUsage } from '../../../../src/pki/x509/extensions.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import { partitionOf } from './certificate-authority.ts';
import { invalidArgs, Refusal } from '../refusal.ts';

/** What a template fixes. What it fixes, neither the API nor the request can change. */
export interface Template {
  name: string;
  /** Whether ApiPassthrough is heeded, and whether the request's own extensions are. */
  api: boolean;
  csr: boolean;
  kind: 'end-entity' | 'subordinate' | 'root';
  extensions: Extensions;
}

type Family = Pick<Template, 'kind' | 'extensions'> & { passthroughs: readonly Passthrough[] };
type Passthrough = '' | 'CSRPassthrough' | 'APIPassthrough' | 'APICSRPassthrough';

const all = ['', 'CSRPassthrough', 'APIPassthrough', 'APICSRPassthrough'] as const;
const blank = ['CSRPassthrough', 'APIPassthrough', 'APICSRPassthrough'] as const;

const endEntity = (critical = false): Extensions =>
  new Map([[oid.basicConstraints, { critical, value: encodeBasicConstraints(false) }]]);

const leaf = (keyUsage: readonly KeyUsage[], purposes: readonly string[], critical = false): Family => ({
  kind: 'end-entity',
  passthroughs: all,
  extensions: new Map([
    ...endEntity(),
    [oid.keyUsage, { critical: true, value: encodeKeyUsage(keyUsage) }],
    [oid.extendedKeyUsage, { critical, value: encodeExtendedKeyUsage(purposes) }],
  ]),
});

const caUsage = {
  critical: true,
  value: encodeKeyUsage(['digitalSignature', 'keyCertSign', 'cRLSign']),
};

function authority(kind: 'subordinate' | 'root', pathLength: number | undefined, full: boolean): Family {
  const basic = { critical: true, value: encodeBasicConstraints(true, pathLength) };
  const usage: [string, typeof basic][] = full ? [[oid.keyUsage, caUsage]] : [];
  const withCsr = full ? all : blank;
  const withoutCsr = full ? (['', 'APIPassthrough'] as const) : (['APIPassthrough'] as const);
  return {
    kind,
    passthroughs: kind === 'root' ? withoutCsr : withCsr,
    extensions: new Map([[oid.basicConstraints, basic], ...usage]),
  };
}

const tls = ['digitalSignature', 'keyEncipherment'] as const;
const pathLengths = [0, 1, 2, 3] as const;

/** AWS Private CA user guide, "Template definitions". A blank template fixes the basic constraints alone. */
const families = new Map<string, Family>([
  ['EndEntityCertificate', leaf(tls, [oid.serverAuth, oid.clientAuth])],
  ['EndEntityClientAuthCertificate', leaf(tls, [oid.clientAuth])],
  ['EndEntityServerAuthCertificate', leaf(tls, [oid.serverAuth])],
  ['CodeSigningCertificate', leaf(['digitalSignature'], [oid.codeSigning], true)],
  ['OCSPSigningCertificate', leaf(['digitalSignature'], [oid.ocspSigning], true)],
  ['BlankEndEntityCertificate', { kind: 'end-entity', passthroughs: blank, extensions: endEntity() }],
  [
    'BlankEndEntityCertificate_CriticalBasicConstraints',
    { kind: 'end-entity', passthroughs: blank, extensions: endEntity(true) },
  ],
  ['RootCACertificate', authority('root', undefined, true)],
  ['BlankRootCACertificate', authority('root', undefined, false)],
  ...pathLengths.flatMap((length): [string, Family][] => [
    [`SubordinateCACertificate_PathLen${length}`, authority('subordinate', length, true)],
    [`BlankSubordinateCACertificate_PathLen${length}`, authority('subordinate', length, false)],
    [`BlankRootCACertificate_PathLen${length}`, authority('root', length, false)],
  ]),
]);

const defaultTemplate = 'arn:aws:acm-pca:::template/EndEntityCertificate/V1';

export const templateArn = (region: string, name: string): string =>
  `arn:${partitionOf(region)}:acm-pca:::template/${name}/V1`;

/** @param partition of the CA: a template of another one is none */
export function templateOf(arn: string = defaultTemplate, partition = 'aws'): Template {
  const parts = /^arn:([^:]+):acm-pca:::template\/([^/]+)\/V1$/.exec(arn);
  if (parts?.[1] !== partition) {
    throw new Refusal('InvalidArnException', `Template arn ${arn} is not a valid template arn`);
  }
  const name = parts[2] ?? '';
  const passthrough = all.find((one) => one !== '' && name.endsWith(`_${one}`)) ?? '';
  const family = families.get(passthrough === '' ? name : name.slice(0, -passthrough.length - 1));
  if (!family?.passthroughs.includes(passthrough)) {
    throw invalidArgs(`Template ${arn} does not exist`);
  }
  const { kind, extensions } = family;
  return {
    name,
    api: passthrough.startsWith('API'),
    csr: passthrough.endsWith('CSRPassthrough'),
    kind,
    extensions,
  };
}
