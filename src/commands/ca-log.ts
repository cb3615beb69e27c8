import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import type { LogEntry } from '../pki/lifecycle/ca-log.ts';
import { parseDuration, parseTime } from '../pki/x509/duration.ts';
import { caFolder } from './ca-input.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, exclusive, oneOf, type Run } from './options.ts';
import { Output, type OutputFlags, type Paint } from './output.ts';
import { printable } from './printable.ts';

interface LogFlags extends OutputFlags {
  ca?: string;
  since?: string;
  until?: string;
  name?: string;
  by?: string;
  only?: LogEntry['event'];
  last?: string;
}

const help = `
A time is 2027-01-31, 2027-01-31T12:00:00Z, or how long ago: 7d.

Examples:
  certwright ca log
  certwright ca log --since 7d --by alice
  certwright ca log --name orders.internal --only revoked --json
  certwright ca log --since 2027-01-01 --until 2027-02-01 --json-lines`;

const events = ['issued', 'revoked', 'released'] as const;

export function registerLog(command: Command, context: Context, run: Run): void {
  command
    .description('what a CA has issued and revoked, when, and who asked for it')
    .helpOption('-h, --help', 'show help')
    .option('--ca <dir>', 'folder of the CA (CERTWRIGHT_CA; default ./ca)')
    .option('--since <time>', 'from then on: 2027-01-31, 2027-01-31T12:00:00Z, or how long ago: 7d')
    .option('--until <time>', 'before that')
    .option('--name <name>', 'certificates with this name')
    .option('--by <user>', 'asked for by this user, alone or as user@host')
    .option('--only <event>', events.join(', '), oneOf('--only', events))
    .option('--last <count>', 'so many, the latest')
    .option('--json-lines', 'one JSON document an event, one a line');
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((flags: LogFlags) => log(flags, context)));
}

async function log(flags: LogFlags, context: Context): Promise<ExitCode> {
  exclusive({ '--json': flags.json, '--json-lines': flags.jsonLines });
  const output = new Output(context, flags);
  const folder = caFolder(flags, context);
  const filter = {
    since: timeOf(flags.since, '--since', context.now()),
    until: timeOf(flags.until, '--until', context.now()),
    name: flags.name,
    by: flags.by,
    event: flags.only,
    last: flags.last === undefined ? undefined : countOf(flags.last),
  };
  const { readLog } = await import('../pki/lifecycle/ca-log.ts');
  const entries = readLog(folder, filter);
  if (flags.jsonLines === true) {
    for (const entry of entries) output.row({ schema: 'certwright.ca-log/1', entry: documentOf(entry) });
    return exit.done;
  }
  if (output.json) {
    output.result({ schema: 'certwright.ca-log/1', folder, entries: entries.map(documentOf) }, []);
    return exit.done;
  }
  output.result({}, entries.length === 0 ? ['nothing'] : entries.map((entry) => line(entry, output.paint)));
  return exit.done;
}

function timeOf(text: string | undefined, flag: string, now: Date): Date | undefined {
  if (text === undefined) return undefined;
  if (/^\d{4}-/.test(text)) return parseTime(text, flag);
  if (/^\d+[a-z]/.test(text)) return new Date(now.getTime() - parseDuration(text, flag));
  throw new PkiError('bad-time', `${flag} ${JSON.stringify(text)} is neither a time nor how long ago`, {
    hint: '2027-01-31, 2027-01-31T12:00:00Z, or 7d',
  });
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new PkiError('usage', `--last ${JSON.stringify(text)} is not a number of events`, {
    hint: '1 or more',
  });
}

const isoOf = (time: number): string => new Date(time).toISOString();

const documentOf = (entry: LogEntry): object => ({
  ...entry,
  at: isoOf(entry.at),
  notAfter: entry.notAfter === null ? null : isoOf(entry.notAfter),
});

function line({ event, at, by, serial, subject, reason, probe }: LogEntry, paint: Paint): string {
  const words = event === 'revoked' ? paint.red(event.padEnd(8)) : event.padEnd(8);
  const more = [reason, probe === null ? null : `probe: ${probe}`].filter((one) => one !== null);
  return [
    isoOf(at).replace(/\.\d+Z$/, 'Z'),
    words,
    printable(subject === '' ? 'not on record' : subject),
    ...(more.length === 0 ? [] : [printable(`(${more.join(', ')})`)]),
    `by ${printable(by ?? 'unknown')}`,
    serial,
  ].join('  ');
}
