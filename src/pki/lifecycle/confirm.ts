import { setTimeout as wait } from 'node:timers/promises';
import { confirmTimeout, type Confirm } from '../deploy/plan.ts';
import { PkiError } from '../errors.ts';
import type { StoredRequest } from '../store/request.ts';
import { probe, type Connection, type ProbeOrder, type TlsPair } from '../tls/probe.ts';
import { parseEndpoint } from '../endpoint.ts';
import { fingerprint, readCertificate, serialHex, type Certificate } from '../x509/certificate.ts';
import { readPair, type PairReference } from './pair.ts';

/** Milliseconds between two looks: a reload takes tens of them, a restart seconds. */
const pauses = { first: 50, longest: 1_000 } as const;
/** Milliseconds for each step of one look. */
const patience = 5_000;

export interface Expected {
  store: string;
  request: StoredRequest;
  certificate: Certificate;
}

/**
 * Looks at servers until each shows a certificate.
 * @throws PkiError `confirm-failed` for the first that does not in time, with what it showed instead.
 */
export async function confirmServed(
  confirm: Confirm,
  expected: Expected,
  signal: AbortSignal,
): Promise<void> {
  const pair = await clientPair(confirm, expected.store);
  const deadline = performance.now() + confirmTimeout(confirm);
  await Promise.all(
    confirm.servers.map((server) => untilServed(server, confirm, expected, pair, deadline, signal)),
  );
}

async function untilServed(
  server: string,
  confirm: Confirm,
  { request, certificate }: Expected,
  pair: TlsPair | undefined,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const endpoint = parseEndpoint(server, 'confirm');
  for (let pause: number = pauses.first; ; pause = Math.min(pause * 2, pauses.longest)) {
    const left = deadline - performance.now();
    const order: ProbeOrder = {
      endpoint,
      proxy: undefined,
      startTls: confirm.startTls,
      timeout: Math.max(1, Math.round(Math.min(patience, left))),
      servername: confirm.name ?? hostIn(request) ?? endpoint.host,
      alpn: [],
      version: undefined,
      pair,
      application: 'handshake',
    };
    const seen = await probe(order, signal);
    const shown = wrongIn(seen, certificate, pair !== undefined);
    if (shown === undefined) return;
    if (performance.now() + pause > deadline) throw notServed(server, certificate, shown, confirm);
    await wait(pause, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
}

/** Most servers choose by it what they show. */
export const hostIn = ({ names }: StoredRequest): string | undefined =>
  names.find((name) => /^[a-z0-9.-]+$/i.test(name) && !/^[\d.]+$/.test(name));

/** What is wrong with what a server showed; `undefined` where it serves the certificate. */
function wrongIn(
  { server, outcome }: Connection,
  certificate: Certificate,
  hasPair: boolean,
): string | undefined {
  if (outcome.kind === 'unreachable' || outcome.kind === 'broken') return outcome.message;
  const [leaf] = server?.chain ?? [];
  if (!leaf) return 'it shows no certificate';
  if (!leaf.equals(certificate.der)) return `it shows ${nameOf(leaf)}`;
  // Without a pair of ours, a server that wants one is right to end it there.
  const isOurs = outcome.kind === 'accepted' || (!hasPair && server?.request !== undefined);
  return isOurs ? undefined : 'it shows the certificate and then ends the connection';
}

function nameOf(der: Buffer): string {
  try {
    return `the certificate with serial ${serialHex(readCertificate(der).serial)}`;
  } catch {
    return `a certificate that does not parse (SHA-256 ${fingerprint(der)})`;
  }
}

const notServed = (server: string, certificate: Certificate, shown: string, confirm: Confirm): PkiError =>
  new PkiError(
    'confirm-failed',
    `${server} does not serve the certificate with serial ${serialHex(certificate.serial)} after ${confirmTimeout(confirm) / 1000} s: ${shown}`,
    { hint: `"certwright inspect ${server}" shows what it serves` },
  );

export async function clientPair({ client, key }: Confirm, store: string): Promise<TlsPair | undefined> {
  if (client === undefined) return undefined;
  const pair = await readPair({ ...referenceTo(client, store), keyFile: key, flag: 'confirm.client' });
  return { chain: pair.chain.map(({ der }) => der), key: pair.key };
}

/** A name in the store, or an absolute path. */
export const referenceTo = (pair: string, store: string): Pick<PairReference, 'reference' | 'ask'> => ({
  reference: pair.startsWith('/') ? { kind: 'path', path: pair } : { kind: 'stored', store, name: pair },
  ask: async () => {
    throw new PkiError('passphrase', `the key of ${pair} is encrypted, and nobody is there to open it`);
  },
});
