import { PkiError } from '../errors.ts';
import { isFatal } from '../tls/alert.ts';
import { probe, tlsVersions, type Connection, type ServerFacts, type TlsVersion } from '../tls/probe.ts';
import { certificatePem } from '../x509/pem-writer.ts';
import type { OcspResponse } from '../x509/validation/ocsp-response.ts';
import { inspectBytes, type Inspection } from './inspect.ts';
import { evidenceOf, wayTo } from './outcome-evidence.ts';
import type { Reach } from './reach.ts';
import { readStaple } from './server-facts.ts';

/** One version of TLS, and what came of asking for it alone. */
export interface VersionSeen {
  version: TlsVersion;
  spoken: boolean;
  evidence: string;
}

export interface ServerInspection {
  address: string | undefined;
  /** Of the newest version that the server speaks. */
  facts: ServerFacts;
  versions: VersionSeen[];
  /** What became of a client without a certificate, where one was asked for. */
  withoutCertificate: { refused: boolean; evidence: string } | undefined;
  /** The certificates as they were sent. */
  inspection: Inspection;
  ocsp: OcspResponse | PkiError | undefined;
}

/**
 * What a server shows to a client without a certificate, in each version of TLS that it speaks.
 * @param target as it was typed, for messages
 * @throws PkiError `unreachable`; `no-tls` where no connection comes about in any version
 */
export async function inspectServer(
  target: string,
  reach: Reach,
  now: Date,
  signal: AbortSignal,
): Promise<ServerInspection> {
  const versions = reach.version === undefined ? tlsVersions.toReversed() : [reach.version];
  const connections = await Promise.all(
    versions.map((version) =>
      probe({ ...reach, version, pair: undefined, application: 'handshake' }, signal),
    ),
  );
  const seen = connections.map((connection, at) => ({ connection, version: versions[at] ?? '1.3' }));
  const best = seen.find(
    ({ connection: { server, proven } }) => proven && (server?.chain.length ?? 0) > 0,
  )?.connection;
  const facts = best?.server;
  if (!best || !facts) throw nothingShown(target, connections);
  const pem = facts.chain.map(certificatePem).join('');
  return {
    address: best.address,
    facts,
    versions: seen.map(({ version, connection }) => ({
      version,
      spoken: connection.server?.protocol === `TLSv${version}` && connection.outcome.kind !== 'broken',
      evidence: evidenceOf(connection.outcome, undefined),
    })),
    withoutCertificate: facts.request && {
      refused: best.outcome.kind === 'refused',
      evidence: evidenceOf(best.outcome, undefined),
    },
    inspection: await inspectBytes(Buffer.from(pem, 'latin1'), target, { now, ask: async () => undefined }),
    ocsp: readStaple(facts),
  };
}

function nothingShown(target: string, connections: readonly Connection[]): PkiError {
  const [first] = connections.map(({ outcome }) => outcome);
  if (first?.kind === 'unreachable') {
    return new PkiError('unreachable', `${target}: ${first.message} (${first.phase})`, {
      hint: wayTo(first),
    });
  }
  const evidence = [...new Set(connections.map(({ outcome }) => evidenceOf(outcome, undefined)))].join('; ');
  const refused = connections.some(
    ({ outcome }) => outcome.kind === 'refused' && outcome.by === 'alert' && isFatal(outcome.alert, true),
  );
  return new PkiError('no-tls', `${target}: no TLS connection came about: ${evidence}`, {
    hint: refused
      ? 'the server knows TLS and wants something else: another --servername, --alpn or --tls'
      : 'look whether this port speaks TLS, or needs --starttls',
  });
}
