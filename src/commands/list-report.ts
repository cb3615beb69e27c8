import type { AcmCertificateFacts, AuditReport } from '../pki/lifecycle/list-aws.ts';
import type { BrokenRow, StoredRow } from '../pki/lifecycle/list-stored.ts';
import { combine, exit, exitCodeOf, type ExitCode } from './exit-codes.ts';
import { distance, shorten } from './inspect-text.ts';
import type { Output } from './output.ts';

/** What is listed, and where it is. */
export type Listed = { authority: string | undefined; report: AuditReport | undefined } & (
  | { kind: 'store'; store: string; rows: StoredRow[]; broken: BrokenRow[] }
  | { kind: 'acm'; rows: AcmCertificateFacts[] }
);

export interface Horizon {
  now: Date;
  /** Milliseconds: only what ends sooner is shown. */
  expiring: number | undefined;
  /** Milliseconds: what ends sooner is a "no". */
  failExpiring: number | undefined;
  asLines: boolean;
}

const schema = 'certwright.list/1';

/** Prints a list in the form that was asked for. */
export function reportList(listed: Listed, horizon: Horizon, output: Output): ExitCode {
  const { now, expiring, failExpiring } = horizon;
  const endsWithin = (span: number) => (row: Row) =>
    row.end !== undefined && row.end.getTime() < now.getTime() + span;
  const rows = rowsOf(listed, now).filter(expiring === undefined ? () => true : endsWithin(expiring));
  const failing =
    failExpiring === undefined ? [] : rows.filter((row) => row.counts && endsWithin(failExpiring)(row));
  const broken = listed.kind === 'store' ? listed.broken : [];
  if (horizon.asLines) {
    for (const { document } of rows) output.row({ schema, certificate: document });
    for (const row of broken) output.row({ schema, problem: brokenDocument(row) });
  } else {
    output.result(
      {
        schema,
        time: now.toISOString(),
        store: listed.kind === 'store' ? listed.store : null,
        authority: listed.authority ?? null,
        certificates: rows.map(({ document }) => document),
        problems: broken.map(brokenDocument),
        auditReport: listed.report ?? null,
        failing: failExpiring === undefined ? null : failing.length,
      },
      linesOf(listed, rows, output),
    );
  }
  for (const { name, error } of broken) output.problem(`${name}: ${error.message}`, error.hint);
  if (failing.length > 0) {
    output.problem(
      `${failing.length} of ${rows.length} certificates end too soon: ${namesOf(failing)}`,
      undefined,
    );
  }
  return combine([
    ...(broken.length > 0 && rows.length > 0
      ? [exit.partly]
      : broken.map(({ error }) => exitCodeOf[error.code])),
    ...(failing.length > 0 ? [exit.no] : []),
  ]);
}

const namesOf = (rows: readonly Row[]): string => {
  const more = rows.length > 5 ? ` and ${rows.length - 5} more` : '';
  return `${rows
    .slice(0, 5)
    .map(({ name }) => name)
    .join(', ')}${more}`;
};

interface Row {
  name: string;
  end: Date | undefined;
  /** Whether its end is of concern: what was revoked has ended already. */
  counts: boolean;
  document: object;
  /** Escaped, and how the second is painted. */
  cells: string[];
  tone: 'green' | 'yellow' | 'red';
  /** Below the row. */
  more: string[];
}

const rowsOf = (listed: Listed, now: Date): Row[] =>
  listed.kind === 'store'
    ? listed.rows.map((row) => storedRow(row, now))
    : listed.rows.map((row) => acmRow(row, now));

function storedRow(row: StoredRow, now: Date): Row {
  const { name, notAfter, notBefore, due, authority, revoked } = row;
  const state = revoked
    ? 'revoked'
    : notAfter <= now
      ? 'expired'
      : notBefore > now
        ? 'not-yet-valid'
        : due <= now
          ? 'due'
          : 'fine';
  const words = {
    revoked: `revoked since ${revoked ? `${day(revoked.at)}, ${revoked.reason}` : ''}`,
    expired: 'expired',
    'not-yet-valid': `valid ${distance(notBefore, now)}`,
    due: `due since ${day(due)}`,
    fine: `due ${distance(due, now)}`,
  };
  return {
    name,
    end: notAfter,
    counts: true,
    document: {
      kind: 'stored',
      ...row,
      authority: authority ?? null,
      notBefore: notBefore.toISOString(),
      notAfter: notAfter.toISOString(),
      due: due.toISOString(),
      revoked: revoked ? { at: revoked.at.toISOString(), reason: revoked.reason } : null,
      state,
    },
    cells: [
      shorten(name),
      `${distance(notAfter, now)} (${day(notAfter)})`,
      words[state],
      shorten(authority ?? ''),
    ],
    tone: state === 'expired' || state === 'revoked' ? 'red' : state === 'fine' ? 'green' : 'yellow',
    more: [],
  };
}

function acmRow(facts: AcmCertificateFacts, now: Date): Row {
  const end = facts.notAfter === null ? undefined : new Date(facts.notAfter);
  const over = facts.status === 'REVOKED' || (end !== undefined && end <= now);
  const renewal = [facts.renewalEligibility, facts.renewal?.status].filter(
    (one) => one !== null && one !== undefined,
  );
  return {
    name: facts.domain ?? facts.arn,
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

const day = (time: Date): string => time.toISOString().slice(0, 10);

function linesOf(listed: Listed, rows: readonly Row[], { paint }: Output): string[] {
  const widths = (rows[0]?.cells ?? []).map((_, column) =>
    Math.max(...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  const lines = rows.flatMap(({ cells, tone, more }) => {
    const padded = cells.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    const painted = padded.map((cell, column) => (column === 1 ? paint[tone](cell) : cell));
    return [painted.join('  ').trimEnd(), ...more.map((line) => paint.dim(`    ${line}`))];
  });
  const nothing = rows.length === 0 ? ['no certificates'] : [];
  const { report } = listed;
  return [...lines, ...nothing, ...(report ? ['', `audit report: s3://${report.bucket}/${report.key}`] : [])];
}

const brokenDocument = ({ name, error: { code, message, hint } }: BrokenRow): object => ({
  kind: 'broken',
  name,
  code,
  message,
  hint: hint ?? null,
});
