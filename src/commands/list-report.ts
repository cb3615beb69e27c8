import type { AcmCertificateFacts, AuditReport } from '../pki/lifecycle/list-aws.ts';
import type { CrlRow } from '../pki/lifecycle/list-crls.ts';
import type { IssuedRow } from '../pki/lifecycle/list-issued.ts';
import type { BrokenRow, StoredRow } from '../pki/lifecycle/list-stored.ts';
import type { UnfinishedOrder } from '../pki/lifecycle/unfinished-order.ts';
import { crlDocument, warnOfCrls } from './crl-report.ts';
import { combine, exit, exitCodeOf, type ExitCode } from './exit-codes.ts';
import { acmRow, brokenDocument, issuedRow, orderRow, storedRow, type Row } from './list-rows.ts';
import { timeline } from './list-timeline.ts';
import { orderDocument } from './order-report.ts';
import type { Output } from './output.ts';

/** What is listed, and where it is. */
export type Listed = {
  authority: string | undefined;
  report: AuditReport | undefined;
  broken: BrokenRow[];
  crls: CrlRow[];
} & (
  | { kind: 'store'; store: string; rows: StoredRow[]; orders: UnfinishedOrder[] }
  | { kind: 'issued'; rows: IssuedRow[] }
  | { kind: 'acm'; rows: AcmCertificateFacts[] }
);

export interface Horizon {
  now: Date;
  /** Milliseconds: only what ends sooner is shown. */
  expiring: number | undefined;
  /** Milliseconds: what ends sooner is a "no". */
  failExpiring: number | undefined;
  asLines: boolean;
  /** Columns of the terminal, where a timeline is wanted. */
  timeline: number | undefined;
}

const schema = 'certwright.list/1';

/** Prints a list in the form that was asked for. */
export function reportList(listed: Listed, horizon: Horizon, output: Output): ExitCode {
  const { now, expiring, failExpiring } = horizon;
  const { broken } = listed;
  const orders = listed.kind === 'store' ? listed.orders : [];
  const endsWithin = (span: number) => (row: Row) =>
    row.end !== undefined && row.end.getTime() < now.getTime() + span;
  const rows = rowsOf(listed, now).filter(expiring === undefined ? () => true : endsWithin(expiring));
  const failing =
    failExpiring === undefined ? [] : rows.filter((row) => row.counts && endsWithin(failExpiring)(row));
  if (horizon.asLines) {
    for (const { document } of rows) output.row({ schema, certificate: document });
    for (const order of orders) output.row({ schema, order: orderDocument(order) });
    for (const row of broken) output.row({ schema, problem: brokenDocument(row) });
  } else {
    output.result(
      {
        schema,
        time: now.toISOString(),
        store: listed.kind === 'store' ? listed.store : null,
        authority: listed.authority ?? null,
        certificates: rows.map(({ document }) => document),
        orders: orders.map(orderDocument),
        problems: broken.map(brokenDocument),
        crls: listed.crls.map(crlDocument),
        auditReport: listed.report ?? null,
        failing: failExpiring === undefined ? null : failing.length,
      },
      linesOf(listed, byUrgency([...rows, ...orders.map(orderRow)]), horizon, output),
    );
  }
  for (const { name, error } of broken) output.problem(`${name}: ${error.message}`, error.hint);
  warnOfCrls(listed.crls, now, output);
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

function rowsOf(listed: Listed, now: Date): Row[] {
  switch (listed.kind) {
    case 'store':
      return byUrgency(listed.rows.map((row) => storedRow(row, now)));
    case 'issued':
      return listed.rows.map((row) => issuedRow(row, now));
    case 'acm':
      return listed.rows.map((row) => acmRow(row, now));
  }
}

/** What has ended, then what waits for somebody, then the rest; each by what ends first, as they come. */
function byUrgency(rows: readonly Row[]): Row[] {
  const tones = ['red', 'yellow', 'green'] as const;
  return tones.flatMap((tone) => rows.filter((row) => row.tone === tone));
}

function linesOf(
  listed: Listed,
  rows: readonly Row[],
  { now, timeline: columns }: Horizon,
  { paint }: Output,
): string[] {
  const widths = (rows[0]?.cells ?? []).map((_, column) =>
    rows.reduce((width, { cells }) => Math.max(width, cells[column]?.length ?? 0), 0),
  );
  const lines = rows.flatMap(({ cells, tone, more }) => {
    const padded = cells.flatMap((cell, column) => {
      const width = widths[column] ?? 0;
      // Nobody has anything to say there.
      if (width === 0) return [];
      const text = cell.padEnd(width);
      return [column === 1 ? paint[tone](text) : text];
    });
    return [padded.join('  ').trimEnd(), ...more.map((line) => paint.dim(`    ${line}`))];
  });
  const nothing = rows.length === 0 ? ['no certificates'] : [];
  const bars = columns === undefined ? [] : timeline(rows, now, columns, paint);
  const { report } = listed;
  return [
    ...lines,
    ...nothing,
    ...(bars.length > 0 ? ['', ...bars] : []),
    ...(report ? ['', `audit report: s3://${report.bucket}/${report.key}`] : []),
  ];
}
