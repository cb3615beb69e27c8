import type { ItemDescription } from '../pki/lifecycle/inspect-item.ts';
import { allExtensionRows, keyLine } from './inspect-certificate.ts';
import type { Look } from './inspect-report.ts';
import { distance } from './distance.ts';
import { counted, listed, shorten, timeText, type Row } from './inspect-text.ts';
import type { Output } from './output.ts';

type Crl = Extract<ItemDescription, { kind: 'crl' }>;
type Key = Extract<ItemDescription, { kind: 'private-key' | 'public-key' }>;

export function crlRows(description: Crl, { now }: Look, { paint }: Output): Row[] {
  const { issuer, number, deltaOf, thisUpdate, nextUpdate, state, lapsing, revoked } = description;
  const next =
    nextUpdate === null
      ? paint.yellow('never says when the next one is due')
      : state === 'current'
        ? paint[lapsing ? 'yellow' : 'green'](`next one due ${distance(new Date(nextUpdate), now)}`)
        : paint.red(
            state === 'outdated'
              ? `the next one was due ${distance(new Date(nextUpdate), now)}`
              : 'not yet valid',
          );
  return [
    ['issuer', shorten(issuer.text) || '(empty)'],
    ['number', `${shorten(number ?? 'none')}${deltaOf === null ? '' : `, adds to ${shorten(deltaOf)}`}`],
    ['current', next],
    ['', `${timeText(thisUpdate)} to ${timeText(nextUpdate ?? '(open)')}`],
    ['revoked', `${counted(revoked.count, 'certificate')}${reasonsText(revoked.reasons)}`],
    ...(revoked.first
      ? [['first', `${timeText(revoked.first.revokedAt)} serial ${shorten(revoked.first.serial)}`] as const]
      : []),
    ...(revoked.last
      ? [['last', `${timeText(revoked.last.revokedAt)} serial ${shorten(revoked.last.serial)}`] as const]
      : []),
    ...scopeRows(description.scope),
    ['signature', shorten(description.signatureAlgorithm.name)],
    ...(description.authorityKeyIdentifier === null
      ? []
      : [['issuer key id', shorten(description.authorityKeyIdentifier)] as const]),
    ...allExtensionRows(description.extensions),
    ['SHA-256', description.sha256],
  ];
}

function reasonsText(reasons: Record<string, number>): string {
  const list = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`);
  return list.length === 0 ? '' : `: ${list.join(', ')}`;
}

function scopeRows(scope: Crl['scope']): Row[] {
  if (!scope) return [];
  const words = [
    ...(scope.onlyUserCerts ? ['only leaves'] : []),
    ...(scope.onlyCaCerts ? ['only CAs'] : []),
    ...(scope.onlyAttributeCerts ? ['only attribute certificates'] : []),
    ...(scope.onlySomeReasons ? [`only ${scope.onlySomeReasons.join(', ')}`] : []),
    ...(scope.indirectCrl ? ['other issuers too'] : []),
    ...scope.names.map(({ type, value }) => `${type}:${value}`),
  ];
  return [['covers', ...listed(words.length > 0 ? words : ['everything'])]];
}

const formats: Readonly<Record<string, string>> = {
  pkcs8: 'PKCS#8',
  'encrypted-pkcs8': 'PKCS#8',
  sec1: 'SEC1',
  'rsa-private': 'PKCS#1',
  'dsa-private': 'traditional DSA',
};

export function keyRows(description: Key): Row[] {
  const { publicKey } = description;
  return [
    ...(description.kind === 'private-key'
      ? [
          [
            'format',
            `${formats[description.format] ?? ''}${description.encrypted ? ', encrypted' : ''}`,
          ] as const,
        ]
      : []),
    ...(publicKey ? [['key', keyLine(publicKey)] as const, ['key SHA-256', publicKey.sha256] as const] : []),
    ...(description.kind === 'private-key' && description.why !== null
      ? [['key', description.why] as const]
      : []),
  ];
}
