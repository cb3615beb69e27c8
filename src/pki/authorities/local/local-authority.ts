import type { KeyObject } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { linkOnce } from '../../create-once.ts';
import { discard, isThere, makeFolder, readIfThere, temporaryBeside, writeNew } from '../../durable.ts';
import { PkiError } from '../../errors.ts';
import { sweepDrafts } from '../../sweep.ts';
import { buildCertificateAside, randomSerial } from '../../x509/certificate-builder.ts';
import { readCertificateOnce, serialHex, type Certificate } from '../../x509/certificate.ts';
import { differences } from '../../x509/compare-issued.ts';
import type { AskPassphrase } from '../../x509/key.ts';
import { CaLimits } from './limits.ts';
import { leafTemplate, type Profile } from '../../x509/profile.ts';
import type {
  Authority,
  Issuance,
  Issued,
  Journal,
  KeepsDefaults,
  PublishesTrust,
  Recording,
  RequestKey,
  Trust,
} from '../authority.ts';
import { writeDefaults } from './ca-json.ts';
import { isCrlFresh, nextUpdateOf, publishCrl, subjectKeyIdentifierOf } from './crl.ts';
import { issuedFile, issuedFolder } from './layout.ts';
import { allIssuers, checkValidNow, openCa, openIssuerKey, type Issuer, type LocalCa } from './open.ts';
import { certificatesIn } from './pem-files.ts';
import { isCrlDue, renewEachCrl } from './renew-crl.ts';
import { lastFact } from './revocation-facts.ts';
import { refuseRevoked, revokedIssuer } from './revoked-issuer.ts';
import { trustOf } from './trust.ts';
import { recordText } from './record.ts';

/** How long a certificate that nobody got is handed out to a run that goes on, in milliseconds: a new one is free. */
const resumable = 3_600_000;

interface Recorded {
  file: string;
  certificate: Certificate;
}

/** A CA in a folder, ready to sign. */
export class LocalAuthority implements Authority, PublishesTrust, KeepsDefaults {
  readonly reference: string;
  readonly makesKeys = false;
  readonly sells = false;
  readonly fixesLifetime = false;
  readonly #ca: LocalCa;
  readonly #key: KeyObject;
  readonly #ask: AskPassphrase;
  readonly #now: () => Date;
  readonly #limits: CaLimits;
  #isSwept = false;

  private constructor(ca: LocalCa, key: KeyObject, ask: AskPassphrase, now: () => Date) {
    this.reference = ca.folder;
    this.#ca = ca;
    this.#key = key;
    this.#ask = ask;
    this.#now = now;
    this.#limits = new CaLimits(ca);
  }

  /** @throws PkiError where the CA is not there, lax, mismatched, not valid now, revoked or closed by a passphrase. */
  static async open(folder: string, ask: AskPassphrase, now: () => Date): Promise<LocalAuthority> {
    const ca = openCa(folder);
    for (const certificate of [ca.active.certificate, ...ca.active.chain]) {
      checkValidNow({ ...ca.active, certificate }, now());
    }
    refuseRevoked(ca);
    return new LocalAuthority(ca, await openIssuerKey(ca.active, ask), ask, now);
  }

  get defaults(): LocalCa['json']['defaults'] {
    return this.#ca.json.defaults;
  }

  get validity(): CaLimits['validity'] {
    return this.#limits.validity;
  }

  get constrainsHosts(): boolean {
    return this.#limits.constrainsHosts;
  }

  get #issuer(): Issuer {
    return this.#ca.active;
  }

  /** URLs that a command names become the CA's own where it had none of that kind. */
  adoptDefaults(
    profile: Pick<Profile, 'crlUrls' | 'ocspUrls' | 'issuerUrls'>,
  ): ('crlUrls' | 'ocspUrls' | 'issuerUrls')[] {
    const before = this.defaults;
    const kinds = (['crlUrls', 'ocspUrls', 'issuerUrls'] as const).filter(
      (kind) => before[kind].length === 0 && profile[kind].length > 0,
    );
    if (kinds.length === 0) return [];
    const adopted = Object.fromEntries(kinds.map((kind) => [kind, [...profile[kind]]]));
    writeDefaults(this.#ca.folder, this.#ca.json, { ...before, ...adopted });
    return kinds;
  }

  check(profile: Profile): readonly string[] {
    return this.#limits.check(profile);
  }

  /**
   * What is signed is on record once the caller has kept it, and before it is handed out: a run that died in between is
   * continued with it, if it was recorded; if not, nobody has it.
   */
  async issue(profile: Profile, _key: RequestKey | undefined, journal: Journal): Promise<Issuance> {
    const earlier = (journal.assembled?.() ?? []).flatMap((version) => this.#recorded(version) ?? []);
    for (const { file, certificate } of earlier) {
      if (!(await this.#answers(profile, certificate))) continue;
      // That run may not have come to sync what it had written.
      const draft = (): string => {
        this.#sweep();
        return file;
      };
      const recording = { draft, commit: () => foldersOf(file), drop: () => undefined };
      return { ...this.#issued(certificate, certificate), recording };
    }
    const certificate = readCertificateOnce(await this.#sign(profile, randomSerial()));
    return { ...this.#issued(certificate, profile), recording: this.#recording(certificate) };
  }

  /** A first attempt that is long ago, or whose key a power cut has taken, stays in the record and is not used. */
  async #answers(profile: Profile, certificate: Certificate): Promise<boolean> {
    const { notBefore, notAfter } = certificate;
    const age = profile.notBefore.getTime() - notBefore.getTime();
    const life = notAfter.getTime() - notBefore.getTime();
    if (age > Math.min(resumable, life / 2)) return false;
    if (lastFact(this.#issuer.folder, serialHex(certificate.serial))?.fact.event === 'revoked') return false;
    return (await differences(profile, this.#issued(certificate, certificate))).length === 0;
  }

  #sign(profile: Profile, serial: Buffer): Promise<Buffer> {
    const { certificate } = this.#issuer;
    return buildCertificateAside(
      {
        ...leafTemplate(profile),
        serial,
        issuer: certificate.subject,
        authorityKeyIdentifier: subjectKeyIdentifierOf(certificate),
      },
      this.#key,
    );
  }

  #recording({ der, serial, notAfter }: Certificate): Recording {
    const months = issuedFolder(this.#issuer.folder);
    const file = issuedFile(this.#issuer.folder, notAfter, serial.toString('hex'));
    // Drafts lie above the months: a month may hold a million files, too many to look for what dead runs left.
    const draft = temporaryBeside(join(months, basename(file)));
    return {
      draft: () => {
        this.#sweep();
        makeFolder(dirname(file), 0o700, 'later');
        writeNew(draft, { data: recordText(der, this.#now()), mode: 0o644 }, 'later');
        return draft;
      },
      commit: () => {
        if (!linkOnce(draft, file)) throw new PkiError('internal', `${file} is there already`);
        return foldersOf(file);
      },
      drop: () => {
        discard(draft);
      },
    };
  }

  /** Once: what runs that died have left among its records. */
  #sweep(): void {
    if (!this.#isSwept) sweepDrafts(issuedFolder(this.#issuer.folder));
    this.#isSwept = true;
  }

  /** What an earlier run signed. */
  #recorded(version: Readonly<Record<string, unknown>>): Recorded | undefined {
    const file = this.#recordOf(version);
    const [certificate] = file !== undefined && readIfThere(file) ? certificatesIn(file) : [];
    return file !== undefined && certificate ? { file, certificate } : undefined;
  }

  #recordOf({ serial, notAfter }: Readonly<Record<string, unknown>>): string | undefined {
    if (typeof serial !== 'string' || !/^[0-9a-f]{2,40}$/.test(serial)) return undefined;
    const end = typeof notAfter === 'string' ? new Date(notAfter) : undefined;
    if (!end || Number.isNaN(end.getTime())) return undefined;
    return issuedFile(this.#issuer.folder, end, serial);
  }

  recordedIn(version: Readonly<Record<string, unknown>>): readonly string[] {
    const file = this.#recordOf(version);
    return file !== undefined && isThere(file) ? foldersOf(file) : [];
  }

  #issued(
    certificate: Certificate,
    { notBefore, notAfter }: Pick<Profile, 'notBefore' | 'notAfter'>,
  ): Issued {
    const upwards = [this.#issuer.certificate, ...this.#issuer.chain];
    return {
      state: 'issued',
      certificate: certificate.der,
      chain: upwards.slice(0, -1).map(({ der }) => der),
      root: upwards.at(-1)?.der,
      key: undefined,
      arn: undefined,
      asked: { notBefore, notAfter, tolerance: 0 },
      onDifference: 'nothing was installed, and nothing is on record',
    };
  }

  /** Signs the issuing CA's next CRL once half of the current one's life is gone. */
  refreshCrl(): void {
    const now = this.#now();
    if (isCrlFresh(this.#issuer.folder, now)) return;
    publishCrl({ ...this.#issuer, key: this.#key }, now, nextUpdateOf(this.#issuer, this.#ca.json, now));
  }

  async refreshOthers(): Promise<boolean> {
    const { json } = this.#ca;
    const due = dueOthers(this.#ca, this.#now());
    const how = { force: false, dryRun: false };
    const { refusals } = await renewEachCrl(due, json, this.#ask, this.#now(), how);
    if (refusals.length > 0) throw refusals[0];
    return due.length > 0;
  }

  trust(): Trust {
    return trustOf(this.#ca, this.#now());
  }
}

/** That of its month, which another run may have made and not have come to sync, and the one above. */
const foldersOf = (record: string): string[] => [dirname(record), dirname(dirname(record))];

/** Of those that sign no certificates now, or none at all: whose CRL is about to lapse, and can be signed. */
const dueOthers = ({ folder, json, active }: LocalCa, now: Date): Issuer[] =>
  allIssuers(folder).filter((issuer) => issuer.id !== active.id && isCrlDue(issuer, json, now));

/** Who signs now. */
export interface Signer {
  certificate: Certificate;
  /** It was revoked, or one above it: peers refuse what it has signed. */
  isRevoked: boolean;
}

/** What can be told of a CA without its key. */
export interface CaFacts {
  signer: Signer;
  /** `undefined` where a CRL is about to lapse: then its key is needed. */
  trust: Trust | undefined;
}

/** @throws PkiError where the CA is not there, lax or malformed. */
export function readCaFacts(folder: string, now: Date): CaFacts {
  const ca = openCa(folder);
  const isFresh = isCrlFresh(ca.active.folder, now) && dueOthers(ca, now).length === 0;
  const trust = isFresh ? trustOf(ca, now) : undefined;
  const isRevoked = revokedIssuer(folder, ca.active) !== undefined;
  return { signer: { certificate: ca.active.certificate, isRevoked }, trust };
}

/** What peers need of a CA now, even where its CRL is about to lapse. */
export const readTrust = (folder: string, now: Date): Trust => trustOf(openCa(folder), now);

/** What a CA would refuse, without opening its key. */
export function readAuthorityLimits(folder: string, now: Date): CaLimits {
  const ca = openCa(folder);
  checkValidNow(ca.active, now);
  refuseRevoked(ca);
  return new CaLimits(ca);
}
