import type { ItemDescription } from '../pki/lifecycle/inspect-item.ts';
import type { PublicKeyDescription } from '../pki/x509/describe-certificate.ts';
import type { ExtensionDescription, ExtensionFields } from '../pki/x509/describe-extensions.ts';
import type { GeneralNameDescription } from '../pki/x509/describe-names.ts';
import { purposeName } from '../pki/x509/algorithm-names.ts';
import type { Item } from '../pki/x509/document.ts';
import { formatDuration } from '../pki/x509/duration.ts';
import { distance } from './distance.ts';
import { listed, shorten, timeText, type Row } from './inspect-text.ts';
import type { Look } from './inspect-report.ts';
import type { Output } from './output.ts';

type Certificate = Extract<ItemDescription, { kind: 'certificate' }>;
type Request = Extract<ItemDescription, { kind: 'request' }>;

export function certificateRows(description: Certificate, item: Item, look: Look, output: Output): Row[] {
  return [
    ['subject', shorten(description.subject.text) || '(empty)'],
    ['issuer', `${shorten(description.issuer.text) || '(empty)'}${signerNote(description)}`],
    ...nameRows('names', description.names),
    ['valid', validityText(description, look, output)],
    ['', `${timeText(description.notBefore)} to ${timeText(description.notAfter)}`],
    ['serial', shorten(description.serial)],
    ['key', keyLine(description.publicKey)],
    ['signature', shorten(description.signatureAlgorithm.name)],
    ...extensionRows(description, description.extensions),
    ...trustRows(item),
    ['SHA-256', description.sha256],
    ['key SHA-256', description.publicKey.sha256],
  ];
}

export function requestRows(description: Request): Row[] {
  return [
    ['subject', shorten(description.subject.text) || '(empty)'],
    ...nameRows('names', description.names),
    ['key', keyLine(description.publicKey)],
    ['signature', shorten(description.signatureAlgorithm.name)],
    ...extensionRows(description, description.extensions),
    ...(description.challengePassword
      ? [['challenge', 'there is a challenge password; it is not shown'] as const]
      : []),
    ...(description.unstructuredName === null
      ? []
      : [['name', shorten(description.unstructuredName)] as const]),
    ...(description.otherAttributes.length === 0
      ? []
      : [['attributes', ...listed(description.otherAttributes)] as Row]),
    ['SHA-256', description.sha256],
    ['key SHA-256', description.publicKey.sha256],
  ];
}

function signerNote({ selfSigned, selfIssued }: Certificate): string {
  if (selfSigned === true) return ' (self-signed)';
  if (!selfIssued) return '';
  return selfSigned === null
    ? ' (self-issued, signature not checked)'
    : ' (self-issued, signed by another key)';
}

/** Red is over, yellow ends within the tenth of its life that is left, or within the time asked for. */
function validityText(description: Certificate, { now, within }: Look, { paint }: Output): string {
  const from = new Date(description.notBefore);
  const until = new Date(description.notAfter);
  switch (description.validity.state) {
    case 'expired':
      return paint.red(`expired ${distance(until, now)}`);
    case 'not-yet-valid':
      return paint.red(`not yet: begins ${distance(from, now)}`);
    case 'valid': {
      const left = until.getTime() - now.getTime();
      const soon = left < Math.max(within, (until.getTime() - from.getTime()) / 10);
      return paint[soon ? 'yellow' : 'green'](`for ${formatDuration(Math.max(0, left))}`);
    }
  }
}

export const keyLine = ({ text, strength, exponent }: PublicKeyDescription): string => {
  const unusual = exponent !== null && exponent !== '65537' ? `, exponent ${exponent}` : '';
  return `${shorten(text)}${unusual}${strength === null ? '' : ` (${strength} bits of security)`}`;
};

const nameText = ({ type, value }: GeneralNameDescription): string => `${type}:${value}`;

function nameRows(label: string, names: readonly GeneralNameDescription[] | null): Row[] {
  return names ? [[label, ...listed(names.map(nameText))]] : [];
}

/** In the order in which people ask: what it may do, what binds it, where its authority speaks. */
function extensionRows(fields: ExtensionFields, extensions: readonly ExtensionDescription[]): Row[] {
  const { basicConstraints, keyUsage, extendedKeyUsage, policies, tlsFeature } = fields;
  return [
    ...(basicConstraints ? [['CA', constraintsText(basicConstraints)] as const] : []),
    ...(keyUsage ? [['key usage', keyUsage.join(', ') || '(none)'] as const] : []),
    ...(extendedKeyUsage
      ? [['purposes', listed(extendedKeyUsage.map(({ name }) => name)).join(', ')] as const]
      : []),
    ...constraintRows(fields),
    ...(policies
      ? [['policies', ...listed(policies.map(({ oid, cps }) => [oid, ...cps].join(' ')))] as Row]
      : []),
    ...policyRows(fields),
    ...urlRows(fields),
    ...(tlsFeature
      ? [['TLS feature', tlsFeature.includes(5) ? 'must staple OCSP' : tlsFeature.join(', ')] as const]
      : []),
    ...timestampRows(fields),
    ...identifierRows(fields),
    ...allExtensionRows(extensions),
  ];
}

function constraintsText({ ca, pathLength }: NonNullable<ExtensionFields['basicConstraints']>): string {
  if (!ca) return 'no';
  return pathLength === null ? 'yes' : `yes, at most ${pathLength} CAs below it`;
}

function constraintRows({ nameConstraints }: ExtensionFields): Row[] {
  if (!nameConstraints) return [];
  const { permitted, excluded } = nameConstraints;
  return [
    ...(permitted.length > 0 ? [['only names', ...listed(permitted.map(nameText))] as Row] : []),
    ...(excluded.length > 0 ? [['never names', ...listed(excluded.map(nameText))] as Row] : []),
  ];
}

function policyRows({ policyMappings, policyConstraints, inhibitAnyPolicy }: ExtensionFields): Row[] {
  const constraints = [
    ...(policyConstraints && policyConstraints.requireExplicitPolicy !== null
      ? [`explicit policy after ${policyConstraints.requireExplicitPolicy}`]
      : []),
    ...(policyConstraints && policyConstraints.inhibitPolicyMapping !== null
      ? [`no mapping after ${policyConstraints.inhibitPolicyMapping}`]
      : []),
    ...(inhibitAnyPolicy === null ? [] : [`no anyPolicy after ${inhibitAnyPolicy}`]),
  ];
  return [
    ...(policyMappings
      ? [['maps', ...listed(policyMappings.map(({ issuer, subject }) => `${issuer} to ${subject}`))] as Row]
      : []),
    ...(constraints.length > 0 ? [['policy rules', constraints.join(', ')] as const] : []),
  ];
}

function urlRows({
  crlDistributionPoints,
  freshestCrl,
  authorityInfoAccess,
  subjectInfoAccess,
  issuerNames,
}: ExtensionFields): Row[] {
  const points = (list: typeof crlDistributionPoints): string[] =>
    (list ?? []).flatMap(({ names, crlIssuer }) => [...names, ...crlIssuer].map(bareUrl));
  const access = (method: string): string[] =>
    (authorityInfoAccess ?? [])
      .filter((one) => one.method === method)
      .map(({ location }) => bareUrl(location));
  const rows: readonly (readonly [string, string[]])[] = [
    ['CRL', points(crlDistributionPoints)],
    ['freshest CRL', points(freshestCrl)],
    ['OCSP', access('ocsp')],
    ['issuer at', access('caIssuers')],
    ['more at', [...access('other'), ...(subjectInfoAccess ?? []).map(({ location }) => bareUrl(location))]],
    ['issuer names', (issuerNames ?? []).map(nameText)],
  ];
  return rows.filter(([, urls]) => urls.length > 0).map(([label, urls]) => [label, ...listed(urls)]);
}

const bareUrl = (name: GeneralNameDescription): string => (name.type === 'uri' ? name.value : nameText(name));

function timestampRows({ signedCertificateTimestamps: list }: ExtensionFields): Row[] {
  if (!list) return [];
  return [['timestamps', ...listed(list.map(({ time, logId }) => `${timeText(time)} log ${logId}`))]];
}

function identifierRows({ subjectKeyIdentifier, authorityKeyIdentifier: authority }: ExtensionFields): Row[] {
  const parts = authority
    ? [
        ...(authority.keyIdentifier === null ? [] : [authority.keyIdentifier]),
        ...(authority.issuer ?? []).map(nameText),
        ...(authority.serial === null ? [] : [`serial ${authority.serial}`]),
      ]
    : [];
  return [
    ...(subjectKeyIdentifier === null ? [] : [['key id', shorten(subjectKeyIdentifier)] as const]),
    ...(parts.length === 0 ? [] : [['issuer key id', listed(parts).join(', ')] as const]),
  ];
}

/** All of them, so that none goes unseen: on one line those whose content is shown, then the others by OID. */
export function allExtensionRows(extensions: readonly ExtensionDescription[]): Row[] {
  if (extensions.length === 0) return [];
  const mark = ({ critical }: ExtensionDescription): string => (critical ? ' (critical)' : '');
  const shown = extensions.filter(({ value }) => value === null);
  const others = extensions.filter(({ value }) => value !== null);
  return [
    [
      'extensions',
      ...(shown.length === 0
        ? []
        : [listed(shown.map((one) => `${one.name ?? one.oid}${mark(one)}`)).join(', ')]),
      ...listed(
        others.map(
          (one) =>
            `${[one.oid, ...(one.name === null ? [] : [one.name])].join(' ')}${mark(one)}, ${one.bytes} bytes`,
        ),
      ),
    ],
  ];
}

function trustRows(item: Item): Row[] {
  if (item.kind !== 'certificate' || !item.trust) return [];
  const { alias, trusted, rejected } = item.trust;
  return [
    ...(alias === undefined ? [] : [['alias', shorten(alias)] as const]),
    ...(trusted.length > 0 ? [['trusted for', listed(trusted.map(purposeName)).join(', ')] as const] : []),
    ...(rejected.length > 0 ? [['rejected for', listed(rejected.map(purposeName)).join(', ')] as const] : []),
  ];
}
