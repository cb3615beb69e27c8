import { resolve } from 'node:path';
import { isAws } from '../authorities/reference.ts';
import { refuseWritable } from '../deploy/refuse-writable.ts';
import { PkiError } from '../errors.ts';
import { refuseOurs } from '../given-path.ts';
import { liesIn, placeOf } from '../place.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { withLock } from '../store/lock.ts';
import { lookAt, writeTogether, type Found, type OutputFile, type Written } from '../store/output-file.ts';
import { holdsKey, openFileMode, type OutputContent, type OutputRequest } from '../store/output-request.ts';
import { keyFileMode, resolveOwnership } from '../store/ownership.ts';
import type { StoredRequest } from '../store/request.ts';
import { isAsWritten, recordWritten } from '../store/outputs-record.ts';
import { referenceOf } from './authority-reference.ts';
import type { World } from './issue.ts';
import { contentOf, type Content, type Source } from './output-content.ts';

/*
 * Copies of a certificate's files at places of their own, for readers that cannot follow `current`. Every run compares
 * them with what they should be and writes what differs, each by one rename: so what a run that died, a full disk or a
 * hand has left is mended by the next one, and nothing has to be remembered.
 */

/** A pair with its chain takes ten thousand. */
const mostSealed = 1024 * 1024;

/** What became of one output. */
export interface OutputOutcome {
  /** Absolute. */
  path: string;
  content: OutputContent;
  /** `differs`: only looked at. */
  state: 'right' | 'written' | 'differs' | 'failed';
  /** What was not as it should be. */
  was: Difference | undefined;
  /** Whether others could read, or write, the private key in it. */
  exposed: boolean;
  /** What stands in it of peers, which changes without the certificate. */
  peers?: Buffer | undefined;
  error: unknown;
}

type Difference = 'missing' | 'link' | 'content' | 'access';

export interface OutputsOrder {
  /** Absolute path. */
  store: string;
  folder: CertificateFolder;
  request: StoredRequest;
  /** The file that asks for it, where that is not its own request.json. */
  source?: string | undefined;
  /** Milliseconds to wait for another run on the same name; `held` for whoever holds its lock. */
  lock: { timeout: number } | 'held';
}

/** An output, and what stands in its place. */
interface Looked {
  outcome: OutputOutcome;
  /** How it shall be, where that could be told. */
  shall: { content: Content; access: Omit<OutputFile, 'path' | 'data'> } | undefined;
}

/** Compares every output with what it should be, and touches none. */
export async function lookAtOutputs(order: OutputsOrder, world: World): Promise<OutputOutcome[]> {
  const looked = await lookAtAll(order, world);
  return looked.map(({ outcome }) => outcome);
}

/**
 * Brings every output to what it should be. Never throws for one that fails: the certificate in the store is right all
 * the same, and the next run tries again.
 */
export async function keepOutputs(order: OutputsOrder, world: World): Promise<OutputOutcome[]> {
  const looked = await lookAtAll(order, world);
  if (looked.every(({ outcome }) => outcome.state !== 'differs')) return looked.map(({ outcome }) => outcome);
  if (order.lock === 'held') return writeAll(order, looked);
  const { timeout } = order.lock;
  const options = { pid: world.pid, timeout, signal: world.signal };
  // Another run may have switched meanwhile: what is written is what is in use then.
  return withLock(order.folder.lockFile, options, async () => writeAll(order, await lookAtAll(order, world)));
}

async function lookAtAll(
  { store, folder, request, source: file = folder.requestFile }: OutputsOrder,
  world: World,
): Promise<Looked[]> {
  const lax = laxness(file, world.uid);
  if (lax) return request.outputs.map((output) => failed(output, store, lax));
  const source: Source = {
    store,
    generation: folder.versionPath(folder.current() ?? 0),
    name: request.name,
    authority: request.authority,
    env: world.env,
  };
  const looked: Looked[] = [];
  for (const output of request.outputs) looked.push(await look(output, source, file, folder, request));
  return looked;
}

/** Who may write what asks for outputs could have any file of ours replaced. */
function laxness(file: string, uid: number): unknown {
  try {
    refuseWritable(file, 'what is configured in', uid, 'written');
    return undefined;
  } catch (error) {
    return error;
  }
}

const failed = ({ path, content }: OutputRequest, store: string, error: unknown): Looked => ({
  outcome: { path: resolve(store, path), content, state: 'failed', was: undefined, exposed: false, error },
  shall: undefined,
});

async function look(
  output: OutputRequest,
  source: Source,
  file: string,
  folder: CertificateFolder,
  request: StoredRequest,
): Promise<Looked> {
  const path = resolve(source.store, output.path);
  const base = { path, content: output.content, was: undefined, exposed: false, error: undefined };
  try {
    refuseReserved(path, file, source);
    const content = contentOf(output, source);
    const access = await accessOf(output, request);
    const found = lookAt(path, 'bytes' in content ? content.bytes.length : mostSealed);
    const was = differenceOf(found, path, content, access, folder);
    const exposed = holdsKey(output) && was === 'access' && isWider(found, access.mode);
    return {
      outcome: {
        ...base,
        state: was === undefined ? 'right' : 'differs',
        was,
        exposed,
        peers: ofPeers(content),
      },
      shall: { content, access },
    };
  } catch (error) {
    return { outcome: { ...base, state: 'failed', error }, shall: undefined };
  }
}

/**
 * What certwright itself lives by is no place for a copy, whatever links lead there.
 * @param file what asks for it.
 */
function refuseReserved(path: string, file: string, { store, authority }: Source): void {
  const place = placeOf(path);
  const hint = 'name a place that nothing else is kept at';
  if (liesIn(place, store)) {
    throw new PkiError('bad-input', `the output ${path} lies in the store`, {
      hint: 'name a place outside of it: what is in the store is written once and never changed',
    });
  }
  if (place === placeOf(file))
    throw new PkiError('bad-input', `the output ${path} is what asks for it`, { hint });
  if (!isAws(authority) && liesIn(place, referenceOf(store, { authority }))) {
    throw new PkiError('bad-input', `the output ${path} lies in the folder of the CA`, { hint });
  }
  refuseOurs(path, 'the output');
}

const ofPeers = (content: Content): Buffer | undefined => ('bytes' in content ? content.peers : undefined);

/** What an output does not say is as for the certificate's own files. */
async function accessOf(
  { owner, group, mode, ...output }: OutputRequest,
  request: StoredRequest,
): Promise<Omit<OutputFile, 'path' | 'data'>> {
  const team = group ?? request.group;
  const ownership = await resolveOwnership(owner ?? request.owner, team);
  return {
    ownership,
    mode: holdsKey(output) ? keyFileMode(mode ?? request.mode, team, 'mode') : openFileMode(mode),
  };
}

function differenceOf(
  found: Found,
  path: string,
  content: Content,
  { mode, ownership }: Omit<OutputFile, 'path' | 'data'>,
  folder: CertificateFolder,
): Difference | undefined {
  if (found.kind !== 'file') return found.kind === 'unreadable' ? 'access' : found.kind;
  const isSame =
    'bytes' in content
      ? content.bytes.equals(found.bytes)
      : isAsWritten(folder, path, content.of, found.bytes);
  if (!isSame) return 'content';
  const { uid = -1, gid = -1 } = ownership ?? {};
  const { access } = found;
  const isOurs = (uid < 0 || access.uid === uid) && (gid < 0 || access.gid === gid);
  return isOurs && (access.mode & 0o7777) === mode ? undefined : 'access';
}

const isWider = (found: Found, mode: number): boolean =>
  found.kind === 'file' && (found.access.mode & ~mode & 0o077) !== 0;

/** By path: what was written, and of what. */
type Sealed = Map<string, { of: string; bytes: Buffer }>;

/** A key and its certificate in files of their own are of no use without each other. */
const halves: readonly OutputContent[] = ['key', 'cert', 'chain', 'fullchain', 'der'];

async function writeAll(
  { folder, request, store }: OutputsOrder,
  looked: readonly Looked[],
): Promise<OutputOutcome[]> {
  const differing = looked.filter(({ outcome }) => outcome.state === 'differs');
  const [together, alone] = [true, false].map((is) =>
    differing.filter(({ outcome }) => halves.includes(outcome.content) === is),
  ) as [Looked[], Looked[]];
  // The key first, as wherever there are two files.
  together.sort((a, b) => Number(b.outcome.content === 'key') - Number(a.outcome.content === 'key'));
  const outcomes = new Map(looked.map(({ outcome }) => [outcome.path, outcome]));
  const sealed: Sealed = new Map();
  for (const group of [together, ...alone.map((one) => [one])]) {
    try {
      const files = await Promise.all(group.map((one) => fileFor(one, sealed)));
      const { paths, failed: culprit } = writeTogether(files);
      for (const { outcome } of group) {
        const { path } = outcome;
        if (paths.includes(path)) outcomes.set(path, { ...outcome, state: 'written' });
        else {
          sealed.delete(path);
          outcomes.set(path, { ...outcome, state: 'failed', error: causeFor(path, culprit) });
        }
      }
    } catch (error) {
      for (const { outcome } of group) {
        sealed.delete(outcome.path);
        outcomes.set(outcome.path, { ...outcome, state: 'failed', error });
      }
    }
  }
  if (sealed.size > 0) {
    const wanted = new Set(request.outputs.map(({ path }) => resolve(store, path)));
    recordWritten(folder, sealed, (path) => !wanted.has(path));
  }
  return [...outcomes.values()];
}

/** Each output is told why it is not right, in words about itself. */
function causeFor(path: string, culprit: Written['failed']): unknown {
  const { error } = culprit ?? {};
  if (path === culprit?.path || !(error instanceof PkiError)) return error;
  return new PkiError(error.code, `${path} is left as it was, since they belong together: ${error.message}`, {
    hint: error.hint,
    cause: error,
  });
}

async function fileFor({ outcome: { path }, shall }: Looked, sealed: Sealed): Promise<OutputFile> {
  if (!shall) throw new PkiError('internal', `nothing is known of ${path}`);
  const { content, access } = shall;
  if ('bytes' in content) return { path, data: content.bytes, ...access };
  const bytes = await content.seal();
  sealed.set(path, { of: content.of, bytes });
  return { path, data: bytes, ...access };
}
