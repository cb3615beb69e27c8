import { isAws } from '../authorities/open.ts';
import type { MintedProbe, ProbeCertificates } from '../authorities/local/probe-certificates.ts';
import { PkiError } from '../errors.ts';
import type { TlsPair } from '../tls/probe.ts';
import { commonName, encodeName } from '../x509/distinguished-name.ts';
import type { AskPassphrase } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';
import { nameText, type SubjectAlternativeName } from '../x509/subject-alternative-name.ts';
import { decode } from '../x509/validation/decoded.ts';
import { matchesName } from '../x509/validation/server-name.ts';
import { displayName } from '../x509/validation/verdict.ts';
import type { Pair } from './pair.ts';
import { revoke, type CrlPlace } from './revoke.ts';

export type { MintedProbe };

export interface ProbeAuthorityOrder {
  /** The CA that the servers trust: a folder. */
  reference: string;
  /** Whom the probes speak of. */
  pair: Pair;
  /** The name of the pair by which servers know it, where they look at names. */
  expectName: SubjectAlternativeName | undefined;
  /** Absolute path of the store whose trust bundle follows a revocation. */
  store: string;
  /** Who revokes: `user@host`. */
  by: string;
  ask: AskPassphrase;
  now: () => Date;
}

/** A certificate of the CA that is revoked. */
export interface RevokedProbe {
  pair: TlsPair;
  /** It was revoked in this run, so that no server can have heard of it unless it reads the CRL at once. */
  justNow: boolean;
  revokedAt: Date;
  /** The newest, which lists it. */
  crl: CrlPlace;
}

/** A certificate serves all servers of a run for so long, in milliseconds: far less than it is valid. */
const shared = 5 * 60_000;

/** Has the real CA sign what servers must refuse, when it is first needed and once for several servers. */
export class ProbeAuthority {
  readonly #certificates: ProbeCertificates;
  readonly #order: ProbeAuthorityOrder;
  #revoked: Promise<RevokedProbe> | undefined;
  readonly #minted = new Map<MintedProbe, { at: number; pair: Promise<TlsPair> }>();

  private constructor(certificates: ProbeCertificates, order: ProbeAuthorityOrder) {
    this.#certificates = certificates;
    this.#order = order;
  }

  /** @throws PkiError `unsupported` for a CA at AWS; whatever opening a CA throws */
  static async open(order: ProbeAuthorityOrder): Promise<ProbeAuthority> {
    if (isAws(order.reference)) {
      throw new PkiError('unsupported', `--ca ${JSON.stringify(order.reference)} signs no probes`, {
        hint: 'probes are signed by a CA in a folder; without --ca those that need none are tried',
      });
    }
    const { ProbeCertificates } = await import('../authorities/local/probe-certificates.ts');
    return new ProbeAuthority(await ProbeCertificates.open(order.reference, order.ask, order.now), order);
  }

  /** Why it cannot be had, where it cannot. */
  refusal(probe: MintedProbe): string | undefined {
    if (probe === 'wrong-name' && !this.#order.expectName) return notExpected;
    return this.#certificates.refusal(probe);
  }

  pair(probe: MintedProbe): Promise<TlsPair> {
    const now = this.#order.now().getTime();
    const known = this.#minted.get(probe);
    if (known && now - known.at < shared) return known.pair;
    const pair = this.#certificates.mint(probe, this.#subjectFor(probe));
    this.#minted.set(probe, { at: now, pair });
    return pair;
  }

  /** One standing certificate a client: revoked once, and kept for later runs. */
  revoked(): Promise<RevokedProbe> {
    return (this.#revoked ??= this.#revokedNow());
  }

  async #revokedNow(): Promise<RevokedProbe> {
    const { reference: authority, store, by, ask, now } = this.#order;
    const probe = await this.#certificates.standing(this.#subjectFor('revoked'));
    const time = now();
    const { state, fact, crl } = await revoke(
      {
        target: { authority, certificate: probe.certificate, stored: undefined },
        wish: { event: 'revoke', reason: 'unspecified', invalidityDate: undefined },
        ...{ store, by, ask, dryRun: false },
      },
      time,
    );
    if (!probe.isKept) this.#certificates.keep(probe);
    return { pair: probe, justNow: state === 'revoked', revokedAt: fact?.revokedAt ?? time, crl };
  }

  #subjectFor(probe: MintedProbe): Parameters<ProbeCertificates['mint']>[1] {
    const { pair, expectName } = this.#order;
    const [leaf] = pair.chain;
    if (probe !== 'wrong-name' || !expectName) {
      return { subject: leaf.subject, names: decode(leaf).names ?? [], key: pair.key };
    }
    const name = siblingOf(expectName);
    // A common name has room for 64 characters (RFC 5280 appendix A.1).
    const text = nameText(name).slice(0, 64);
    return { subject: encodeName([{ type: oid.commonName, value: text }]), names: [name], key: pair.key };
  }
}

const notExpected = 'not applicable: --expect-name NAME says that the server looks at names';

/** @throws PkiError `bad-input` where the pair does not bear the name: its acceptance would say nothing of names */
export function checkExpectedName({ chain: [leaf], source }: Pair, name: SubjectAlternativeName): void {
  const names = decode(leaf).names ?? [];
  if (names.some((one) => matchesName(one, name)) || commonName(leaf.subjectName) === nameText(name)) return;
  throw new PkiError('bad-input', `--expect-name ${nameText(name)} is no name of ${displayName(leaf)}`, {
    hint: `give the name by which the server knows ${source}`,
  });
}

const label = 'certwright-probe';

/** A name beside this one, so that what a CA may sign and only the name tells them apart. */
export function siblingOf(name: SubjectAlternativeName): SubjectAlternativeName {
  switch (name.kind) {
    case 'dns':
      return { kind: 'dns', value: name.value.replace(/^[^.]+/, label) };
    case 'email':
      return { kind: 'email', value: name.value.replace(/^[^@]+/, label) };
    case 'uri':
      return { kind: 'uri', value: siblingUri(name.value) };
    case 'ip': {
      const bytes = Buffer.from(name.bytes);
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      return { kind: 'ip', bytes };
    }
  }
}

/** Of a SPIFFE ID another workload of the same trust domain. */
function siblingUri(uri: string): string {
  const path = /^([a-z][a-z0-9+.-]*:\/\/[^/]+)\/.+$/i.exec(uri)?.[1];
  return path === undefined
    ? `${uri.replace(/\/$/, '')}/${label}`
    : `${uri.slice(0, uri.lastIndexOf('/'))}/${label}`;
}
