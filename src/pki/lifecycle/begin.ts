import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { RequestKey } from '../authorities/authority.ts';
import { isAws } from '../authorities/reference.ts';
import { PkiError } from '../errors.ts';
import type { Access, CertificateFolder } from '../store/generation.ts';
import type { PendingGeneration } from '../store/pending-generation.ts';
import { sameRequest, type StoredRequest } from '../store/request.ts';
import { encryptedPrivateKeyPem, generateKey, privateKeyPem } from '../x509/key.ts';
import { unfinishedOrderIn, type UnfinishedOrder } from './unfinished-order.ts';

export interface Discarding {
  /** Although what was begun may have been paid for. */
  discardPending: boolean;
  /** Hears of such an order before it is dropped: from then on nobody knows its ARN. */
  tellDropped?: ((order: UnfinishedOrder) => void) | undefined;
}

/**
 * The generation that an earlier run began, if it asked for the same; else a new one.
 * @throws PkiError `pending-differs` where what was begun may have been paid for and is not what is asked for now.
 */
export function resumeOrBegin(
  folder: CertificateFolder,
  request: StoredRequest,
  { discardPending, tellDropped }: Discarding,
): PendingGeneration {
  const pending = folder.pending();
  const asked = pending?.request();
  if (pending && asked && sameRequest(asked, request) && !discardPending) return pending;
  if (!discardPending) refuseOther(pending, request);
  const paid = pending && unfinishedOrderIn(folder);
  if (paid) tellDropped?.(paid);
  folder.discardPending();
  return folder.begin(request);
}

/** @throws PkiError `pending-differs` as `resumeOrBegin`, which drops what is passed here. */
export function refuseOther(pending: PendingGeneration | undefined, request: StoredRequest): void {
  const asked = pending?.request();
  // What is asked of a CA in a folder costs nothing, whatever has become of its journal.
  if ((asked && sameRequest(asked, request)) || !isAws((asked ?? request).authority)) return;
  if (pending?.read() === undefined) return;
  throw new PkiError(
    'pending-differs',
    `an earlier run asked ${asked?.authority ?? 'an authority'} for ${JSON.stringify(request.name)} with other flags, and what it asked for may have been bought (${pending.path})`,
    { hint: 'give the same flags again to go on with it, or drop it with --discard-pending' },
  );
}

export interface KeyWishes {
  /** PEM of a key to use again. */
  reuse: Buffer | undefined;
  /** Closes the kept key with it, and opens it again in a later run. */
  passphrase: Buffer | undefined;
  /** Whether something is bought for it, which must not be lost with it. */
  isPaid: boolean;
}

/** The key that an earlier run kept, else another one; where something is bought for it, it is kept before that is asked for. */
export async function keptKey(
  pending: PendingGeneration,
  request: StoredRequest,
  access: Access,
  { reuse, passphrase, isPaid }: KeyWishes,
): Promise<RequestKey> {
  const kept = pending.key();
  const opened = kept && openKept(kept, passphrase, isPaid, pending);
  if (opened) return { kind: 'own', key: opened };
  const key = reuse ? createPrivateKey(reuse) : await generateKey(request.keyType);
  if (isPaid) {
    const pem = passphrase ? await encryptedPrivateKeyPem(key, passphrase) : privateKeyPem(key);
    await pending.keepKey(pem, access);
  }
  return { kind: 'own', key };
}

/** `undefined` where a power cut may have damaged it, and nothing was paid for it. */
function openKept(
  pem: Buffer,
  passphrase: Buffer | undefined,
  isPaid: boolean,
  { path }: PendingGeneration,
): KeyObject | undefined {
  try {
    return createPrivateKey(passphrase ? { key: pem, passphrase } : pem);
  } catch (cause) {
    if (!isPaid) return undefined;
    const [code, what, hint] = passphrase
      ? (['passphrase', 'the passphrase does not open', 'give the same passphrase again'] as const)
      : (['malformed', 'nothing opens', 'restore it from a backup'] as const);
    throw new PkiError(code, `${what} the key of the run that began ${path}`, {
      hint: `${hint}, or start afresh with --discard-pending`,
      cause,
    });
  }
}
