import type { KeyObject } from 'node:crypto';
import type { Certificate } from '../x509/certificate.ts';
import type { RevocationReason } from '../x509/crl-writer.ts';
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
  /** Drops the record: whatever it speaks of came to nothing. */
  forget(): void;
  /** `version.json` of what runs that died have assembled: for an authority that keeps records of its own, and no journal. */
  assembled?(): readonly Readonly<Record<string, unknown>>[];
}

/**
 * How an authority that keeps its own records writes down what it has signed: once whoever has asked for it keeps it, so that
 * a run that dies is continued with it, and before anybody else gets it.
 */
export interface Recording {
  /** Writes it down without its name, unless it has that already. @returns the file, to be durable before `commit`. */
  draft: () => string;
  /** Gives it its name. @returns the folders that are to be durable before the certificate is handed out. */
  commit: () => readonly string[];
  /** Takes back what `draft` has written, where nothing comes of it. */
  drop: () => void;
}

/** What proves that somebody holds the key: a private key of our own, or somebody else's signed request (DER). */
export type RequestKey = { kind: 'own'; key: KeyObject } | { kind: 'foreign'; request: Buffer };

export interface Issued {
  state: 'issued';
  /** DER, leaf. */
  certificate: Buffer;
  /** DER, from the leaf's issuer upwards, without the root. */
  chain: readonly Buffer[];
  /** DER of the root, where the authority knows it. */
  root: Buffer | undefined;
  /** The private key, where the authority made it. */
  key: KeyObject | undefined;
  /** What the authority itself calls it: an ARN. */
  arn: string | undefined;
  /**
   * The times that were asked for when the request was first sent, which may have been an earlier run, and by how many
   * milliseconds the certificate may miss them. `undefined` where the authority decides them.
   */
  asked: { notBefore: Date; notAfter: Date; tolerance: number } | undefined;
  /** What to do where it is not what was asked for, one clause. */
  onDifference: string;
  /** What is left to be done at the authority; nothing where it has done that itself. */
  recording?: Recording | undefined;
}

/** Not there yet: the same call with the same journal goes on. */
export interface Pending {
  state: 'pending';
  /** What it waits for, one clause: `approval of …`, `DNS validation of …`. */
  waitingFor: string;
  hint: string | undefined;
  /** DNS records to publish, where validation waits for them. */
  records: readonly DnsRecord[];
}

export interface DnsRecord {
  domain: string;
  name: string;
  type: string;
  value: string;
}

export type Issuance = Issued | Pending;

/**
 * Something that turns a Profile into a certificate.
 * It honours the whole profile or refuses it: it never leaves a part out in silence.
 */
export interface Authority {
  /** How `--ca` and request.json name it: an absolute path, an ARN, `acm` or `acm:ARN`. */
  readonly reference: string;
  /** Values that a profile takes where the caller says nothing. */
  readonly defaults: Pick<Profile, 'crlUrls' | 'ocspUrls' | 'issuerUrls'>;
  /** The end of validity that no certificate may pass, and the start that none may precede. */
  readonly validity: { notBefore: Date; notAfter: Date };
  /** Whether the key comes with the certificate instead of going with the request. */
  readonly makesKeys: boolean;
  /** Whether a certificate costs money: a request that was begun is then dropped only by an explicit order. */
  readonly sells: boolean;
  /**
   * Whether it is constrained to DNS names. OpenSSL and GnuTLS hold the common name of a certificate without a DNS name
   * against that, an address as well, so none is given that nobody asked for.
   */
  readonly constrainsHosts?: boolean;
  /** Whether it decides how long a certificate lives, and whoever asks for something else is refused. */
  readonly fixesLifetime: boolean;
  /**
   * Refuses what it would not sign, before anything is written.
   * @returns what is likely to fail, where only the authority's own answer decides.
   * @throws PkiError `not-permitted`, `outlives-issuer`, `unsupported`
   */
  check(profile: Profile): readonly string[];
  /**
   * A journal that already holds a request is continued, never started again.
   * @param key `undefined` where the authority makes the key itself.
   * @param before `undefined` where it is the first one, or that is not known.
   * @throws PkiError `refused`, `credentials` where it was not done: then the journal is empty; `unreachable`, `in-doubt`
   * where it may have been.
   */
  issue(
    profile: Profile,
    key: RequestKey | undefined,
    journal: Journal,
    before?: Predecessor,
  ): Promise<Issuance>;
  /**
   * The folders in which it has recorded a certificate; none where it keeps no records here.
   * @param version what `version.json` says of it.
   */
  recordedIn?(version: Readonly<Record<string, unknown>>): readonly string[];
}

/** The certificate whose place another one takes. */
export interface Predecessor {
  /** What its authority calls it, where that was kept. */
  arn: string | undefined;
  /** Its key is in wrong hands: what is made by renewing it may have the same. */
  isCompromised: boolean;
}

/** A certificate that is to change under the name that it has at its authority. */
export interface Renewal {
  arn: string;
  /** SHA-256 of the certificate that must give way, hex; `undefined` where whatever is there will do. */
  beyond: string | undefined;
}

/**
 * Why there is to be another one: its time has come, somebody wants a new one, its files here are damaged, or nobody is to
 * trust its serial number or its key any more.
 */
export type Wish = 'time' | 'new' | 'copy' | 'distrusted';

/** How a certificate that is kept at its authority under a name gets a successor. */
export type Successor =
  /** Another one is requested, under another name. */
  | { by: 'request'; plan: string }
  /** It is renewed under its name, or has been already. */
  | { by: 'renewal'; renewal: Renewal; plan: string }
  /** It waits for somebody, and is renewed by the authority itself then. */
  | { by: 'pending'; pending: Pending; status: KeptStatus }
  /** The authority renews it by itself, or only its owner can help. */
  | { by: 'others'; who: 'acm' | 'owner'; why: string; status: KeptStatus };

/** What an authority says of a certificate that it keeps, in its own words. */
export interface KeptStatus {
  arn: string;
  status: string;
  eligibility: string | null;
  renewal: { status: string; reason: string | null; updatedAt: string | null } | null;
  /** ARNs of what serves it. */
  inUseBy: readonly string[];
}

/** An authority that keeps certificates under names of its own, and renews them there. */
export interface RenewsInPlace {
  /**
   * Looks, and changes nothing.
   * @param arn its name there, where that was kept
   * @param ours what was collected of it last, where that can be read
   * @throws PkiError `not-found`, or as the authority failed
   */
  successorOf(arn: string | undefined, ours: Certificate | undefined, wish: Wish): Promise<Successor>;
  /** As `issue`. A journal that holds a renewal is continued by either. */
  renew(renewal: Renewal, journal: Journal): Promise<Issuance>;
}

export const renewsInPlace = <A extends object>(authority: A): authority is A & RenewsInPlace =>
  'successorOf' in authority && 'renew' in authority;

/** One line of how a certificate would come about: `template`, `signing algorithm`. */
export interface Explanation {
  what: string;
  value: string;
}

/** What peers need to trust an authority's certificates, as PEM. */
export interface Trust {
  /** Every root to trust. */
  roots: string;
  /** The CAs between a root and the certificates. */
  intermediates: string;
  /** The CRL of every CA in the chain. */
  crls: string;
}

/** An authority whose CRLs and roots are files that peers need. */
export interface PublishesTrust {
  /** Signs the CRL of who signs certificates now, where it is about to lapse. */
  refreshCrl(): void;
  /**
   * The same for those who have signed before, and for roots.
   * @returns whether any was signed
   * @throws PkiError for the first that could not be
   */
  refreshOthers(): Promise<boolean>;
  trust(): Trust;
}

export const publishesTrust = <A extends Authority>(authority: A): authority is A & PublishesTrust =>
  'refreshCrl' in authority && 'trust' in authority;

/** An authority whose clock is heard in its answers. */
export interface TellsTime {
  /** By how many milliseconds it is ahead of this machine's; negative where it is behind; not known before an answer. */
  readonly ahead: number | undefined;
}

export const tellsTime = <A extends object>(authority: A): authority is A & TellsTime => 'ahead' in authority;

/** An authority that takes the first URLs which a command names for its own. */
export interface KeepsDefaults {
  adoptDefaults(urls: Authority['defaults']): (keyof Authority['defaults'])[];
}

export const keepsDefaults = <A extends Authority>(authority: A): authority is A & KeepsDefaults =>
  'adoptDefaults' in authority;

/** What is to hold of a certificate from now on. */
export type RevocationWish =
  | { event: 'revoke'; reason: RevocationReason; invalidityDate: Date | undefined }
  /** Takes a hold back (RFC 5280 5.3.1). */
  | { event: 'release' };
