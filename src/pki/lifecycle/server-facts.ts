import { createHash } from 'node:crypto';
import type { ServerFacts } from '../tls/probe.ts';
import { schemeName } from '../tls/registry-names.ts';
import { PkiError } from '../errors.ts';
import { formatName, readName } from '../x509/distinguished-name.ts';
import { readOcspResponse, type OcspResponse } from '../x509/validation/ocsp-response.ts';

export type { ServerFacts };

/** What a server showed, with names instead of numbers and encodings; `null` for what it did not show. */
export interface ServerDescription {
  protocol: string | null;
  cipher: string | null;
  group: string | null;
  alpn: string | null;
  /** Fingerprints (SHA-256) of the certificates, in the order in which they were sent. */
  chain: string[];
  ocspStapled: boolean;
  clientCertificate: ClientCertificateWish;
}

/** What was stapled, which may be anything. */
export function readStaple({ ocsp }: ServerFacts): OcspResponse | PkiError | undefined {
  try {
    return ocsp && readOcspResponse(ocsp);
  } catch (error) {
    if (error instanceof PkiError) return error;
    throw error;
  }
}

export interface ClientCertificateWish {
  asked: boolean;
  /** Names of the CAs that the server would take one from; none means that it does not say. */
  authorities: string[];
  signatureSchemes: string[];
}

export function describeServer(server: ServerFacts): ServerDescription {
  const { protocol, cipher, group, alpn, chain, ocsp, request } = server;
  return {
    protocol: protocol ?? null,
    cipher: cipher ?? null,
    group: group ?? null,
    alpn: alpn ?? null,
    chain: chain.map((der) => createHash('sha256').update(der).digest('hex')),
    ocspStapled: ocsp !== undefined,
    clientCertificate: {
      asked: request !== undefined,
      authorities: request?.authorities.map(nameOf) ?? [],
      signatureSchemes: request?.signatureSchemes.map(schemeName) ?? [],
    },
  };
}

function nameOf(der: Buffer): string {
  try {
    return formatName(readName(der));
  } catch (error) {
    if (error instanceof PkiError) return `(unreadable: ${error.message})`;
    throw error;
  }
}
