import type { Profile } from '../x509/profile.ts';

/**
 * What an authority remembers of one generation that is being born, kept in its `pending/` folder.
 * It is written before every step that costs money or cannot be repeated.
 */
export interface Journal {
  /** What an earlier run recorded. */
  read(): Readonly<Record<string, unknown>> | undefined;
  /** Replaces the record; `durable` waits until it survives a power cut. */
  write(entry: Readonly<Record<string, unknown>>, options: { durable: boolean }): void;
}

export interface Issued {
  state: 'issued';
  /** DER, leaf. */
  certificate: Buffer;
  /** DER, from the leaf's issuer upwards, without the root. */
  chain: readonly Buffer[];
  /** DER of the root, where the authority knows it. */
  root: Buffer | undefined;
}

export type Issuance = Issued;

/**
 * Something that turns a Profile into a certificate.
 * It honours the whole profile or refuses it: it never leaves a part out in silence.
 */
export interface Authority {
  /** How `--ca` and request.json name it: an absolute path or an ARN. */
  readonly reference: string;
  /** Values that a profile takes where the caller says nothing. */
  readonly defaults: Pick<Profile, 'crlUrls' | 'ocspUrls' | 'issuerUrls'>;
  /** The end of validity that no certificate may pass, and the start that none may precede. */
  readonly validity: { notBefore: Date; notAfter: Date };
  /**
   * Refuses what it would not sign, before anything is written.
   * @throws PkiError `not-permitted`, `outlives-issuer`
   */
  check(profile: Profile): void;
  /** A journal that already holds a request is continued, never started again. */
  issue(profile: Profile, journal: Journal): Promise<Issuance>;
}

/** An authority that publishes its roots and revocation lists as files. */
export interface PublishesTrust {
  /** PEM of every root to trust, and of the CRL of every CA in the chain. */
  trust(): { roots: string; crls: string };
}
