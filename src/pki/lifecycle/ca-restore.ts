import { readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { nextUpdateOf, publishCrl, setLeastNumber } from '../authorities/local/crl.ts';
import { readCaJson } from '../authorities/local/ca-json.ts';
import { caFile, crlFolder, issuedFile, issuersFolder, pendingFolder } from '../authorities/local/layout.ts';
import { allIssuers, openCa, openIssuerKey, type Issuer } from '../authorities/local/open.ts';
import { certificatesIn } from '../authorities/local/pem-files.ts';
import { createOnce } from '../create-once.ts';
import {
  discard,
  isThere,
  makeFolder,
  orIoError,
  pointLink,
  readIfThere,
  syncFolder,
  temporaryBeside,
} from '../durable.ts';
import { PkiError } from '../errors.ts';
import { refuseNoFolder } from '../given-path.ts';
import { certificateFolder, storedNames } from '../store/store.ts';
import { sweepDrafts } from '../sweep.ts';
import { serialHex, type Certificate } from '../x509/certificate.ts';
import { certificatePem } from '../x509/pem-writer.ts';
import { checkSignature } from '../x509/validation/signature.ts';
import { takeUpRevocations } from './crl-of-store.ts';
import { unpack } from './archive/unpack.ts';

export interface RestoreOrder {
  file: string;
  folder: string;
  /** Over a CA that is there, which is moved aside. */
  force: boolean;
  /** What was issued after the backup may be found there. */
  store: string | undefined;
  /** Of the keys, where it is known: nobody is asked. */
  passphrase: Buffer | undefined;
}

/** A certificate of the store that the backup did not know. */
export interface TakenUp {
  name: string;
  generation: number;
  serial: string;
  notAfter: Date;
}

export interface Restored {
  name: string;
  /** Where the CA that was there before is now. */
  aside: string | undefined;
  /** Facts of the CA that was there before, which the backup lacked. */
  carriedOver: number;
  takenUp: TakenUp[];
  /** Revocations that a CRL of the store lists and the backup did not know. */
  revocations: number;
  /** Issuers whose CRL is signed anew, by number. */
  crls: { issuer: string; number: number }[];
  /** Issuers whose CRL could not be signed, for their key is elsewhere or closed. */
  unsigned: string[];
}

/**
 * Makes a CA of a backup. It appears whole, by one rename(2); a CA that is there is moved aside, never removed, and what it has
 * on record beyond the backup is carried over. Certificates of the store that an issuer of this CA has signed, and that are not on
 * record, are taken up: the signature proves it.
 * @throws PkiError `exists`, `malformed`, `key-mismatch`: then nothing was touched
 */
export async function restoreCa(order: RestoreOrder, now: Date): Promise<Restored> {
  const { file, folder, store } = order;
  refuseNoFolder(folder);
  const before = earlierCa(order);
  makeFolder(dirname(folder));
  sweepDrafts(dirname(folder), basename(folder));
  const draft = temporaryBeside(folder);
  try {
    unpack(file, draft);
    const { name } = readCaJson(draft);
    // One that waits for its first certificate has nothing that could be opened.
    if (!isThere(pendingFolder(draft))) openCa(draft);
    let carriedOver = before === undefined ? 0 : carryOver(before, draft);
    const takenUp = store === undefined ? [] : takeUp(store, allIssuers(draft));
    const revocations = store === undefined ? 0 : takeUpRevocations(store, allIssuers(draft));
    const signed = await signCrls(draft, order.passphrase, now);
    const aside = appear(draft, folder, now);
    // Others may have issued and revoked until it was moved.
    if (aside !== undefined) carriedOver += carryOver(aside, folder);
    return { name, aside, carriedOver, takenUp, revocations, ...signed };
  } catch (error) {
    discard(draft);
    throw error;
  }
}

/** The CA that is replaced: here, or where a run that died in between has moved it. */
function earlierCa({ folder, force }: RestoreOrder): string | undefined {
  if (isThere(folder) && readdirSync(folder).length > 0) {
    if (!force) {
      throw new PkiError('exists', `${folder} is not empty`, {
        hint: 'name another folder with --ca DIR, or add --force: the CA that is there is moved aside',
      });
    }
    if (isThere(caFile(folder))) return folder;
    throw new PkiError('bad-input', `${folder} is no CA`, { hint: 'name another folder with --ca DIR' });
  }
  const above = isThere(dirname(folder)) ? readdirSync(dirname(folder)) : [];
  const aside = above
    .filter((name) => name.startsWith(`${basename(folder)}.replaced-`))
    .sort()
    .at(-1);
  return aside === undefined ? undefined : join(dirname(folder), aside);
}

function appear(draft: string, folder: string, now: Date): string | undefined {
  let aside: string | undefined;
  if (isThere(folder) && readdirSync(folder).length > 0) {
    aside = `${folder}.replaced-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
    for (let more = 2; isThere(aside); more++) aside = `${aside.replace(/\.\d+$/, '')}.${more}`;
    const target = aside;
    orIoError('move', folder, () => {
      renameSync(folder, target);
    });
  }
  orIoError('create', folder, () => {
    renameSync(draft, folder);
  });
  syncFolder(dirname(folder));
  return aside;
}

/** Facts are never rewritten, so what two copies of one issuer know is what either knows. */
function carryOver(before: string, draft: string): number {
  let count = 0;
  for (const id of visible(issuersFolder(draft))) {
    const [from, to] = [join(issuersFolder(before), id), join(issuersFolder(draft), id)];
    for (const facts of ['issued', 'revoked']) count += copyFacts(join(from, facts), join(to, facts));
    const highest = newestCrl(from);
    if (highest !== undefined && Number(highest) > Number(newestCrl(to) ?? 0)) {
      copyFacts(join(crlFolder(from), highest), join(crlFolder(to), highest));
      pointLink(join(crlFolder(to), 'current'), highest);
    }
  }
  return count;
}

const newestCrl = (issuer: string): string | undefined =>
  visible(crlFolder(issuer))
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(a) - Number(b))
    .at(-1);

function copyFacts(from: string, to: string): number {
  let count = 0;
  for (const name of visible(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    const entries = visible(source);
    if (entries.length > 0 || !/\.(pem|der|json)$/.test(name)) {
      count += copyFacts(source, target);
      continue;
    }
    const data = isThere(target) ? undefined : readIfThere(source);
    if (!data) continue;
    makeFolder(to, 0o700, 'later');
    if (createOnce(target, { data, mode: name.endsWith('.json') ? 0o600 : 0o644 })) count++;
  }
  return count;
}

function visible(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

/** What the store holds of this CA's issuers and is not on record. */
function takeUp(store: string, issuers: readonly Issuer[]): TakenUp[] {
  const taken: TakenUp[] = [];
  for (const name of storedNames(store)) {
    const folder = certificateFolder(store, name);
    for (const generation of folder.generations()) {
      const certificate = firstIn(join(folder.versionPath(generation), 'cert.pem'));
      const issuer = certificate && issuers.find((one) => hasSigned(one, certificate));
      if (!certificate || !issuer) continue;
      const serial = serialHex(certificate.serial);
      const file = issuedFile(issuer.folder, certificate.notAfter, serial);
      makeFolder(dirname(file), 0o700, 'later');
      if (!createOnce(file, { data: certificatePem(certificate.der), mode: 0o644 })) continue;
      taken.push({ name, generation, serial, notAfter: certificate.notAfter });
    }
  }
  return taken;
}

function firstIn(file: string): Certificate | undefined {
  try {
    return certificatesIn(file)[0];
  } catch (error) {
    // A broken generation of the store is no reason not to restore the CA.
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

const hasSigned = ({ certificate: issuer }: Issuer, certificate: Certificate): boolean =>
  certificate.issuer.equals(issuer.subject) && checkSignature(certificate, issuer) === 'good';

/** Peers may have seen CRLs since the backup: the next one is numbered beyond them, now, while somebody looks. */
async function signCrls(
  draft: string,
  passphrase: Buffer | undefined,
  now: Date,
): Promise<Pick<Restored, 'crls' | 'unsigned'>> {
  const result: Pick<Restored, 'crls' | 'unsigned'> = { crls: [], unsigned: [] };
  for (const issuer of allIssuers(draft)) {
    const { id, folder, certificate } = issuer;
    setLeastNumber(folder, Math.floor(now.getTime() / 1000));
    const key = readIfThere(join(folder, 'key.pem'));
    const isOver = certificate.notAfter < now;
    if (isOver) continue;
    if (!key || (key.includes('ENCRYPTED') && !passphrase)) {
      result.unsigned.push(id);
      continue;
    }
    const opened = await openIssuerKey(issuer, () => Promise.resolve(passphrase ?? Buffer.alloc(0)));
    const nextUpdate = nextUpdateOf(issuer, readCaJson(draft), now);
    const number = publishCrl({ ...issuer, key: opened }, now, nextUpdate);
    result.crls.push({ issuer: id, number });
  }
  return result;
}
