import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Authority, Issuance, Issued, RequestKey } from '../../../src/pki/authorities/authority.ts';
import type { ErrorCode } from '../../../src/pki/errors.ts';
import { extension, readCertificate, serialHex } from '../../../src/pki/x509/certificate.ts';
import { differences } from '../../../src/pki/x509/compare-issued.ts';
import { readExtendedKeyUsage } from '../../../src/pki/x509/extensions.ts';
import { generateKey, publicKeyDer, type KeyType } from '../../../src/pki/x509/key.ts';
import { oid } from '../../../src/pki/x509/oid.ts';
import type { Profile, Usage } from '../../../src/pki/x509/profile.ts';
import { parseName } from '../../../src/pki/x509/subject-alternative-name.ts';
import { MemoryJournal } from '../../support/memory-journal.ts';

/** One kind of authority, and what it can be asked. */
export interface Candidate {
  /** Opens it anew, as each run does. */
  open: () => Promise<Authority>;
  now: () => Date;
  /** Names, usages and keys that it issues for. */
  names: readonly string[][];
  usages: readonly Usage[];
  keyTypes: readonly KeyType[];
  /** Milliseconds that a certificate lives unless it is asked for otherwise; a day where nothing is said. */
  lifetime?: number;
  /** Whether a token means nothing to it: then a run goes on only from the state that holds the answer. */
  forgetsTokens?: boolean;
  /** What it refuses before anything is sent, and how. */
  refusals: readonly { what: string; wishes: Partial<Profile>; code: ErrorCode }[];
  /** Certificates that were paid for so far; `undefined` where nothing is. */
  billed: () => number | undefined;
  /** What stands in the way of its next call, if that can be said: its effect is there, its answer is lost. */
  loseAnswer?: () => void;
  /** Lets its next call fail for good, if that can be said. @returns what its next answer then is */
  refuse?: () => Promise<{ authority: Authority; code: ErrorCode }>;
}

/** A profile that any authority takes, unless something else is wished for. */
export function profileOf(candidate: Candidate, wishes: Partial<Profile> = {}): Profile {
  const start = Math.floor(candidate.now().getTime() / 1000) * 1000;
  return {
    names: (candidate.names[0] ?? ['orders.internal']).map(parseName),
    usage: candidate.usages[0] ?? 'mtls',
    subject: undefined,
    notBefore: new Date(start - 60_000),
    notAfter: new Date(start + (candidate.lifetime ?? 86_400_000)),
    keyType: candidate.keyTypes[0] ?? 'ec-p256',
    publicKey: Buffer.alloc(0),
    crlUrls: [],
    ocspUrls: [],
    issuerUrls: [],
    ...wishes,
  };
}

async function keyFor(authority: Authority, profile: Profile): Promise<[Profile, RequestKey | undefined]> {
  if (authority.makesKeys) return [profile, undefined];
  const key = await generateKey(profile.keyType);
  return [
    { ...profile, publicKey: publicKeyDer(key) },
    { kind: 'own', key },
  ];
}

function issued(issuance: Issuance): Issued {
  if (issuance.state !== 'issued') throw new Error(`pending: ${issuance.waitingFor}`);
  return issuance;
}

/** As the store does where the authority leaves the recording to its caller: that comes after it is kept. */
function keep({ certificate, recording }: Issued, journal: MemoryJournal): void {
  if (!recording) return;
  const { serial, notBefore, notAfter } = readCertificate(certificate);
  const version = { notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString() };
  journal.write({ serial: serialHex(serial), ...version }, { durable: false });
  expect(existsSync(recording.draft())).toBe(true);
  expect(recording.commit().every((folder) => existsSync(folder))).toBe(true);
}

/** What whoever gets a certificate finds in it, beside all that was asked for. */
async function inspect(authority: Authority, profile: Profile, made: Issued): Promise<string[]> {
  const leaf = new X509Certificate(made.certificate);
  const upwards = [made.certificate, ...made.chain, ...(made.root ? [made.root] : [])];
  const publicKey = made.key
    ? publicKeyDer(made.key)
    : authority.makesKeys
      ? leaf.publicKey
      : profile.publicKey;
  const key = Buffer.isBuffer(publicKey) ? publicKey : publicKey.export({ type: 'spki', format: 'der' });
  const root = made.root && new X509Certificate(made.root);
  return [
    ...(await differences({ ...profile, publicKey: key }, made)),
    ...(made.chain.some((der) => new X509Certificate(der).checkIssued(new X509Certificate(der)))
      ? ['the root is in the chain']
      : []),
    ...(root && !root.checkIssued(root) ? ['the root is none'] : []),
    ...(new Set(upwards.map((der) => new X509Certificate(der).fingerprint256)).size === upwards.length
      ? []
      : ['a certificate is there twice']),
    ...(createPublicKey({ key, format: 'der', type: 'spki' }).asymmetricKeyType === 'rsa' ||
    !profile.keyType.startsWith('rsa')
      ? []
      : ['key of another type']),
  ];
}

/** The cases that every authority passes. `candidate` is asked for once the file's own `beforeAll` has run. */
export function contractOf(title: string, candidate: () => Candidate): void {
  describe(title, () => {
    const issue = async (wishes: Partial<Profile>): Promise<string[]> => {
      const authority = await candidate().open();
      const [profile, key] = await keyFor(authority, profileOf(candidate(), wishes));
      authority.check(profile);
      return inspect(authority, profile, issued(await authority.issue(profile, key, new MemoryJournal())));
    };

    it('issues what is asked for, for every name, usage and key that it takes', async () => {
      const { names, usages, keyTypes } = candidate();
      for (const list of names)
        expect([list, await issue({ names: list.map(parseName) })]).toEqual([list, []]);
      for (const usage of usages) expect([usage, await issue({ usage })]).toEqual([usage, []]);
      for (const keyType of keyTypes) expect([keyType, await issue({ keyType })]).toEqual([keyType, []]);
    });

    it('writes down what it does before it does it, durably where it costs money', async () => {
      const authority = await candidate().open();
      const [profile, key] = await keyFor(authority, profileOf(candidate()));
      const journal = new MemoryJournal();
      keep(issued(await authority.issue(profile, key, journal)), journal);
      expect(journal.states.length).toBeGreaterThan(1);
      expect(journal.states.every(({ durable }) => durable || !authority.sells)).toBe(true);
      expect(JSON.stringify(journal.states)).not.toContain('PRIVATE KEY');
    });

    it('goes on from every state that a run which died can have left, and pays once', async () => {
      const before = candidate().billed();
      const authority = await candidate().open();
      const [profile, key] = await keyFor(authority, profileOf(candidate()));
      const journal = new MemoryJournal();
      const first = issued(await authority.issue(profile, key, journal));
      keep(first, journal);
      const resumable = candidate().forgetsTokens === true ? -1 : 1;
      for (const { entry } of journal.states.slice(resumable)) {
        const again = await candidate().open();
        const resumed = issued(await again.issue(profile, key, new MemoryJournal(entry)));
        expect(new X509Certificate(resumed.certificate).serialNumber).toBe(
          new X509Certificate(first.certificate).serialNumber,
        );
        expect(resumed.asked).toEqual(first.asked);
        expect(await inspect(again, profile, resumed)).toEqual([]);
      }
      const after = candidate().billed();
      if (before !== undefined && after !== undefined) expect(after - before).toBe(1);
    });

    it('hands out another certificate, for another key, to whoever asks the same again', async () => {
      const authority = await candidate().open();
      const [profile, key] = await keyFor(authority, profileOf(candidate()));
      const one = issued(await authority.issue(profile, key, new MemoryJournal()));
      const [same, otherKey] = await keyFor(authority, profile);
      const other = issued(await authority.issue(same, otherKey, new MemoryJournal()));
      const [first, second] = [one, other].map(({ certificate }) => readCertificate(certificate));
      expect(second!.serial).not.toEqual(first!.serial);
      expect(second!.publicKey).not.toEqual(first!.publicKey);
    });

    it('refuses what it does not do before anything is written', async () => {
      const authority = await candidate().open();
      for (const { what, wishes, code } of candidate().refusals) {
        const profile = profileOf(candidate(), wishes);
        let found: unknown;
        try {
          authority.check(profile);
        } catch (error) {
          found = error;
        }
        expect({ what, found }).toMatchObject({ what, found: { code } });
      }
    });

    it('a refusal leaves nothing in the journal, and nothing to pay', async ({ skip }) => {
      const { refuse, billed } = candidate();
      if (!refuse) skip('its refusals all come before the call');
      const before = billed();
      const { authority, code } = await refuse!();
      const [profile, key] = await keyFor(authority, profileOf(candidate()));
      const journal = new MemoryJournal();
      await expect(authority.issue(profile, key, journal)).rejects.toMatchObject({ code });
      expect(journal.read()).toBeUndefined();
      expect(billed()).toBe(before);
    });

    it('an answer that is lost costs nothing twice', async ({ skip }) => {
      const { loseAnswer, billed, open } = candidate();
      if (!loseAnswer) skip('nothing comes between it and its caller');
      const before = billed() ?? 0;
      const authority = await open();
      const [profile, key] = await keyFor(authority, profileOf(candidate()));
      loseAnswer!();
      const made = issued(await authority.issue(profile, key, new MemoryJournal()));
      expect(await inspect(authority, profile, made)).toEqual([]);
      expect((billed() ?? 0) - before).toBe(1);
    });

    it('purposes are those of the usage, and of nothing else', async () => {
      const authority = await candidate().open();
      for (const usage of candidate().usages) {
        const [profile, key] = await keyFor(authority, profileOf(candidate(), { usage }));
        const made = issued(await authority.issue(profile, key, new MemoryJournal()));
        const purposes = readExtendedKeyUsage(
          extension(readCertificate(made.certificate), oid.extendedKeyUsage)!.value,
        );
        const wanted = {
          mtls: [oid.serverAuth, oid.clientAuth],
          server: [oid.serverAuth],
          client: [oid.clientAuth],
        };
        expect([usage, [...purposes].sort()]).toEqual([usage, [...wanted[usage]].sort()]);
      }
    });
  });
}
