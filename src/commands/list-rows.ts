import type { AcmCertificateFacts } from '../pki/lifecycle/list-aws.ts';
import type { IssuedRow } from '../pki/lifecycle/list-issued.ts';
import type { BrokenRow, StoredRow } from '../pki/lifecycle/list-stored.ts';
import { goesOn, type UnfinishedOrder } from '../pki/lifecycle/unfinished-order.ts';
import { distance } from './distance.ts';
import { shorten } from './inspect-text.ts';
import { orderDocument, orderText } from './order-report.ts';

export type Tone = 'green' | 'yellow' | 'red';

/** A certificate as it is printed. */
export interface Row {
  name: string;
  begin: Date | undefined;
  /** When its successor is due, where that is ours to say. */
  due: Date | undefined;
  end: Date | undefined;
  /** Whether its end is of concern: what was revoked has ended already. */
  counts: boolean;
  document: object;
  /** Escaped; the second is painted. */
  cells: string[];
  tone: Tone;
  /** Below the row. */
  more: string[];
}

export function storedRow(row: StoredRow, now: Date): Row {
  const { name, notAfter, notBefore, due, authority, made, failed, deploy, revoked, toRevoke } = row;
  const state = stateOf(row, now);
  const words = {
    revoked: revoked ? `revoked since ${day(revoked.at)}, ${revoked.reason}` : '',
    expired: 'expired',
    'not-yet-valid': `valid ${distance(notBefore, now)}`,
    due: `due since ${day(due)}`,
    fine: `due ${distance(due, now)}`,
  };
  const troubles = [
    ...(failed ? [`failed ${times(failed.failures)}`] : []),
    ...(row.begun ? ['begun'] : []),
    ...(toRevoke === null ? [] : [`generation ${toRevoke} is still to be revoked`]),
  ];
  const isTold = deploy !== undefined && deploy.state !== 'done';
  return {
    name,
    begin: notBefore,
    due,
    end: notAfter,
    counts: true,
    document: {
      kind: 'stored',
      ...row,
      authority: authority ?? null,
      notBefore: notBefore.toISOString(),
      notAfter: notAfter.toISOString(),
      secondsLeft: Math.floor((notAfter.getTime() - now.getTime()) / 1000),
      due: due.toISOString(),
      made: made?.toISOString() ?? null,
      failed: failed ? { ...failed, last: failed.last.toISOString() } : null,
      deploy: deploy
        ? { ...deploy, generation: deploy.generation ?? null, message: deploy.message ?? null }
        : null,
      revoked: revoked ? { at: revoked.at.toISOString(), reason: revoked.reason } : null,
      state,
    },
    cells: [
      shorten(name),
      `${distance(notAfter, now)} (${day(notAfter)})`,
      [words[state], ...troubles].join(', '),
      deployWords(row),
      shorten(authority ?? ''),
    ],
    tone:
      state === 'expired' || state === 'revoked'
        ? 'red'
        : state === 'fine' && !isTold && !failed && toRevoke === null
          ? 'green'
          : 'yellow',
    more: [failed?.message, isTold ? deploy.message : undefined].flatMap((message) =>
      message === undefined ? [] : [shorten(message)],
    ),
  };
}

function stateOf(
  { revoked, notBefore, notAfter, due }: StoredRow,
  now: Date,
): 'revoked' | 'expired' | 'not-yet-valid' | 'due' | 'fine' {
  if (revoked) return 'revoked';
  if (notAfter <= now) return 'expired';
  if (notBefore > now) return 'not-yet-valid';
  return due <= now ? 'due' : 'fine';
}

function deployWords({ deploy }: StoredRow): string {
  if (!deploy) return '';
  const { state, attempts } = deploy;
  const after = attempts === 0 ? '' : `, failed ${times(attempts)}`;
  return `${{ done: 'deployed', pending: 'deploy pending', candidate: 'newer one not taken' }[state]}${after}`;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

export function issuedRow(row: IssuedRow, now: Date): Row {
  const { name, serial, notAfter, notBefore, revoked } = row;
  const state = revoked
    ? 'revoked'
    : notAfter <= now
      ? 'expired'
      : notBefore > now
        ? 'not-yet-valid'
        : 'fine';
  const words = {
    revoked: revoked ? `revoked ${day(revoked.at)} (${revoked.reason})` : '',
    expired: 'expired',
    'not-yet-valid': `valid ${distance(notBefore, now)}`,
    fine: 'valid',
  };
  return {
    name,
    begin: notBefore,
    due: undefined,
    end: notAfter,
    counts: state !== 'revoked',
    document: {
      kind: 'issued',
      ...row,
      notBefore: notBefore.toISOString(),
      notAfter: notAfter.toISOString(),
      revoked: revoked ? { at: revoked.at.toISOString(), reason: revoked.reason } : null,
      state,
    },
    cells: [shorten(name), `${distance(notAfter, now)} (${day(notAfter)})`, words[state], serial],
    tone: state === 'fine' ? 'green' : state === 'not-yet-valid' ? 'yellow' : 'red',
    more: [],
  };
}

export function acmRow(facts: AcmCertificateFacts, now: Date): Row {
  const end = facts.notAfter === null ? undefined : new Date(facts.notAfter);
  const over = facts.status === 'REVOKED' || (end !== undefined && end <= now);
  const renewal = [facts.renewalEligibility, facts.renewal?.status].filter(
    (one) => one !== null && one !== undefined,
  );
  return {
    name: facts.domain ?? facts.arn,
    begin: undefined,
    due: undefined,
    end,
    counts: facts.status !== 'REVOKED',
    document: facts,
    cells: [
      shorten(facts.domain ?? ''),
      end === undefined ? 'not issued' : `${distance(end, now)} (${day(end)})`,
      shorten(facts.status),
      shorten(facts.type),
      shorten(renewal.length === 0 ? '' : `renewal ${renewal.join(', ')}`),
    ],
    tone: over ? 'red' : facts.status === 'ISSUED' ? 'green' : 'yellow',
    more: [shorten(facts.arn), ...facts.inUseBy.map((user) => `used by ${shorten(user)}`)],
  };
}

/** Nothing is there yet that could end, so that no horizon leaves it out. */
export function orderRow(order: UnfinishedOrder): Row {
  return {
    name: order.name,
    ...{ begin: undefined, due: undefined, end: undefined },
    counts: false,
    document: orderDocument(order),
    cells: [shorten(order.name), 'pending', '', '', shorten(order.authority)],
    tone: 'yellow',
    more: [shorten(`${orderText(order)}; ${goesOn(order, undefined)}`)],
  };
}

export const day = (time: Date): string => time.toISOString().slice(0, 10);

export const brokenDocument = ({ name, error: { code, message, hint } }: BrokenRow): object => ({
  kind: 'broken',
  name,
  code,
  message,
  hint: hint ?? null,
});
