import { resolve } from 'node:path';
import { replace } from '../pki/durable.ts';
import type { Check } from '../pki/lifecycle/mtls-check.ts';
import type { Context } from './context.ts';
import { describe, directionText, probeText, seenText } from './check-words.ts';
import { junit, type Section } from './junit.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

const schema = 'certwright.verify-mtls/1';

/** Prints the result in the form that was asked for, and writes it for a CI server. */
export function reportVerification(
  sections: readonly Section[],
  document: object,
  junitFile: string | undefined,
  context: Context,
  output: Output,
): void {
  if (junitFile !== undefined) {
    replace(resolve(context.cwd, junitFile), { data: junit(sections), mode: 0o644 }, 'later');
  }
  const dated = { schema, time: context.now().toISOString(), ...document };
  const lines = sections.flatMap((section, at) => [
    ...(at > 0 ? [''] : []),
    ...sectionLines(section, output),
  ]);
  output.result(dated, lines);
  if (!output.quiet) return;
  for (const { title, checks } of sections) {
    const failed = checks.find(({ ok }) => !ok);
    const [cause] = failed?.causes ?? [];
    if (failed) output.problem(`${title}: ${describe(failed)}`, cause && `${cause.message}: ${cause.fix}`);
  }
}

const columns = ['direction', 'probe', 'expected', 'seen', 'evidence'] as const;

function sectionLines({ title, facts, checks, notes }: Section, { paint }: Output): string[] {
  const rows = checks.map((check) => [
    directionText[check.direction],
    probeText[check.probe],
    check.expected as string,
    seenText[check.seen] as string,
    printable(check.evidence),
  ]);
  const widths = columns.map((column, at) =>
    Math.max(column.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd((widths[at] ?? 0) + 2))).join('');
  return [
    paint.bold(printable(title)) + (facts.length > 0 ? paint.dim(`  ${printable(facts.join('; '))}`) : ''),
    paint.dim(`      ${line(columns)}`),
    ...rows.flatMap((row, at) => {
      const check = checks[at];
      if (!check) return [];
      const mark =
        check.seen === 'skipped' ? paint.dim('--  ') : check.ok ? paint.green('ok  ') : paint.red('NO  ');
      const known = sameCauses(check, checks[at - 1]);
      return [`  ${mark}${line(row)}`, ...(known ? [] : causeLines(check))];
    }),
    ...notes.map((note) => `  ${paint.yellow('note:')} ${printable(note)}`),
  ];
}

/** One fault shows in several rows; its cause is said once. */
const sameCauses = (check: Check, before: Check | undefined): boolean =>
  JSON.stringify(check.causes) === JSON.stringify(before?.causes);

/** More causes than anybody would follow up; --json has all. */
const shownCauses = 3;

function causeLines({ causes }: Check): string[] {
  return causes
    .slice(0, shownCauses)
    .flatMap(({ message, fix, certainty }) => [
      printable(`        ${certainty === 'found' ? '' : 'perhaps '}${message}`),
      printable(`          fix: ${fix}`),
    ]);
}
