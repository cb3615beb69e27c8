import { relative } from 'node:path';
import type { Config } from '../pki/lifecycle/config.ts';
import type { Outcome } from '../pki/lifecycle/issue-all.ts';
import { PkiError } from '../pki/errors.ts';
import { certificateDocument, statusDocument, validityText } from './certificate-document.ts';
import type { Context } from './context.ts';
import { combineParts, exit, exitCodeOf, type ExitCode } from './exit-codes.ts';
import type { IssueFlags } from './issue.ts';
import { changeText } from './issue-remarks.ts';
import { pendingLines, pendingText } from './issue-pending.ts';
import { describe, type Output } from './output.ts';
import { outputDocuments, tellOutputs, withOutputs } from './outputs-report.ts';
import { printable } from './printable.ts';
import { TrustRows } from './trust-report.ts';

const schema = 'certwright.issue-all/1';

type Standing = Extract<Outcome, { state: 'issued' | 'unchanged' }>;

interface Lent {
  config: Config;
  /** Absolute path. */
  store: string;
  flags: Pick<IssueFlags, 'check' | 'dryRun' | 'jsonLines' | 'verbose'>;
  context: Context;
  output: Output;
}

/** Tells what became of each certificate as it comes, and of all of them at the end. */
export class AllReport {
  readonly #lent: Lent;
  readonly #order: readonly string[];
  readonly #documents: { name: string; state: string }[] = [];
  readonly #codes: ExitCode[] = [];
  readonly #stale: object[] = [];
  /** What became of trust bundles. */
  readonly trust = new TrustRows();
  readonly #lines: string[] = [];

  constructor(lent: Lent) {
    this.#lent = lent;
    this.#order = [...lent.config.certificates.keys()];
  }

  get config(): Config {
    return this.#lent.config;
  }

  add(outcome: Outcome): void {
    const { output, flags } = this.#lent;
    const exitCode = this.#codeOf(outcome);
    if ('outputs' in outcome) tellOutputs(outcome.name, outcome.outputs, output, outcome.state === 'issued');
    const document = { ...documentOf(outcome), exitCode };
    this.#codes.push(exitCode);
    if (flags.jsonLines === true) output.row({ schema, certificate: document });
    this.#documents.push(flags.jsonLines === true ? { name: outcome.name, state: outcome.state } : document);
    this.#tell(outcome);
  }

  /** A trust bundle that could not be kept fresh: its CRLs will lapse. */
  addStale(reference: string, error: unknown): void {
    const { message, hint, code } = describe(error);
    this.#codes.push(codeOf(error));
    this.#stale.push({
      authority: reference,
      error: { code, message, ...(hint === undefined ? {} : { hint }) },
    });
    this.#lent.output.problem(`the trust bundle of ${reference} was not refreshed: ${message}`, hint);
  }

  /** Prints what is left to print. */
  end(extra: readonly string[]): ExitCode {
    const { output, flags, config, store } = this.#lent;
    const count = (state: string): number => this.#documents.filter((one) => one.state === state).length;
    const summary = {
      declared: this.#order.length,
      issued: count('issued'),
      unchanged: count('unchanged'),
      due: count('due'),
      toIssue: count('to-issue'),
      pending: count('pending'),
      failed: count('failed'),
      extra: extra.length,
    };
    const rest = { extra, stale: this.#stale, trust: this.trust.documents, summary };
    if (flags.jsonLines === true) output.row({ schema, end: rest });
    else {
      const place = new Map(this.#order.map((name, index) => [name, index]));
      const sorted = this.#documents.sort((a, b) => (place.get(a.name) ?? 0) - (place.get(b.name) ?? 0));
      const document = { schema, config: config.file, store, certificates: sorted, ...rest };
      output.result(document, [...this.trust.lines, ...this.#lines, ...this.#lastLines(extra, summary)]);
    }
    return combineParts([...this.#codes, ...this.trust.codes]);
  }

  #codeOf(outcome: Outcome): ExitCode {
    switch (outcome.state) {
      case 'issued':
      case 'unchanged': {
        const { outputs } = outcome;
        const differ = this.#lent.flags.check === true && outputs.some(({ state }) => state === 'differs');
        return differ ? exit.no : withOutputs(exit.done, outputs);
      }
      case 'to-issue':
        return this.#lent.flags.check === true ? exit.no : exit.done;
      case 'due':
        return withOutputs(outcome.who === 'owner' ? exit.no : exit.done, outcome.outputs);
      case 'pending':
        return withOutputs(exit.tryAgain, outcome.outputs);
      case 'failed':
        return codeOf(outcome.error);
    }
  }

  #tell(outcome: Outcome): void {
    const { output, context, flags } = this.#lent;
    const { paint } = output;
    const name = printable(outcome.name);
    switch (outcome.state) {
      case 'issued':
        this.#lines.push(
          `${paint.green('issued')} ${name} (generation ${outcome.generation}): ${why(outcome)}; ${validityText(outcome.certificate, context.now())}`,
        );
        for (const warning of outcome.warnings ?? []) output.warn(`${outcome.name}: ${warning}`);
        break;
      case 'unchanged':
        if (outcome.opens)
          this.#lines.push(
            `${paint.yellow('waits')} ${name}: due, its window opens ${outcome.opens.toISOString()}`,
          );
        else if (flags.verbose === true)
          this.#lines.push(
            `${paint.green('unchanged')} ${name} (generation ${outcome.generation}): ${validityText(outcome.certificate, context.now())}`,
          );
        break;
      case 'due':
        this.#lines.push(`${paint.yellow('due')} ${name}: ${printable(outcome.why)}`);
        if (outcome.who === 'owner') output.needsSomebody(`${outcome.name} is due: ${outcome.why}`);
        break;
      case 'to-issue':
        this.#lines.push(`${paint.yellow('would issue')} ${name}: ${why(outcome)}${planText(outcome)}`);
        for (const warning of outcome.warnings) output.warn(`${outcome.name}: ${warning}`);
        break;
      case 'pending':
        this.#lines.push(...pendingLines(outcome.name, outcome.pending, output));
        output.needsSomebody(pendingText(outcome.name, outcome.pending));
        break;
      case 'failed': {
        const { message, hint } = describe(outcome.error);
        output.problem(`${outcome.name}: ${message}`, hint);
      }
    }
  }

  #lastLines(extra: readonly string[], summary: Readonly<Record<string, number>>): string[] {
    const { config, output, context, store } = this.#lent;
    const words = {
      declared: 'declared',
      issued: 'issued',
      unchanged: 'unchanged',
      due: 'due',
      toIssue: 'to issue',
      pending: 'pending',
      failed: 'failed',
      extra: 'not declared',
    };
    const [declared = '', ...parts] = Object.entries(words)
      .map(([key, word]) => ({ word, number: summary[key] ?? 0 }))
      .filter(({ word, number }) => number > 0 || word === 'declared')
      .map(({ word, number }) => `${number} ${word}`);
    return [
      ...extra.map(
        (name) =>
          `${output.paint.yellow('extra')} ${printable(name)}: in ${printable(relative(context.cwd, store) || '.')}, not in ${printable(config.shown)}`,
      ),
      `${declared}: ${parts.join(', ')}`,
    ];
  }
}

const codeOf = (error: unknown): ExitCode =>
  error instanceof PkiError ? exitCodeOf[error.code] : exit.failed;

function documentOf(outcome: Outcome): { name: string; state: string } {
  const { name, state, reason, changes } = outcome;
  const rest = endingDocument(outcome);
  return { name, state, ...{ reason: reason ?? null, changes }, ...rest };
}

function endingDocument(outcome: Outcome): object {
  switch (outcome.state) {
    case 'issued':
    case 'unchanged':
      return standingDocument(outcome);
    case 'due': {
      const { who, why: hint, status, outputs } = outcome;
      return { renewedBy: who, hint, ...statusDocument(status), outputs: outputDocuments(outputs) };
    }
    case 'to-issue':
      return { warnings: outcome.warnings, plan: outcome.plan ?? null };
    case 'pending': {
      const { waitingFor, hint, records } = outcome.pending;
      return { waitingFor, hint: hint ?? null, records, ...statusDocument(outcome.status) };
    }
    case 'failed': {
      const { code, message, hint } = describe(outcome.error);
      return { error: { code, message, ...(hint === undefined ? {} : { hint }) } };
    }
  }
}

function standingDocument({
  generation,
  path,
  certificate,
  due,
  opens,
  outputs,
  warnings = [],
}: Standing): object {
  return {
    generation,
    path,
    certificate: certificateDocument({ certificate, due }),
    ...(opens && { until: opens.toISOString() }),
    outputs: outputDocuments(outputs),
    ...(warnings.length > 0 && { warnings }),
  };
}

const planText = ({ plan }: { plan: string | undefined }): string =>
  plan === undefined ? '' : printable(`; ${plan}`);

/** `changed: lifetime 30d -> 12h` */
const why = ({ reason, changes }: Pick<Outcome, 'reason' | 'changes'>): string =>
  printable(
    [reason ?? 'wanted', changes.map(changeText).join(', ')].filter((part) => part !== '').join(': '),
  );
