import { PkiError } from '../pki/errors.ts';
import type { FileProblem, FoundItem, Inspection } from '../pki/lifecycle/inspect.ts';
import type { StoredFacts } from '../pki/lifecycle/inspect-stored.ts';
import { crlDocument, untoldRevocations, warnOfCrls } from './crl-report.ts';
import { combine, exit, exitCodeOf, type ExitCode } from './exit-codes.ts';
import { counted, itemLines } from './inspect-text.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

/** What the caller wants to see and to have checked. */
export interface Look {
  /** As it was typed. */
  target: string;
  /** What is judged is judged for this time. */
  now: Date;
  /** What the clock says: a CRL that is renewed each month does not lapse because somebody looks into next year. */
  today: Date;
  pem: boolean;
  check: boolean;
  /** Milliseconds: with `check`, what ends sooner fails. */
  within: number;
}

/** What a verdict adds to the report. */
export interface Judged {
  holds: boolean;
  document: object;
  /** For people, instead of the items. */
  lines: string[];
}

/** What was seen beside the items. */
export interface Shown {
  document: object;
  lines: string[];
}

export interface Surroundings {
  stored: StoredFacts | undefined;
  /** Of a folder: how many files held nothing of the kind. */
  skipped: number | undefined;
  judged?: Judged | undefined;
  /** Of a server: the connection. */
  server?: Shown | undefined;
  /** Of an ARN: what AWS says. */
  aws?: Shown | undefined;
  /** Of a CRL: whether it lists the serial number that was asked for. */
  serial?: (Shown & { listed: boolean }) | undefined;
}

export const schema = 'certwright.inspect/1';

/** As many as anybody reads. */
const mostProblems = 20;

/** Prints what was found in the form that was asked for. */
export function report(inspection: Inspection, around: Surroundings, look: Look, output: Output): ExitCode {
  const checked = look.check ? check(inspection.found, look, around.stored) : undefined;
  if (look.pem) output.raw(pemOf(inspection, look));
  else
    output.result(
      output.json ? documentOf(inspection, around, checked, look) : {},
      linesOf(inspection, around, checked, look, output),
    );
  reportProblems(inspection.problems, output);
  for (const [ca, error] of around.stored?.unread ?? []) output.warn(untoldRevocations(ca, error));
  warnOfCrls(around.stored?.crls ?? [], look.today, output);
  return combine([
    ...codesOf(inspection.problems, inspection.found, around),
    ...(checked?.met === false || around.judged?.holds === false || around.serial?.listed === false
      ? [exit.no]
      : []),
  ]);
}

/** A broken file that was named is bad input; one of many in a folder is a part that failed. */
function codesOf(
  problems: readonly FileProblem[],
  found: readonly FoundItem[],
  { skipped }: Surroundings,
): ExitCode[] {
  if (problems.length === 0) return [];
  return skipped !== undefined && found.length > 0
    ? [exit.partly]
    : problems.map(({ code }) => exitCodeOf[code]);
}

function reportProblems(problems: readonly FileProblem[], output: Output): void {
  for (const { file, message, hint } of problems.slice(0, mostProblems)) {
    output.problem(message.startsWith(`cannot read ${file}`) ? message : `${file}: ${message}`, hint);
  }
  const more = problems.length - mostProblems;
  if (more > 0) output.problem(`${more} more of that kind`, '--json lists them all');
}

/** What a named file keeps to itself is said as a refusal: nobody wanted only to hear that. */
export function closedProblems(found: readonly FoundItem[]): FileProblem[] {
  const nothingElse = found.every(({ item }) => item.kind === 'foreign');
  return found.flatMap(({ file, item }) => {
    if (item.kind !== 'foreign' || !(item.locked || nothingElse)) return [];
    return {
      file,
      code: item.locked ? 'passphrase' : 'unsupported',
      message: `it is ${item.what}`,
      hint: item.advice,
      block: item.place.block,
      offset: undefined,
      expected: undefined,
    };
  });
}

export interface Checked {
  met: boolean;
  /** Items that fail, with the reason; none of them where there was no certificate at all. */
  failures: { item: number; reason: 'expired' | 'not-yet-valid' | 'ends-soon' | 'revoked' }[];
}

/** @param stored knows what is on record here of a certificate of the store, and of the CAs above it */
export function check(found: readonly FoundItem[], { now, within }: Look, stored?: StoredFacts): Checked {
  const failures: Checked['failures'] = [];
  let certificates = 0;
  found.forEach(({ description, item: one }, item) => {
    if (description.kind !== 'certificate') return;
    certificates += 1;
    const { state } = description.validity;
    if (one.kind === 'certificate' && stored?.onRecord(one.certificate))
      failures.push({ item, reason: 'revoked' });
    else if (state !== 'valid') failures.push({ item, reason: state });
    else if (Date.parse(description.notAfter) < now.getTime() + within)
      failures.push({ item, reason: 'ends-soon' });
  });
  return { met: certificates > 0 && failures.length === 0, failures };
}

/**
 * Certificates and requests as PEM.
 * @throws PkiError `bad-input` where there are none and nothing else is wrong: an empty file that looks like success
 * hurts later.
 */
function pemOf({ found, problems }: Inspection, { target }: Look): string {
  const blocks = found.flatMap(({ description }) =>
    description.kind === 'certificate' || description.kind === 'request' ? [description.pem ?? ''] : [],
  );
  const pem = blocks.join('');
  if (pem !== '' || problems.length > 0) return pem;
  const hint =
    blocks.length > 0 ? 'a request with a challenge password, which is a secret, is not repeated' : undefined;
  throw new PkiError('bad-input', `${target} holds no certificate or request to print`, { hint });
}

/** One item as JSON has it. */
export const itemDocument = ({ file, item, description }: FoundItem): object => ({
  file,
  container: item.place.container,
  block: item.place.block ?? null,
  label: item.place.label ?? null,
  friendlyName: item.place.friendlyName ?? null,
  notes: item.notes,
  ...(item.kind === 'certificate'
    ? { trust: item.trust ? { ...item.trust, alias: item.trust.alias ?? null } : null }
    : {}),
  ...description,
});

export const problemDocument = ({
  file,
  code,
  message,
  hint,
  block,
  offset,
  expected,
}: FileProblem): object => ({
  file,
  code,
  message,
  hint: hint ?? null,
  block: block ?? null,
  offset: offset ?? null,
  expected: expected ?? null,
});

function documentOf(
  { found, related, problems }: Inspection,
  { stored, skipped, judged, server, aws, serial }: Surroundings,
  checked: Checked | undefined,
  { target, now }: Look,
): object {
  return {
    schema,
    target,
    time: now.toISOString(),
    stored: stored
      ? {
          name: stored.name,
          generation: stored.generation,
          authority: stored.authority ?? null,
          keyMatches: stored.keyMatches ?? null,
          revoked: stored.revoked
            ? { at: stored.revoked.at.toISOString(), reason: stored.revoked.reason }
            : null,
          crls: stored.crls.map(crlDocument),
        }
      : null,
    items: found.map(itemDocument),
    relations: related.relations,
    relationsComplete: related.complete,
    problems: problems.map(problemDocument),
    skipped: skipped ?? null,
    check: checked ?? null,
    verdict: judged?.document ?? null,
    server: server?.document ?? null,
    aws: aws?.document ?? null,
    serial: serial?.document ?? null,
  };
}

function linesOf(
  inspection: Inspection,
  { stored, skipped, judged, server, aws, serial }: Surroundings,
  checked: Checked | undefined,
  look: Look,
  output: Output,
): string[] {
  if (output.json || output.quiet) return [];
  const { found, related } = inspection;
  const lines = stored ? [...storedLines(stored, output), ''] : [];
  if (aws) lines.push(...aws.lines, '');
  if (server) lines.push(...server.lines, '', ...itemLines(0, inspection, look, output), '');
  if (judged) lines.push(...judged.lines);
  found.forEach((one, index) => {
    if (judged ?? server) return;
    if (one.item.kind === 'foreign' && skipped === undefined) return;
    lines.push(...itemLines(index, inspection, look, output), '');
  });
  if (!related.complete && !judged)
    lines.push('too many signatures: not everything that belongs together is said', '');
  if (skipped !== undefined) {
    const files = new Set(found.map(({ file }) => file)).size;
    lines.push(
      `${found.length} found in ${counted(files, 'file')}; ${counted(skipped, 'other file')} skipped`,
    );
  }
  if (checked) lines.push(checkLine(checked, found, look, output));
  if (serial) lines.push(...serial.lines);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function storedLines(
  { name, generation, authority, keyMatches, revoked }: StoredFacts,
  { paint }: Output,
): string[] {
  const key =
    keyMatches === undefined
      ? 'no key of it that can be read'
      : keyMatches
        ? 'key.pem belongs to it'
        : paint.red('key.pem does not belong to it');
  const by = authority === undefined ? '' : `, issued by ${authority}`;
  return [
    `${printable(name)}: generation ${generation}${printable(by)}; ${key}`,
    ...(revoked
      ? [paint.red(`revoked since ${revoked.at.toISOString()}, ${printable(revoked.reason)}`)]
      : []),
  ];
}

const reasons = {
  expired: 'has expired',
  'not-yet-valid': 'is not valid yet',
  'ends-soon': 'ends too soon',
  revoked: 'is revoked',
} as const;

function checkLine(
  { met, failures }: Checked,
  found: readonly FoundItem[],
  _look: Look,
  { paint }: Output,
): string {
  if (met) return paint.green('check: met');
  const [first] = failures;
  if (!first) return paint.red('check: not met, there is no certificate');
  const description = found[first.item]?.description;
  const subject = description?.kind === 'certificate' ? description.subject.text : '';
  const more = failures.length > 1 ? `, and ${failures.length - 1} more` : '';
  return paint.red(
    printable(`check: not met, ${subject || 'a certificate'} ${reasons[first.reason]}${more}`),
  );
}
