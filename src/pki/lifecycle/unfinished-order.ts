import { join } from 'node:path';
import { isAws } from '../authorities/reference.ts';
import { isThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { certificateFolder } from '../store/store.ts';

/** What a run has ordered at AWS, and may have been billed for, and has not brought home. */
export interface UnfinishedOrder {
  /** Of the certificate in the store. */
  name: string;
  names: readonly string[];
  /** An ARN, `acm` or `acm:ARN`. */
  authority: string;
  /** ISO 8601; `undefined` where its journal does not tell. */
  askedAt: string | undefined;
  /** Of what AWS has made or is making; `undefined` where no answer came. */
  arn: string | undefined;
}

/** In a certificate's folder. What cannot be read is no order that one could go on with. */
export function unfinishedOrderIn(folder: CertificateFolder): UnfinishedOrder | undefined {
  const pending = quietly(() => folder.pending());
  const request = quietly(() => pending?.request());
  if (!pending || !request || !isAws(request.authority)) return undefined;
  if (!isThere(join(pending.path, 'journal.json'))) return undefined;
  const journal = quietly(() => pending.read()) ?? {};
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const { name, names, authority } = request;
  const [askedAt, arn] = [text(journal['askedAt']), text(journal['certificateArn'])];
  return { name, names, authority, askedAt, arn };
}

export const unfinishedOrder = (store: string, name: string): UnfinishedOrder | undefined =>
  unfinishedOrderIn(certificateFolder(store, name));

/** The same where no generation is there that a rotation could begin with. */
export const firstOrderIn = (folder: CertificateFolder): UnfinishedOrder | undefined =>
  quietly(() => folder.current()) === undefined ? unfinishedOrderIn(folder) : undefined;

/** The command that goes on with it; `rotate` needs a generation to begin with. */
export const goesOn = ({ name }: UnfinishedOrder, generation: number | undefined): string =>
  generation === undefined
    ? `"certwright issue ${name}" with the flags of then goes on with it`
    : `"certwright rotate ${name}" goes on with it`;

export const mayBeBought = (order: UnfinishedOrder, folder: CertificateFolder): PkiError =>
  new PkiError(
    'pending-differs',
    `an earlier run asked ${order.authority} for ${JSON.stringify(order.name)}, and what it asked for may have been bought (${order.arn ?? `${folder.path}/pending`})`,
    {
      hint: `${goesOn(
        order,
        quietly(() => folder.current()),
      )}; --discard-pending drops it`,
    },
  );

export function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}
