import type { Check } from '../pki/lifecycle/mtls-check.ts';

export const directionText = {
  'server-to-client': 'server > client',
  'client-to-server': 'client > server',
} as const satisfies Record<Check['direction'], string>;

export const probeText = {
  chain: 'chain',
  name: 'name',
  pair: 'the pair',
  'no-certificate': 'no certificate',
  stranger: "a stranger's",
  control: 'a good one of --ca',
  'self-signed': 'a self-signed one',
  'foreign-ca': "a namesake CA's",
  'non-ca-intermediate': "of one that's no CA",
  expired: 'an expired one',
  'not-yet-valid': 'one not valid yet',
  'wrong-usage': "a server's",
  'wrong-name': 'of another name',
  'weak-key': 'a weak key',
  'weak-signature': 'a weak signature',
  revoked: 'a revoked one',
  'tls-1.0': 'TLS 1.0',
  'tls-1.1': 'TLS 1.1',
  'pair-again': 'the pair again',
  'rfc-5280': 'RFC 5280',
  'openssl-tls-1.2': 'OpenSSL, TLS 1.2',
  'openssl-tls-1.3': 'OpenSSL, TLS 1.3',
} as const satisfies Record<Check['probe'], string>;

export const seenText = {
  accepted: 'accepted',
  refused: 'refused',
  'not-asked': 'not asked',
  'no-answer': 'no answer',
  'no-tls': 'no TLS',
  unreachable: 'unreachable',
  skipped: 'skipped',
} as const satisfies Record<Check['seen'], string>;

/** One check in a sentence. */
export const describe = ({ direction, probe, expected, seen, evidence }: Check): string =>
  `${directionText[direction]}, ${probeText[probe]}: ${seenText[seen]} instead of ${expected} (${evidence})`;
