import { join } from 'node:path';
import { readIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { lookAtGiven } from '../given-path.ts';
import { readRequest } from '../store/request.ts';
import { certificateFolder } from '../store/store.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readDocument, type Item } from '../x509/document.ts';
import type { AskPassphrase } from '../x509/key-file.ts';
import { KnownRevocations, type KnownRevocation } from './known-revocations.ts';
import { crlsOfStore, type CrlRow } from './list-crls.ts';
import { inspectBytes, type Inspection, type Lent } from './inspect.ts';
import { revocationOf } from './revocation-of.ts';
import { storedName } from './stored-name.ts';

/** What the store says of one of its certificates. */
export interface StoredFacts {
  name: string;
  generation: number;
  /** As request.json names it: relative to the store. */
  authority: string | undefined;
  /** Whether key.pem is the certificate's key; `undefined` where there is no key or it cannot be read. */
  keyMatches: boolean | undefined;
  /** What is on record here of its revocation. */
  revoked: KnownRevocation | undefined;
  /** The same of the CAs above it. */
  onRecord: (certificate: Certificate) => KnownRevocation | undefined;
  /** The CA in a folder whose revocations cannot be read. */
  unread: ReadonlyMap<string, PkiError>;
  /** Of the store's trust bundles: without them its peers let nobody in. */
  crls: CrlRow[];
}

/**
 * A certificate of the store: its chain, and whether the key beside it is its own.
 * @throws PkiError `not-found`
 */
export async function inspectStored(
  store: string,
  typed: string,
  lent: Lent & { today: Date },
): Promise<{ inspection: Inspection; stored: StoredFacts }> {
  const name = storedName(store, typed);
  const folder = certificateFolder(store, name);
  lookAtGiven(folder.currentPath);
  const generation = folder.current();
  const file = join(folder.currentPath, 'fullchain.pem');
  const chain = generation === undefined ? undefined : readIfThere(file);
  if (generation === undefined || !chain) {
    throw new PkiError(
      'not-found',
      `${JSON.stringify(name)} is neither a file nor a certificate in ${store}`,
      {
        hint: 'name a file, a folder, - for standard input, or a certificate of the store (--store DIR)',
      },
    );
  }
  const inspection = await inspectBytes(chain, file, lent);
  const request = readRequest(folder.requestFile);
  const keyMatches = await keyBelongs(join(folder.currentPath, 'key.pem'), inspection, lent);
  const leaf = inspection.found[0]?.item;
  const certificate = leaf?.kind === 'certificate' ? leaf.certificate : undefined;
  const unread = new Map<string, PkiError>();
  const known = new KnownRevocations(unread);
  const onRecord = (one: Certificate | undefined): KnownRevocation | undefined =>
    revocationOf(folder, store, { certificate: one, generation }, known);
  const authority = request?.request.authority;
  return {
    inspection,
    stored: {
      name,
      generation,
      authority,
      keyMatches,
      revoked: onRecord(certificate),
      onRecord,
      unread,
      crls: crlsOfStore(store, lent.today),
    },
  };
}

async function keyBelongs(path: string, { found }: Inspection, { ask }: Lent): Promise<boolean | undefined> {
  const [leaf] = found;
  const [key] = await readKeys(path, ask);
  if (key?.kind !== 'private-key' || !key.publicKey || leaf?.item.kind !== 'certificate') return undefined;
  return key.publicKey.equals(leaf.item.certificate.publicKey);
}

/** Whoever looks at a certificate need not be allowed to read its key. */
async function readKeys(path: string, ask: AskPassphrase): Promise<Item[]> {
  try {
    const pem = readIfThere(path);
    return pem ? (await readDocument(pem, ask)).items : [];
  } catch (error) {
    if (error instanceof PkiError) return [];
    throw error;
  }
}
