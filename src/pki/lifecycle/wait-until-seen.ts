import { setTimeout as sleep } from 'node:timers/promises';
import { readCertificate, type Certificate } from '../x509/certificate.ts';
import { checkSignature } from '../x509/validation/signature.ts';
import { askResponder, lookInCrl, type Look } from './look-up-revocation.ts';
import type { RevocationAddresses } from './revocation-addresses.ts';
import { chainOf, type Target } from './revocation-target.ts';

export interface Sighting {
  url: string;
  /** When it was seen there. */
  at: Date;
}

export interface WaitOrder extends Pick<Look, 'env' | 'signal' | 'now'> {
  /** Where to look: one that shows it will do. */
  addresses: RevocationAddresses;
  certificate: Certificate;
  /** Who has signed it, where that is known: what somebody else has signed is not believed. */
  issuer: Certificate | undefined;
  /** Milliseconds. */
  patience: number;
  /** What was found instead, each time when that is something else. */
  say: (line: string) => void;
}

/** However soon it is to be over, an answer may take that long; milliseconds. */
const leastTime = 5_000;

/** @returns where it was seen; `undefined` where it was not, until the patience was over */
export async function waitUntilSeen(order: WaitOrder): Promise<Sighting | undefined> {
  const { addresses, signal, say, patience, now } = order;
  const deadline = performance.now() + patience;
  const places = [
    ...addresses.crl.map((url) => ({ url, look: lookInCrl })),
    ...addresses.ocsp.map((url) => ({ url, look: askResponder })),
  ];
  const last = new Map<string, string>();
  for (let pause = 1_000; ; pause = Math.min(pause * 1.5, 30_000)) {
    for (const { url, look } of places) {
      const time = Math.max(deadline - performance.now(), leastTime);
      const found = await look(url, { ...order, time });
      if (found === 'revoked') return { url, at: now() };
      if (found !== last.get(url)) say(`${url}: ${found}`);
      last.set(url, found);
    }
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    await sleep(Math.min(pause, left), undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
}

/**
 * Who has signed a certificate, as its authority says or as the store's chain has it.
 * @param der as the authority says
 */
export function issuerIn(
  { stored, certificate }: Pick<Target, 'stored' | 'certificate'>,
  der: Buffer | undefined,
): Certificate | undefined {
  if (der) return readCertificate(der);
  const next = stored && chainOf(stored)[1];
  const issuer = next && readCertificate(next);
  return issuer && certificate && checkSignature(certificate, issuer) === 'good' ? issuer : undefined;
}
