import type { Check } from '../pki/lifecycle/mtls-check.ts';
import { describe, directionText, probeText } from './check-words.ts';
import { printable } from './printable.ts';

/** The checks of one server, or of one rehearsal. */
export interface Section {
  title: string;
  facts: string[];
  checks: readonly Check[];
  /** Worth knowing beside the checks. */
  notes: string[];
}

/** JUnit XML as CI servers read it: a suite a section, a case a check. */
export function junit(sections: readonly Section[]): string {
  const checks = sections.flatMap((section) => section.checks);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="certwright verify-mtls" ${counts(checks)}>`,
    ...sections.flatMap(({ title, checks: own }) => [
      `  <testsuite name="${escape(title)}" ${counts(own)}>`,
      ...own.flatMap((check) => [
        `    <testcase classname="${escape(title)}" name="${escape(`${directionText[check.direction]}: ${probeText[check.probe]}`)}"${isPlain(check) ? '/>' : '>'}`,
        ...(isPlain(check) ? [] : [remark(check), '    </testcase>']),
      ]),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

const isPlain = ({ ok, seen }: Check): boolean => ok && seen !== 'skipped';

/** What cannot be reached is an error, what is not as it must be a failure. */
function remark(check: Check): string {
  if (check.seen === 'skipped') return `      <skipped message="${escape(check.evidence)}"/>`;
  const element = check.seen === 'unreachable' ? 'error' : 'failure';
  const text = check.causes.map(({ message, fix }) => `${message}: ${fix}`).join('\n');
  return `      <${element} message="${escape(describe(check))}">${text.split('\n').map(escape).join('\n')}</${element}>`;
}

function counts(checks: readonly Check[]): string {
  const errors = checks.filter(({ seen, ok }) => !ok && seen === 'unreachable').length;
  const failures = checks.filter(({ ok }) => !ok).length - errors;
  const skipped = checks.filter(({ seen }) => seen === 'skipped').length;
  const more = skipped > 0 ? ` skipped="${skipped}"` : '';
  return `tests="${checks.length}" failures="${failures}" errors="${errors}"${more}`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** XML has no way to write most control characters: they are shown escaped. */
const escape = (text: string): string =>
  printable(text).replace(/[&<>"]/g, (character) => entities[character] ?? '');
