import { generateKeyPair, type KeyObject } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createOnce } from '../../create-once.ts';
import { makeFolder, syncFolder } from '../../durable.ts';
import { sweepDrafts } from '../../sweep.ts';
import { buildCertificate, randomSerial, type CertificateTemplate } from '../../x509/certificate-builder.ts';
import { readCertificate, serialHex, type Certificate } from '../../x509/certificate.ts';
import type { GeneralName } from '../../x509/general-name.ts';
import { generateKey, keyTypeOf, publicKeyDer, type AskPassphrase } from '../../x509/key.ts';
import { oid } from '../../x509/oid.ts';
import { probeMark } from '../../x509/probe-mark.ts';
import { subjectKeyIdentifierOf } from './crl.ts';
import { issuedFile, issuedFolder } from './layout.ts';
import { checkValidNow, openCa, openIssuerKey, type LocalCa } from './open.ts';
import type { signedProbes } from '../../probe-names.ts';
import { keepProbe, standingProbe } from './standing-probe.ts';
import { recordText } from './record.ts';

/** `control` differs from those that are to be refused in nothing but that it is in order. */
export type MintedProbe = 'control' | (typeof signedProbes)[number];

/** Whom the certificates speak of: the client that is known to be let in. */
export interface ProbeSubject {
  /** Encoded Name. */
  subject: Buffer;
  names: readonly GeneralName[];
  /** Whose kind the keys are of. */
  key: KeyObject;
}

export interface Minted {
  /** DER: the certificate, then those above it but for the root. */
  chain: Buffer[];
  key: KeyObject;
}

const minutes = (count: number): number => count * 60_000;

/** Clocks may differ by ten minutes. */
const times = {
  now: [-minutes(10), minutes(15)],
  expired: [-minutes(30), -minutes(10)],
  'not-yet-valid': [minutes(10), minutes(25)],
  // It stands for later runs, and is revoked before it is kept.
  revoked: [-minutes(10), 90 * 86_400_000],
} as const;

/**
 * Signs, with a CA in a folder, certificates that a server must refuse. They are recorded like all others before they
 * are handed out, and say of themselves that they are probes; their keys are never written.
 */
export class ProbeCertificates {
  readonly #ca: LocalCa;
  readonly #key: KeyObject;
  readonly #now: () => Date;
  #brief: Promise<KeyObject> | undefined;

  private constructor(ca: LocalCa, key: KeyObject, now: () => Date) {
    this.#ca = ca;
    this.#key = key;
    this.#now = now;
  }

  /** @throws PkiError where the CA is not there, lax, mismatched, not valid now or closed by a passphrase. */
  static async open(folder: string, ask: AskPassphrase, now: () => Date): Promise<ProbeCertificates> {
    const ca = openCa(folder);
    for (const certificate of [ca.active.certificate, ...ca.active.chain]) {
      checkValidNow({ ...ca.active, certificate }, now());
    }
    return new ProbeCertificates(ca, await openIssuerKey(ca.active, ask), now);
  }

  /** Why the CA cannot sign this one, where it cannot. */
  refusal(probe: MintedProbe): string | undefined {
    if (probe !== 'weak-signature' || this.#key.asymmetricKeyType !== 'ed25519') return undefined;
    return "the CA's key is Ed25519, which signs nothing with SHA-1";
  }

  async mint(probe: MintedProbe, { subject, names, key: like }: ProbeSubject): Promise<Minted> {
    const key = await this.#keyFor(probe, like);
    const [from, to] = probe in times ? times[probe as keyof typeof times] : times.now;
    const now = Math.floor(this.#now().getTime() / 1000) * 1000;
    const template: CertificateTemplate = {
      serial: randomSerial(),
      issuer: this.#ca.active.certificate.subject,
      subject,
      notBefore: new Date(now + from),
      notAfter: new Date(Math.min(now + to, this.#ca.active.certificate.notAfter.getTime())),
      publicKey: publicKeyDer(key),
      basicConstraints: { ca: false, pathLength: undefined },
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: [probe === 'wrong-usage' ? oid.serverAuth : oid.clientAuth],
      names,
      nameConstraints: undefined,
      authorityKeyIdentifier: subjectKeyIdentifierOf(this.#ca.active.certificate),
      ...this.#ca.json.defaults,
      comment: probeMark(probe),
    };
    const der = buildCertificate(template, this.#key, probe === 'weak-signature' ? 'sha1' : undefined);
    this.#record(readCertificate(der));
    return { chain: [der, ...this.#above], key };
  }

  /** One key serves those that live for minutes; what is kept has its own. */
  async #keyFor(probe: MintedProbe, like: KeyObject): Promise<KeyObject> {
    if (probe === 'weak-key') {
      return (await promisify(generateKeyPair)('rsa', { modulusLength: 1024 })).privateKey;
    }
    const type = keyTypeOf(like) ?? 'ec-p256';
    return probe === 'revoked' ? generateKey(type) : (this.#brief ??= generateKey(type));
  }

  /** The one that was revoked once and is kept, or a new one that is neither yet. */
  async standing(subject: ProbeSubject): Promise<Minted & { certificate: Certificate; isKept: boolean }> {
    const { folder } = this.#ca.active;
    const kept = standingProbe(folder, subject, this.#now());
    if (kept) return { ...kept, chain: [kept.certificate.der, ...this.#above], isKept: true };
    const made = await this.mint('revoked', subject);
    return { ...made, certificate: readCertificate(made.chain[0] ?? Buffer.alloc(0)), isKept: false };
  }

  /** Only what is revoked is kept. */
  keep(probe: Minted): void {
    keepProbe(this.#ca.active.folder, probe);
  }

  /** What is sent along: all but the root. */
  get #above(): Buffer[] {
    const { certificate, chain } = this.#ca.active;
    return [certificate, ...chain].slice(0, -1).map(({ der }) => der);
  }

  #record(certificate: Certificate): void {
    const { folder } = this.#ca.active;
    const file = issuedFile(folder, certificate.notAfter, serialHex(certificate.serial));
    const months = issuedFolder(folder);
    sweepDrafts(months);
    makeFolder(dirname(file), 0o700, 'later');
    createOnce(
      file,
      { data: recordText(certificate.der, this.#now()), mode: 0o644 },
      join(months, basename(file)),
    );
    syncFolder(months);
  }
}
