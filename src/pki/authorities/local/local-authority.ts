import type { KeyObject } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { createOnceBy } from '../../create-once.ts';
import { makeFolder, readIfThere } from '../../durable.ts';
import { PkiError } from '../../errors.ts';
import { sweepDrafts } from '../../sweep.ts';
import { syncEach, type Sync } from '../../sync.ts';
import { buildCertificateAside, randomSerial } from '../../x509/certificate-builder.ts';
import { readCertificateOnce, type Certificate } from '../../x509/certificate.ts';
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
  RequestKey,
  Trust,
} from '../authority.ts';
import { writeDefaults } from './ca-json.ts';
import { isCrlFresh, nextUpdateOf, publishCrl, subjectKeyIdentifierOf } from './crl.ts';
import { issuedFile, issuedFolder } from './layout.ts';
import { allIssuers, checkValidNow, openCa, openIssuerKey, type Issuer, type LocalCa } from './open.ts';
import { certificatesIn } from './pem-files.ts';
import { isCrlDue, renewEachCrl } from './renew-crl.ts';
import { trustOf } from './trust.ts';
import { recordText } from './record.ts';

/** How long a certificate that nobody got is handed out to a run that goes on, in milliseconds: a new one is free. */
const resumable = 3_600_000;

interface Recorded {
  certificate: Certificate;
  notBefore: Date;
  notAfter: Date;
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
  /** Whether what runs that died have left among its records is removed. */
  #isSwept = false;

  private constructor(ca: LocalCa, key: KeyObject, ask: AskPassphrase, now: () => Date) {
    this.reference = ca.folder;
    this.#ca = ca;
    this.#key = key;
    this.#ask = ask;
    this.#now = now;
    this.#limits = new CaLimits(ca);
  }

  /** @throws PkiError where the CA is not there, lax, mismatched, not valid now or closed by a passphrase. */
  static async open(folder: string, ask: AskPassphrase, now: () => Date): Promise<LocalAuthority> {
    const ca = openCa(folder);
    for (const certificate of [ca.active.certificate, ...ca.active.chain]) {
      checkValidNow({ ...ca.active, certificate }, now());
    }
    return new LocalAuthority(ca, await openIssuerKey(ca.active, ask), ask, now);
  }

  get defaults(): LocalCa['json']['defaults'] {
    return this.#ca.json.defaults;
  }

  get validity(): CaLimits['validity'] {
    return this.#limits.validity;
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
    this.#limits.check(profile);
    return [];
  }

  /**
   * The serial number is journaled before the certificate is signed, and the CA's record comes before anything is
   * handed out: a run that died in between is continued with the certificate that was recorded, if one was.
   */
  async issue(profile: Profile, _key: RequestKey | undefined, journal: Journal): Promise<Issuance> {
    const earlier = this.#recorded(entryOf(journal));
    if (earlier && (await this.#answers(profile, earlier))) return this.#issued(earlier.certificate, earlier);
    const serial = randomSerial();
    const { notBefore, notAfter } = profile;
    journal.write(
      {
        issuer: this.#issuer.id,
        serial: serial.toString('hex'),
        notBefore: notBefore.toISOString(),
        notAfter: notAfter.toISOString(),
      },
      { durable: false },
    );
    const signed = await this.#sign(profile, serial);
    const recorded = await this.#record(serial, signed, journal.sync ?? syncEach);
    return this.#issued(recorded, profile);
  }

  /** A first attempt that is long ago, or whose key a power cut has taken, stays in the record and is not used. */
  async #answers(profile: Profile, { certificate, ...asked }: Recorded): Promise<boolean> {
    const age = profile.notBefore.getTime() - asked.notBefore.getTime();
    if (age > resumable) return false;
    return (await differences(profile, this.#issued(certificate, asked))).length === 0;
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

  /** Writes the fact; where the serial is recorded already, that certificate stands. */
  async #record(serial: Buffer, der: Buffer, sync: Sync): Promise<Certificate> {
    const certificate = readCertificateOnce(der);
    const months = issuedFolder(this.#issuer.folder);
    const file = issuedFile(this.#issuer.folder, certificate.notAfter, serial.toString('hex'));
    if (!this.#isSwept) sweepDrafts(months);
    this.#isSwept = true;
    makeFolder(dirname(file), 0o700, 'later');
    const content = { data: recordText(der, this.#now()), mode: 0o644 };
    // Drafts lie above the months: a month may hold a million files, too many to look for what dead runs left.
    const created = await createOnceBy(sync, file, content, join(months, basename(file)));
    // Another run may have made the month's folder and not have come to sync it.
    await sync([dirname(file), months]);
    if (created) return certificate;
    const [recorded] = certificatesIn(file);
    return recorded ?? certificate;
  }

  /** What an earlier run signed, and the times that it had asked for. */
  #recorded(entry: Readonly<Record<string, unknown>> | undefined): Recorded | undefined {
    const { issuer, serial, notBefore, notAfter } = entry ?? {};
    if (issuer !== this.#issuer.id || typeof serial !== 'string' || !/^[0-9a-f]{2,40}$/.test(serial))
      return undefined;
    if (typeof notBefore !== 'string' || typeof notAfter !== 'string') return undefined;
    const file = issuedFile(this.#issuer.folder, new Date(notAfter), serial);
    const [certificate] = readIfThere(file) ? certificatesIn(file) : [];
    return certificate && { certificate, notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
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
      onDifference: 'nothing was installed; the certificate stands in the records of its CA',
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

/** A power cut may damage what nobody has made durable: then there was no attempt that anybody could go on with. */
function entryOf(journal: Journal): Readonly<Record<string, unknown>> | undefined {
  try {
    return journal.read();
  } catch (error) {
    if (error instanceof PkiError && error.code === 'malformed') return undefined;
    throw error;
  }
}

/** Of those that sign no certificates now, or none at all: whose CRL is about to lapse, and can be signed. */
const dueOthers = ({ folder, json, active }: LocalCa, now: Date): Issuer[] =>
  allIssuers(folder).filter((issuer) => issuer.id !== active.id && isCrlDue(issuer, json, now));

/** What can be told of a CA without its key. */
export interface CaFacts {
  /** Who signs now. */
  issuer: Certificate;
  /** `undefined` where a CRL is about to lapse: then its key is needed. */
  trust: Trust | undefined;
}

/** @throws PkiError where the CA is not there, lax or malformed. */
export function readCaFacts(folder: string, now: Date): CaFacts {
  const ca = openCa(folder);
  const isFresh = isCrlFresh(ca.active.folder, now) && dueOthers(ca, now).length === 0;
  const trust = isFresh ? trustOf(ca, now) : undefined;
  return { issuer: ca.active.certificate, trust };
}

/** What peers need of a CA now, even where its CRL is about to lapse. */
export const readTrust = (folder: string, now: Date): Trust => trustOf(openCa(folder), now);

/** What a CA would refuse, without opening its key. */
export function readAuthorityLimits(folder: string, now: Date): CaLimits {
  const ca = openCa(folder);
  checkValidNow(ca.active, now);
  return new CaLimits(ca);
}
