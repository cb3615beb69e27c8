import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CaCertificate, CaCertificateOrder, CaOrder } from '../authorities/acm-pca/new-ca.ts';
import type { Journal } from '../authorities/authority.ts';
import { jsonText, readJson, replace, unlinkIfThere } from '../durable.ts';
import { folderName } from '../store/folder-name.ts';

/** What is known of a CA that is being made: each field is written before, or the moment after, what it tells of. */
export interface Progress {
  order: CaOrder;
  parent: string | null;
  pathLength: number;
  /** Milliseconds, and where it leads to: both may change until its certificate is ordered. */
  lifetime?: number;
  notAfter: string;
  permitAcm: boolean;
  /** Where it is made, before it has an ARN. */
  region?: string;
  /** And whose it will be, where that can be told. */
  account?: string;
  /** When the CA was ordered, and by which token, from before that. */
  askedAt?: string;
  token?: string;
  arn?: string;
  /** The order for its certificate, from before it is placed. */
  signing?: CaCertificateOrder & { askedAt: string; earlier?: number; certificateArn?: string };
  certificate?: CaCertificate;
  done?: boolean;
}

/** AWS forgets a token after five minutes; half a minute is left for clocks and for the answer's way. */
export const tokenLife = 4.5 * 60_000;

export const wayOut = 'give the same command again';

export const journalOf = (store: string, name: string): string =>
  join(store, '.aws', `ca-${folderName(name)}.json`);

export const readProgress = (journal: string): Progress | undefined =>
  readJson(journal) as Progress | undefined;

export const keepProgress = (journal: string, progress: Progress): void => {
  replace(journal, { data: jsonText({ schema: 1, ...progress }), mode: 0o600 }, 'now');
};

/** At most 36 characters. */
export const tokenOf = (...what: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 36);

/** Where the order for the CA is written down; it is its token. What certainly was not made leaves nothing behind. */
export const caOrders = (journal: string, progress: Progress): Journal => ({
  read: () => {
    const { order, askedAt, arn } = progress;
    if (askedAt === undefined) return undefined;
    return { order: progress.token ?? tokenOf(order, askedAt), askedAt, earlier: 0, certificateArn: arn };
  },
  write: ({ order, askedAt, certificateArn }) => {
    Object.assign(progress, { token: order, askedAt, arn: certificateArn });
    keepProgress(journal, progress);
  },
  forget: () => {
    unlinkIfThere(journal);
  },
});

/** Where the order for its certificate is written down. */
export const signingOrders = (journal: string, progress: Progress): Journal => ({
  read: () => {
    if (!progress.signing) return undefined;
    const { askedAt, earlier = 0, certificateArn, ...order } = progress.signing;
    return { order, askedAt, earlier, certificateArn };
  },
  write: ({ order, ...placed }) => {
    progress.signing = { ...(order as CaCertificateOrder), ...placed } as NonNullable<Progress['signing']>;
    keepProgress(journal, progress);
  },
  forget: () => {
    delete progress.signing;
    keepProgress(journal, progress);
  },
});
