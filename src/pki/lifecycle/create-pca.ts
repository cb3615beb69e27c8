import { join } from 'node:path';
import { remedyFor } from '../authorities/acm-pca/ca-facts.ts';
import type { CaMaker, CaOrder } from '../authorities/acm-pca/new-ca.ts';
import { isCaArn, parseArn } from '../authorities/aws/arn.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { isRefusal } from '../authorities/aws/failure.ts';
import { inDoubtDespite, isRemembered, orderOnce } from '../authorities/aws/placed-order.ts';
import { regionOf } from '../authorities/aws/region.ts';
import { makeFolder } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { withLock } from '../store/lock.ts';
import type { AskPassphrase, KeyType } from '../x509/key.ts';
import { certify, endOf } from './pca-certificate.ts';
import { openParent, type LocalParent } from './pca-parent.ts';
import {
  caOrders,
  journalOf,
  keepProgress,
  readProgress,
  tokenLife,
  tokenOf,
  wayOut,
  type Progress,
} from './pca-progress.ts';

/** A CA of AWS Private CA, as a command asks for it. */
export interface NewPca {
  store: string;
  name: string;
  type: CaOrder['type'];
  keyType: KeyType;
  mode: CaOrder['mode'];
  crl: CaOrder['crl'];
  ocsp: boolean;
  /** What signs a subordinate one: a folder as an absolute path, or the ARN of another CA. */
  parent: string | undefined;
  /** How many CAs may stand below it. */
  pathLength: number;
  /** Milliseconds. */
  lifetime: number;
  permitAcm: boolean;
  /** Order once more what may have been ordered. */
  reissue: boolean;
}

export interface NewPcaWorld {
  now: () => Date;
  pid: number;
  ask: AskPassphrase;
  connection: AwsConnection;
}

export interface MadePca {
  arn: string;
  /** `false` where an earlier run had made it whole. */
  made: boolean;
  journal: string;
  /** Of its certificate. */
  notAfter: string;
}

const keyAlgorithms: Readonly<Partial<Record<KeyType, [string, string]>>> = {
  'rsa-2048': ['RSA_2048', 'SHA256WITHRSA'],
  'rsa-3072': ['RSA_3072', 'SHA256WITHRSA'],
  'rsa-4096': ['RSA_4096', 'SHA512WITHRSA'],
  'ec-p256': ['EC_prime256v1', 'SHA256WITHECDSA'],
  'ec-p384': ['EC_secp384r1', 'SHA384WITHECDSA'],
};

const day = 86_400_000;

/**
 * Makes a CA of AWS Private CA: the CA, its certificate by its parent, its revocation, and what ACM may do with it. A run that
 * died or was refused is gone on with by the same call.
 * @throws PkiError `pending-differs` where an earlier run was asked for another CA of that name; `not-valid` where it is made and
 * not ACTIVE
 */
export async function createPca(wanted: NewPca, world: NewPcaWorld): Promise<MadePca> {
  const journal = journalOf(wanted.store, wanted.name);
  makeFolder(join(wanted.store, '.aws'), 0o700);
  const lock = { pid: world.pid, timeout: 0, signal: world.connection.signal };
  return withLock(`${journal}.lock`, lock, async () => {
    const begun = readProgress(journal);
    if (begun) refuseOther(begun, wanted, world.connection);
    const progress = begun ?? begin(wanted, world.now());
    try {
      return await goOn(progress, wanted, world, journal);
    } catch (error) {
      throw error instanceof NotActive ? error : withCa(error, progress.arn, journal);
    }
  });
}

async function goOn(
  progress: Progress,
  wanted: NewPca,
  world: NewPcaWorld,
  journal: string,
): Promise<MadePca> {
  const { connection } = world;
  const { CaMaker: Maker } = await import('../authorities/acm-pca/new-ca.ts');
  const maker = new Maker(regionFor(progress, wanted, connection), connection);
  progress.region ??= await maker.region();
  if (progress.arn === undefined) await refuseOtherAccount(progress, maker);
  const parent = await parentFor(progress, wanted, maker, world);
  const arn = await create(maker, progress, world, journal);
  let ca = await maker.leaves(arn, 'CREATING');
  if (ca.Status === 'PENDING_CERTIFICATE') {
    const { reissue } = wanted;
    const certificate = await certify({ maker, arn, progress, journal, parent, reissue, ...world });
    connection.say('installing its certificate');
    await maker.install(arn, certificate);
    ca = await maker.leaves(arn, 'PENDING_CERTIFICATE');
  }
  if (ca.Status !== 'ACTIVE') throw notActive(ca, arn, journal);
  const made = progress.done !== true;
  if (wanted.permitAcm || (made && progress.permitAcm)) await maker.permitAcm(arn);
  progress.permitAcm ||= wanted.permitAcm;
  progress.done = true;
  keepProgress(journal, progress);
  return { arn, made, journal, notAfter: endOf(progress) };
}

/** Its end can be chosen until its certificate is ordered, and is counted from then. */
function parentFor(
  progress: Progress,
  { parent, pathLength, lifetime }: NewPca,
  maker: CaMaker,
  { now, ask }: NewPcaWorld,
): Promise<LocalParent | undefined> {
  if (progress.certificate || progress.signing) return Promise.resolve(undefined);
  Object.assign(progress, { lifetime, notAfter: endAfter(lifetime, now()) });
  return openParent({ parent, pathLength, notAfter: new Date(progress.notAfter) }, maker, ask, now());
}

/** Of whole seconds, as certificates have them. */
const endAfter = (lifetime: number, now: Date): string =>
  new Date(Math.floor((now.getTime() + lifetime) / 1000) * 1000).toISOString();

/** It stays where it was begun, and is signed by a CA of its own region. */
function regionFor(
  progress: Progress,
  { parent }: NewPca,
  { env, region }: AwsConnection,
): string | undefined {
  const above =
    parent?.startsWith('arn:') === true ? parseArn(parent, 'acm-pca', isCaArn, '--parent') : undefined;
  return regionOf({ env, region: regionBegunIn(progress) ?? region }, above);
}

const regionBegunIn = ({ arn, region }: Progress): string | undefined => arn?.split(':')[3] ?? region;

export function caOrder({ type, name, keyType, mode, crl, ocsp }: NewPca): CaOrder {
  const [keyAlgorithm, signingAlgorithm] = keyAlgorithms[keyType] ?? [];
  if (keyAlgorithm === undefined || signingAlgorithm === undefined) {
    throw new PkiError('unsupported', `AWS Private CA makes no ${keyType} keys`, {
      hint: `--key-type ${Object.keys(keyAlgorithms).join(', ')}`,
    });
  }
  return { type, commonName: name, keyAlgorithm, signingAlgorithm, mode, crl, ocsp };
}

const begin = (wanted: NewPca, now: Date): Progress => ({
  order: caOrder(wanted),
  parent: wanted.parent ?? null,
  pathLength: wanted.pathLength,
  notAfter: endAfter(wanted.lifetime, now),
  permitAcm: wanted.permitAcm,
});

/** Whoever follows the hint must not make a second CA: the journal is what knows of the first. */
function refuseOther(begun: Progress, wanted: NewPca, connection: AwsConnection): void {
  const named = JSON.stringify(wanted.name);
  const known = begun.arn === undefined ? 'it' : begun.arn;
  const refuse = (message: string): PkiError =>
    new PkiError('pending-differs', message, {
      hint: `give the same flags again to go on with ${known}, or choose another --name`,
    });
  const ordered = begun.signing !== undefined || begun.certificate !== undefined;
  const lifetime = ordered ? begun.lifetime : undefined;
  const asked = [caOrder(wanted), wanted.parent ?? null, wanted.pathLength, lifetime && wanted.lifetime];
  const earlier = [begun.order, begun.parent, begun.pathLength, lifetime];
  if (JSON.stringify(asked) !== JSON.stringify(earlier))
    throw refuse(`an earlier run was asked for another CA named ${named}`);
  const region = regionOf(connection, undefined);
  const before = regionBegunIn(begun);
  if (region !== undefined && before !== undefined && region !== before)
    throw refuse(`an earlier run was asked for the CA ${named} in ${before}, not in ${region}`);
}

/** Until it has an ARN, only its token tells what was ordered, and each account knows its own: another one would make another CA. */
async function refuseOtherAccount(progress: Progress, maker: CaMaker): Promise<void> {
  const account = await maker.account();
  const { askedAt, account: before, order } = progress;
  if (askedAt === undefined) Object.assign(progress, { account });
  else if (account !== undefined && before !== undefined && account !== before) {
    throw new PkiError(
      'pending-differs',
      `an earlier run ordered the CA ${JSON.stringify(order.commonName)} in account ${before}, and these credentials are of ${account}`,
      { hint: 'give the same command with those of then (--profile), or choose another --name' },
    );
  }
}

/** What fails once there is a CA does not hide that it costs money. */
function withCa(error: unknown, arn: string | undefined, journal: string): unknown {
  if (arn === undefined || !(error instanceof PkiError)) return error;
  const { code, message, hint = wayOut, cause } = error;
  const more = isRefusal(error, 'ResourceNotFoundException')
    ? `where the CA ${arn} was deleted for good, remove ${journal} to make another one`
    : `the CA ${arn} exists and is billed until it is deleted`;
  return new PkiError(code, message, { hint: `${hint}; ${more}`, cause });
}

/** A CA that is of no use, and does not get better by the same command. */
class NotActive extends PkiError {}

function notActive(
  { Status: status = 'in an unknown state', FailureReason: why }: { Status?: string; FailureReason?: string },
  arn: string,
  journal: string,
): NotActive {
  if (status === 'FAILED') {
    return new NotActive('refused', `AWS could not make ${arn}: ${why ?? 'it does not say why'}`, {
      hint: 'look at the bucket and its policy, then begin anew with another --name',
    });
  }
  const remedy = remedyFor(status, arn);
  return new NotActive('not-valid', `the CA is made, and is ${status}: ${arn}`, {
    hint: status === 'DELETED' ? `${remedy}, or remove ${journal} to make another one` : remedy,
  });
}

/** A CA whose answer was lost is looked for before another one is made: AWS forgets the token, and would make it. */
async function create(
  maker: CaMaker,
  progress: Progress,
  { now, connection }: NewPcaWorld,
  journal: string,
): Promise<string> {
  const { arn, order, askedAt } = progress;
  if (arn !== undefined) return arn;
  const known = { now, tokenLife };
  const isForgotten = askedAt !== undefined && !isRemembered({ askedAt }, known);
  if (isForgotten) {
    const found = await find(maker, progress, now(), journal);
    if (found !== undefined) return found;
  }
  const named = JSON.stringify(order.commonName);
  try {
    const { certificateArn: made } = await orderOnce<string>(caOrders(journal, progress), {
      ...known,
      wayOut,
      // Then it was looked for just now.
      reissue: isForgotten,
      inDoubt: (at) => ({
        message: `the CA ${named} was ordered at ${at}, its answer never came, and AWS lists no such CA`,
        hint: 'the same command looks for it again, and makes it where it is not there',
      }),
      place: () => tokenOf(order, now()),
      send: (token, sending) => {
        connection.say(`making the CA ${named}, which is billed by the month`);
        return maker.create(order, token, sending);
      },
    });
    return made;
  } catch (error) {
    if (!(error instanceof PkiError) || error.code !== 'in-doubt') throw error;
    const found = await find(maker, progress, now(), journal);
    if (found === undefined) throw error;
    return found;
  }
}

async function find(
  maker: CaMaker,
  progress: Progress,
  now: Date,
  journal: string,
): Promise<string | undefined> {
  const { order, askedAt = '' } = progress;
  const asked = new Date(askedAt);
  // By AWS's clock. Ours may be a time zone away, and was set back where it says that the order is yet to come.
  const since = asked > now ? new Date(0) : new Date(asked.getTime() - day);
  const found = await maker.made(order, since).catch((error: unknown) => {
    throw inDoubtDespite(error, wayOut);
  });
  if (found.length > 1) {
    throw new PkiError(
      'in-doubt',
      `several CAs are named ${JSON.stringify(order.commonName)}: ${found.join(', ')}`,
      { hint: `delete those that are not wanted, then ${wayOut}` },
    );
  }
  const [arn] = found;
  if (arn === undefined) return undefined;
  progress.arn = arn;
  keepProgress(journal, progress);
  return arn;
}
