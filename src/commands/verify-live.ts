import { resolve } from 'node:path';
import { parseEndpoint } from '../pki/endpoint.ts';
import { PkiError } from '../pki/errors.ts';
import { applications, nameOfHost, reach } from '../pki/lifecycle/reach.ts';
import type { Pair } from '../pki/lifecycle/pair.ts';
import { readWhole } from '../pki/lifecycle/read-whole.ts';
import { verifyMtls, type LiveOrder, type LiveReport } from '../pki/lifecycle/verify-mtls.ts';
import { parseName } from '../pki/x509/subject-alternative-name.ts';
import { wanted } from './connection-input.ts';
import type { Context } from './context.ts';
import { combine, exit, type ExitCode } from './exit-codes.ts';
import { exclusive, oneOf } from './options.ts';
import type { Output } from './output.ts';
import { chosenProbes, openProbeAuthority } from './probe-options.ts';
import { readCrls, readGivenPair, readTrust } from './pair-input.ts';
import { serverDocument, serverSummary } from './server-report.ts';
import { verdictDocument } from './verdict-report.ts';
import type { VerifyFlags } from './verify-mtls.ts';
import { reportVerification } from './verify-report.ts';

export async function runLive(
  targets: readonly string[],
  flags: VerifyFlags,
  context: Context,
  output: Output,
): Promise<ExitCode> {
  const all = [...targets, ...(flags.targets === undefined ? [] : readTargets(flags.targets, context))];
  if (all.length === 0) {
    throw new PkiError('usage', 'no server is named', {
      hint: 'certwright verify-mtls HOST:PORT --cert PAIR, or --server PAIR --client PAIR for a rehearsal',
    });
  }
  if (flags.cert === undefined) {
    throw new PkiError('usage', 'there is no pair to prove', { hint: '--cert NAME, FOLDER or FILE' });
  }
  const concurrency = parseCount('--concurrency', flags.concurrency ?? '8');
  const orderFor = await readOrder(flags, flags.cert, context);
  // Before the first connection: what cannot be meant is refused as a whole.
  const orders = all.map(orderFor);
  const work = pool(orders, concurrency, (order) => verifyMtls(order, context.signal));
  const reports = await output.progress(
    all.length === 1 ? `connecting to ${all[0] ?? ''}` : `connecting to ${all.length} servers`,
    work,
  );
  const results = reports.map((report, at) => ({
    target: all[at] ?? '',
    report,
    code: codeOf(report, flags),
  }));
  const code = combine(results.map((result) => result.code));
  const sections = results.map(({ target, report }) => ({
    title: target,
    facts: report.server ? [serverSummary(report.server)] : [],
    checks: report.checks,
    notes: notesOn(report, flags),
  }));
  const document = {
    mode: 'live',
    ok: code === exit.done,
    rehearsal: null,
    targets: results.map((result) => targetDocument(result, flags)),
  };
  reportVerification(sections, document, flags.junit, context, output);
  return code;
}

/** Everything but the place is the same for all of them. */
async function readOrder(
  flags: VerifyFlags,
  cert: string,
  context: Context,
): Promise<(target: string) => LiveOrder> {
  const given = { flag: '--cert', value: cert, key: flags.key, passphraseFile: flags.passphraseFile };
  const pair: Pair = await readGivenPair(given, flags, context);
  const beside = pair.anchors.length > 0 ? pair.anchors : undefined;
  const anchors =
    (await readTrust('--trust', flags.trust, context)) ??
    beside ??
    (await readTrust('--trust', ['system'], context)) ??
    [];
  const crls = (await readCrls(flags.crl, context)) ?? (flags.trust === undefined ? pair.crls : []);
  const application = oneOf('--app', applications)(flags.app ?? 'http');
  const clientAuth = oneOf('--client-auth', ['required', 'optional'])(flags.clientAuth ?? 'required');
  if (application === 'none') {
    exclusive({ '--app none': true, '--expect-http': flags.expectHttp });
    exclusive({ '--app none': true, '--path': flags.path });
  }
  const expectHttp = parseStatuses(flags.expectHttp);
  const path = parsePath(flags.path);
  const probes = chosenProbes(flags);
  const again = flags.probe === true;
  const ca = await openProbeAuthority(flags, pair, context);
  return (target) => {
    const place = reach(wanted(target, flags, context));
    const name = flags.name === undefined ? nameOfHost(place.servername) : parseName(flags.name);
    const judgedBy = { anchors, crls, name, clientAuth, expectHttp, now: context.now };
    return { ...place, ...judgedBy, pair, application, path, probes, ca, again };
  };
}

/** One a line; empty lines and those that begin with # do not count. */
function readTargets(file: string, context: Context): string[] {
  const path = resolve(context.cwd, file);
  const lines = readWhole(path).toString('utf8').split(/\r?\n/);
  const targets = lines.flatMap((line, at) => {
    const target = line.trim();
    if (target === '' || target.startsWith('#')) return [];
    parseEndpoint(target, `--targets ${path}, line ${at + 1}:`);
    return [target];
  });
  if (targets.length === 0) {
    throw new PkiError('bad-input', `--targets ${path} names no server`, { hint: 'one HOST:PORT a line' });
  }
  return targets;
}

function parseCount(flag: string, text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new PkiError('usage', `${flag} ${JSON.stringify(text)} is no number from 1 to 999`, {
    hint: 'for example 8',
  });
}

function parseStatuses(list: string | undefined): number[] {
  if (list === undefined) return [];
  const statuses = list.split(',').map((one) => one.trim());
  if (statuses.every((one) => /^[1-5]\d\d$/.test(one))) return statuses.map(Number);
  throw new PkiError('usage', `--expect-http ${JSON.stringify(list)} is no list of HTTP statuses`, {
    hint: 'for example 200,204',
  });
}

/** What would break out of the request line, or is no path, is refused. */
function parsePath(path = '/'): string {
  if (/^\/[\u0021-\u007e]*$/.test(path) && path.length <= 2048) return path;
  throw new PkiError('usage', `--path ${JSON.stringify(path)} is no path`, {
    hint: 'it begins with / and holds no spaces: /health',
  });
}

/** Runs `work` on all items, `size` of them at a time; results in the order of the items. */
async function pool<T, R>(items: readonly T[], size: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of queue) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(size, items.length) }, worker));
  return results;
}

function codeOf({ checks, proven }: LiveReport, { probe }: VerifyFlags): ExitCode {
  if (checks.every(({ ok }) => ok)) return proven || probe !== true ? exit.done : exit.no;
  return checks.every(({ ok, seen }) => ok || seen === 'unreachable') ? exit.tryAgain : exit.no;
}

/** Refusals count only where somebody else is let in. */
function notesOn({ checks, proven }: LiveReport, { probe }: VerifyFlags): string[] {
  if (probe !== true || proven) return [];
  const failed = checks.find(({ probe: name, ok }) => (name === 'pair' || name === 'pair-again') && !ok);
  if (failed?.seen === 'unreachable' && failed.probe === 'pair') return [];
  const why =
    failed?.probe === 'pair' && failed.expected === 'refused'
      ? 'the pair is a revoked one; take another'
      : failed?.probe === 'pair'
        ? 'the good pair is not let in, so that refusals say nothing'
        : failed
          ? 'at the end the good pair was not let in either: the server may shut out who was refused often'
          : 'no probe was refused';
  return [`nothing is proven: ${why}`];
}

const codes: Partial<Record<ExitCode, string>> = { [exit.done]: 'ok', [exit.tryAgain]: 'unreachable' };

function targetDocument(
  { target, report, code }: { target: string; report: LiveReport; code: ExitCode },
  flags: VerifyFlags,
): object {
  const { address, server, judgement, checks } = report;
  return {
    target,
    ok: code === exit.done,
    code: codes[code] ?? 'not-proven',
    address: address ?? null,
    server: server ? serverDocument(server) : null,
    verdict:
      judgement?.verdict && judgement.input ? verdictDocument(judgement.verdict, judgement.input) : null,
    checks,
    proven: report.proven,
    notes: notesOn(report, flags),
  };
}
