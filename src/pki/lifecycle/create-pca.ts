import { join } from 'node:path';
import type { CaCertificate, CaCertificateOrder, CaMaker, CaOrder } from '../authorities/acm-pca/new-ca.ts';
import { isCaArn, parseArn } from '../authorities/aws/arn.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { isRefusal } from '../authorities/aws/failure.ts';
import { inDoubtDespite, isRemembered, orderOnce } from '../authorities/aws/placed-order.ts';
import { regionOf } from '../authorities/aws/region.ts';
import { makeFolder } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { withLock } from '../store/lock.ts';
import type { AskPassphrase, KeyType } from '../x509/key.ts';
import { certificatePem } from '../x509/pem-writer.ts';
import {
  caOrders,
  journalOf,
  keepProgress,
  readProgress,
  signingOrders,
  tokenOf,
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
  notAfter: string;
}

const keyAlgorithms: Readonly<Partial<Record<KeyType, [string, string]>>> = {
  'rsa-2048': ['RSA_2048', 'SHA256WITHRSA'],
  'rsa-3072': ['RSA_3072', 'SHA256WITHRSA'],
  'rsa-4096': ['RSA_4096', 'SHA512WITHRSA'],
  'ec-p256': ['EC_prime256v1', 'SHA256WITHECDSA'],
  'ec-p384': ['EC_secp384r1', 'SHA384WITHECDSA'],
};

/** AWS forgets a token after five minutes; half a minute is left for clocks and for the answer's way. */
const tokenLife = 4.5 * 60_000;
const day = 86_400_000;

const wayOut = 'give the same command again';

/**
 * Makes a CA of AWS Private CA: the CA, its certificate by its parent, its revocation, and what ACM may do with it. A run that
 * died or was refused is gone on with by the same call.
 * @throws PkiError `pending-differs` where an earlier run was asked for another CA of that name
 */
export async function createPca(wanted: NewPca, world: NewPcaWorld): Promise<MadePca> {
  const journal = journalOf(wanted.store, wanted.name);
  makeFolder(join(wanted.store, '.aws'), 0o700);
  const lock = { pid: world.pid, timeout: 0, signal: world.connection.signal };
  return withLock(`${journal}.lock`, lock, async () => {
    const begun = readProgress(journal);
    const progress = begun ? sameAs(begun, wanted, journal) : await begin(wanted, world);
    if (progress.done === true)
      return { arn: progress.arn ?? '', made: false, journal, notAfter: progress.notAfter };
    const { CaMaker: Maker } = await import('../authorities/acm-pca/new-ca.ts');
    const maker = new Maker(regionFor(wanted, world.connection), world.connection);
    const arn = await create(maker, progress, world, journal);
    const status = await maker.leaves(arn, 'CREATING');
    if (status === 'PENDING_CERTIFICATE') {
      const certificate = await certify(maker, arn, progress, wanted, world, journal);
      world.connection.say('installing its certificate');
      await maker.install(arn, certificate);
      await maker.leaves(arn, 'PENDING_CERTIFICATE');
    }
    if (wanted.permitAcm) await maker.permitAcm(arn);
    progress.done = true;
    keepProgress(journal, progress);
    return { arn, made: true, journal, notAfter: progress.notAfter };
  });
}

function regionFor({ parent }: NewPca, connection: AwsConnection): string | undefined {
  const [, , , ofParent = ''] = parent?.split(':') ?? [];
  return regionOf(connection, undefined) ?? (ofParent === '' ? undefined : ofParent);
}

export function caOrder({ type, name, keyType, mode, crl, ocsp }: NewPca): CaOrder {
  const [keyAlgorithm, signingAlgorithm] = keyAlgorithms[keyType] ?? [];
  if (keyAlgorithm === undefined || signingAlgorithm === undefined) {
    throw new PkiError('unsupported', `AWS Private CA makes no ${keyType} keys`, {
      hint: `--key-type ${Object.keys(keyAlgorithms).join(', ')}`,
    });
  }
  return { type, commonName: name, keyAlgorithm, signingAlgorithm, mode, crl, ocsp };
}

function sameAs(begun: Progress, wanted: NewPca, journal: string): Progress {
  const asked = [caOrder(wanted), wanted.parent ?? null, wanted.pathLength, wanted.permitAcm];
  const known = [begun.order, begun.parent, begun.pathLength, begun.permitAcm];
  if (JSON.stringify(asked) === JSON.stringify(known)) return begun;
  throw new PkiError(
    'pending-differs',
    `an earlier run was asked for another CA named ${JSON.stringify(wanted.name)}`,
    {
      hint: `give the same flags again to go on with it, choose another --name, or remove ${journal}`,
    },
  );
}

/** What can be refused before anything is made is refused here: a CA costs money from its first day. */
async function begin(wanted: NewPca, { now, connection }: NewPcaWorld): Promise<Progress> {
  const { parent, pathLength, lifetime, permitAcm } = wanted;
  const notAfter = new Date(Math.floor((now().getTime() + lifetime) / 1000) * 1000);
  const ends = parent === undefined ? undefined : await endOf(parent, pathLength, now(), connection);
  if (ends && notAfter > ends) {
    throw new PkiError(
      'outlives-issuer',
      `the CA would outlive its parent, which ends ${ends.toISOString()}`,
      {
        hint: 'ask for less with --lifetime',
      },
    );
  }
  return {
    order: caOrder(wanted),
    parent: parent ?? null,
    pathLength,
    notAfter: notAfter.toISOString(),
    permitAcm,
  };
}

async function endOf(
  parent: string,
  pathLength: number,
  now: Date,
  connection: AwsConnection,
): Promise<Date | undefined> {
  if (!parent.startsWith('arn:')) {
    const { issuerOfCas } = await import('../authorities/local/sign-ca.ts');
    return issuerOfCas(parent, pathLength, now).certificate.notAfter;
  }
  const arn = parseArn(parent, 'acm-pca', isCaArn, '--parent');
  const { CaMaker: Maker } = await import('../authorities/acm-pca/new-ca.ts');
  const { Status: status, NotAfter: notAfter } = await new Maker(arn.region, connection).describe(parent);
  if (status === 'ACTIVE') return notAfter;
  throw new PkiError(
    'not-permitted',
    `the parent ${parent} is ${status ?? 'in an unknown state'}, not ACTIVE`,
    {
      hint: 'name another with --parent',
    },
  );
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

async function certify(
  maker: CaMaker,
  arn: string,
  progress: Progress,
  wanted: NewPca,
  world: NewPcaWorld,
  journal: string,
): Promise<CaCertificate> {
  if (progress.certificate) return progress.certificate;
  const request = progress.signing?.request ?? (await maker.request(arn));
  const isLocal = wanted.parent !== undefined && !wanted.parent.startsWith('arn:');
  progress.certificate = isLocal
    ? await signLocally(wanted, request, progress, world)
    : await signAtAws(maker, arn, request, progress, wanted, world, journal);
  keepProgress(journal, progress);
  return progress.certificate;
}

async function signLocally(
  { parent = '', pathLength }: NewPca,
  request: string,
  { notAfter }: Progress,
  { ask, now }: NewPcaWorld,
): Promise<CaCertificate> {
  const { issuerOfCas, signCa } = await import('../authorities/local/sign-ca.ts');
  const der = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const issuer = issuerOfCas(parent, pathLength, now());
  const signed = await signCa(issuer, der, { pathLength, notAfter: new Date(notAfter) }, ask, now());
  return {
    certificate: certificatePem(signed.certificate),
    chain: signed.chain.map((one) => certificatePem(one.der)).join(''),
  };
}

/** The order is written down before it is placed, its answer the moment it is known: it is billed. */
async function signAtAws(
  maker: CaMaker,
  arn: string,
  request: string,
  progress: Progress,
  { parent = arn, pathLength, type, reissue }: NewPca,
  { now, connection }: NewPcaWorld,
  journal: string,
): Promise<CaCertificate> {
  const { CertificateAuthorityConfiguration: issuer } = await maker.describe(parent);
  const orders = signingOrders(journal, progress);
  const { certificateArn } = await orderOnce<CaCertificateOrder>(orders, {
    now,
    tokenLife,
    reissue,
    wayOut,
    inDoubt: (at) => ({
      message: `the certificate of ${arn} was ordered at ${at} and its answer never came`,
      hint: '--reissue orders it, and pays, once more',
    }),
    place: () => {
      const order = {
        issuer: parent,
        request,
        signingAlgorithm: issuer?.SigningAlgorithm ?? progress.order.signingAlgorithm,
        template:
          type === 'ROOT' ? 'RootCACertificate/V1' : `SubordinateCACertificate_PathLen${pathLength}/V1`,
        notAfter: Date.parse(progress.notAfter) / 1000,
      };
      return { ...order, token: tokenOf(order, now()) };
    },
    send: (order, sending) => {
      connection.say(`ordering its certificate from ${parent}, which is billed`);
      return maker.sign(order, sending);
    },
  });
  return maker.collect(parent, certificateArn).catch((error: unknown) => {
    if (isRefusal(error, 'RequestFailedException')) orders.forget();
    throw error;
  });
}
