import type { ServerInspection } from '../pki/lifecycle/inspect-server.ts';
import type { ChainNote } from '../pki/lifecycle/sent-chain.ts';
import { describeServer, type ServerFacts } from '../pki/lifecycle/server-facts.ts';
import { listed, rowLines, shorten, timeText, type Row } from './inspect-text.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

/** What a server showed, as JSON has it. */
export const serverDocument = (server: ServerFacts): object => describeServer(server);

/** The same in one line. */
export function serverSummary(server: ServerFacts): string {
  const { protocol, cipher, group, alpn } = server;
  return [protocol, cipher, group, alpn === undefined ? undefined : `ALPN ${alpn}`]
    .filter((part) => part !== undefined)
    .join(', ');
}

/** Everything that was seen of a server but its certificates. */
export function serverDetails(
  { address, facts, versions, withoutCertificate, ocsp }: ServerInspection,
  notes: readonly ChainNote[],
): object {
  const description = describeServer(facts);
  return {
    address: address ?? null,
    ...description,
    clientCertificate: { ...description.clientCertificate, withoutOne: withoutCertificate ?? null },
    versions,
    chainNotes: notes,
    ocsp: ocsp === undefined ? null : describeStaple(ocsp),
  };
}

type Staple = NonNullable<ServerInspection['ocsp']>;

function describeStaple(ocsp: Staple): object {
  if (ocsp instanceof Error) return { status: 'unreadable', message: ocsp.message };
  const [first] = ocsp.basic?.responses ?? [];
  if (!first) return { status: ocsp.responseStatus };
  const { status, thisUpdate, nextUpdate } = first;
  return {
    status: status.kind,
    ...(status.kind === 'revoked' ? { revokedAt: status.revokedAt.toISOString() } : {}),
    thisUpdate: thisUpdate.toISOString(),
    nextUpdate: nextUpdate?.toISOString() ?? null,
  };
}

export function serverLines(
  seen: ServerInspection,
  notes: readonly ChainNote[],
  { paint }: Output,
): string[] {
  const { address, facts, versions, ocsp } = seen;
  const others = versions.filter(({ version, spoken }) => spoken && facts.protocol !== `TLSv${version}`);
  const also = others.map(({ version }) => `, also TLSv${version}`).join('');
  const rows: Row[] = [
    ...(address === undefined ? [] : [['address', address] as const]),
    ['protocol', `${facts.protocol ?? ''}${also}`],
    ...(facts.cipher === undefined ? [] : [['cipher', facts.cipher] as const]),
    ...(facts.group === undefined ? [] : [['key exchange', facts.group] as const]),
    ...(facts.alpn === undefined ? [] : [['ALPN', shorten(facts.alpn)] as const]),
    ['client', ...clientText(seen)],
    ['OCSP', ocsp === undefined ? 'nothing stapled' : stapleText(ocsp)],
    [
      'chain',
      sentText(facts.chain.length),
      ...notes.map(({ message, fix }) => paint.yellow(printable(`${message}: ${fix}`))),
    ],
  ];
  return [paint.bold('server'), ...rows.flatMap(rowLines)];
}

const sentText = (count: number): string => `${count} certificate${count === 1 ? '' : 's'} sent`;

function clientText({ facts, withoutCertificate }: ServerInspection): string[] {
  if (!withoutCertificate) return ['no certificate asked for'];
  const { refused, evidence } = withoutCertificate;
  const { authorities } = describeServer(facts).clientCertificate;
  return [
    refused
      ? `certificate asked for; without one: ${printable(evidence)}`
      : 'certificate asked for; without one the handshake is accepted',
    ...(authorities.length === 0
      ? ['of any CA: none is named']
      : listed(authorities.map((name) => `of ${name}`))),
  ];
}

function stapleText(ocsp: Staple): string {
  if (ocsp instanceof Error) return `stapled, but unreadable: ${printable(ocsp.message)}`;
  const [first] = ocsp.basic?.responses ?? [];
  if (!first) return `stapled, but the responder says ${printable(ocsp.responseStatus)}`;
  const until = first.nextUpdate ? ` until ${timeText(first.nextUpdate.toISOString())}` : '';
  return `stapled: ${first.status.kind}, from ${timeText(first.thisUpdate.toISOString())}${until}`;
}
