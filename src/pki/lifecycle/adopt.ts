import type { KeyObject } from 'node:crypto';
import { isAcm, isAws } from '../authorities/reference.ts';
import { openCa } from '../authorities/local/open.ts';
import { isThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { dropDeployRecords } from '../store/deploy-record.ts';
import { withLock } from '../store/lock.ts';
import type { StoredRequest } from '../store/request.ts';
import { certificateFolder, openStoreForWriting } from '../store/store.ts';
import { extension, type Certificate } from '../x509/certificate.ts';
import { readBasicConstraints } from '../x509/extensions.ts';
import type { AskPassphrase } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';
import { refuseEndlessRenewal } from '../x509/renewal-point.ts';
import { isSignedBy } from '../x509/signed-by.ts';
import type { Discarding } from './begin.ts';
import { likenessOf } from './adopted-request.ts';
import { unknownAuthority } from './authority-reference.ts';
import { requestFor, type Settings } from './declared.ts';
import { dueAt, lifeOf } from './due.ts';
import { generationFiles } from './generation-files.ts';
import { accessOf, type World } from './issue.ts';
import { readPair } from './pair.ts';
import { readCertificateFiles } from './trust.ts';
import { mayBeBought, unfinishedOrderIn } from './unfinished-order.ts';

export interface AdoptOrder extends Discarding {
  /** Absolute path. */
  store: string;
  name: string;
  /** Absolute paths. */
  certificate: string;
  key: string | undefined;
  chain: readonly string[];
  ask: AskPassphrase;
  /** Who makes its successors; `undefined` where that is not told. */
  reference: string | undefined;
  settings: Pick<Settings, 'owner' | 'group' | 'mode' | 'renewAt' | 'reuseKey' | 'formats'>;
  force: boolean;
  lockTimeout: number;
}

export interface Adopted {
  name: string;
  generation: number;
  /** Absolute path of `current`. */
  path: string;
  certificate: Certificate;
  request: StoredRequest;
  due: Date;
  warnings: string[];
}

/**
 * Takes a pair that others have made into the store, as the next generation, with the request that would have the like of
 * it made. What it is read from is left as it is.
 * @throws PkiError `key-mismatch`, `exists`, `unsupported`, `passphrase`, and whatever reading the files may meet
 */
export async function adopt(order: AdoptOrder, world: World): Promise<Adopted> {
  const pair = await readPair({
    reference: { kind: 'path', path: order.certificate },
    keyFile: order.key,
    flag: '--cert',
    ask: order.ask,
  });
  const [leaf, ...beside] = pair.chain;
  refuseCa(leaf, order.certificate);
  const { renewAt } = order.settings;
  if (renewAt !== undefined) refuseEndlessRenewal(lifeOf(leaf), renewAt, '--renew-at');
  const more = await readCertificateFiles(order.chain, '--chain');
  const upwards = chainOf(leaf, [...beside, ...more, ...pair.anchors, ...issuersOf(order.reference)]);
  const { request, unlike } = wishFor(order, leaf, pair.key);
  const warnings = [...unlike, ...remarks(leaf, upwards, order, world.now())];
  const generation = await install(order, { leaf, ...upwards, key: pair.key }, request, world);
  const due = dueAt(leaf, request, world.instance);
  const path = certificateFolder(order.store, order.name).currentPath;
  return { name: order.name, generation, path, certificate: leaf, request, due, warnings };
}

function refuseCa(leaf: Certificate, file: string): void {
  const found = extension(leaf, oid.basicConstraints);
  if (!found || !readBasicConstraints(found.value).ca) return;
  throw new PkiError('unsupported', `${file} holds the certificate of a CA`, {
    hint: '"certwright ca adopt" takes a CA; where a leaf is in the file too, it must stand first',
  });
}

function wishFor(
  { store, name, reference, settings }: AdoptOrder,
  leaf: Certificate,
  key: KeyObject,
): { request: StoredRequest; unlike: string[] } {
  const { request: like, unlike } = likenessOf(leaf, key);
  const { names, usage, keyType, lifetime, subject } = like;
  const by = reference ?? unknownAuthority;
  const request = requestFor({ name, names }, { usage, keyType, ...settings }, store, by);
  // ACM decides how long its certificates live.
  return { request: { ...request, subject, lifetime: isAcm(by) ? undefined : lifetime }, unlike };
}

interface Upwards {
  /** From the leaf's issuer upwards, without the root. */
  chain: Certificate[];
  root: Certificate | undefined;
}

/** Puts what lies around in its order; what does not belong to the leaf is left out. */
function chainOf(leaf: Certificate, around: readonly Certificate[]): Upwards {
  const chain: Certificate[] = [];
  for (let last = leaf; ;) {
    if (isSignedBy(last, last)) return { chain: chain.slice(0, -1), root: last };
    const issuer = around.find((one) => !chain.includes(one) && isSignedBy(last, one));
    if (!issuer) return { chain, root: undefined };
    chain.push(issuer);
    last = issuer;
  }
}

/** Those of a CA in a folder: they may have issued it. */
function issuersOf(reference: string | undefined): Certificate[] {
  if (reference === undefined || isAws(reference)) return [];
  const { active } = openCa(reference);
  return [active.certificate, ...active.chain];
}

function remarks(
  leaf: Certificate,
  { chain, root }: Upwards,
  { name, reference }: AdoptOrder,
  now: Date,
): string[] {
  const issuer = chain[0] ?? root;
  const [active] = issuersOf(reference);
  const isTheirs = active !== undefined && !issuer?.der.equals(active.der);
  return [
    ...(leaf.notBefore > now
      ? [`it is not valid before ${leaf.notBefore.toISOString()}: peers refuse it until then`]
      : []),
    ...(leaf.notAfter <= now ? [`it ended ${leaf.notAfter.toISOString()}`] : []),
    ...(issuer ? [] : ['its issuer is in none of the files: clients may find no path to their root']),
    ...(reference === undefined
      ? [`rotate reports ${name} once it is due and cannot replace it: --ca REF would say who issues it`]
      : []),
    ...(isTheirs
      ? [`${reference ?? ''} has not issued it: the next rotate replaces it by one of its own`]
      : []),
  ];
}

async function install(
  order: AdoptOrder,
  { leaf, chain, root, key }: Upwards & { leaf: Certificate; key: KeyObject },
  request: StoredRequest,
  world: World,
): Promise<number> {
  const folder = certificateFolder(order.store, order.name);
  const refuseExisting = (): void => {
    const current = folder.current();
    if (current === undefined || order.force) return;
    throw new PkiError('exists', `${JSON.stringify(order.name)} has a certificate already (${folder.path})`, {
      hint: 'choose another name, or add --force to put this one in its place as the next generation',
    });
  };
  refuseExisting();
  const access = await accessOf(request);
  openStoreForWriting(order.store);
  folder.create();
  const lock = { pid: world.pid, timeout: order.lockTimeout, signal: world.signal };
  return withLock(folder.lockFile, lock, async () => {
    folder.sweep();
    refuseExisting();
    if (folder.current() === undefined) dropDeployRecords(folder);
    const begun = unfinishedOrderIn(folder);
    if (begun && !order.discardPending) throw mayBeBought(begun, folder);
    if (begun) order.tellDropped?.(begun);
    if (isThere(folder.path)) folder.discardPending();
    for (;;) {
      // A run that dies here has nothing issued by the next one: what it takes in is there already.
      const pending = folder.begin(undefined);
      const issued = {
        state: 'issued' as const,
        certificate: leaf.der,
        chain: chain.map(({ der }) => der),
        root: root?.der,
        key: undefined,
        arn: undefined,
        asked: undefined,
        onDifference: '',
      };
      const files = generationFiles(issued, key, request, pending.number, world.now());
      const assembled = await pending.assemble(files, access);
      if (await pending.claim(assembled, request)) return pending.number;
    }
  });
}
