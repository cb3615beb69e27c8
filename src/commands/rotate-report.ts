import { relative } from 'node:path';
import { leftRemovals } from '../pki/lifecycle/left-removals.ts';
import { crlsOfStore } from '../pki/lifecycle/list-crls.ts';
import type { Rotation, StandingRotation } from '../pki/lifecycle/rotate.ts';
import type { Due } from '../pki/lifecycle/rotation-verdict.ts';
import type { UnfinishedOrder } from '../pki/lifecycle/unfinished-order.ts';
import { unfinishedReplacing } from '../pki/lifecycle/unfinished-replacing.ts';
import { validityText } from './certificate-document.ts';
import type { Context } from './context.ts';
import { codeWithDeploy, deployText, tellDeploy } from './deploy-report.ts';
import { combineParts, errorExit, exit, type ExitCode } from './exit-codes.ts';
import { crlDocument, warnOfCrls } from './crl-report.ts';
import { warnOfLeft } from './left-report.ts';
import { pendingLines, pendingText } from './issue-pending.ts';
import { changeText } from './issue-remarks.ts';
import { firstOrderText, orderDocument } from './order-report.ts';
import { describe, type Output } from './output.ts';
import { tellOutputs, withOutputs } from './outputs-report.ts';
import { printable } from './printable.ts';
import { rotationDocument } from './rotate-document.ts';
import type { RotateFlags } from './rotate.ts';
import { TrustRows } from './trust-report.ts';

const schema = 'certwright.rotate/1';

interface Lent {
  /** Absolute path. */
  store: string;
  flags: Pick<RotateFlags, 'dryRun' | 'jsonLines' | 'detailedExitCode'>;
  context: Context;
  output: Output;
}

interface Row {
  name: string;
  state: Rotation['state'];
  /** For a person: what happened, why, and until when it holds. */
  cells: string[];
  below: readonly string[];
  document: object | undefined;
}

const nothing: readonly string[] = [];

/** Tells what became of each certificate as it comes, and of all of them at the end. */
export class RotateReport {
  readonly #lent: Lent;
  readonly #rows: Row[] = [];
  readonly #codes: ExitCode[] = [];
  readonly #stale: object[] = [];
  readonly #orders: object[] = [];
  /** What became of trust bundles. */
  readonly trust = new TrustRows();
  /** Only looked at: CAs of whose CRLs some would be signed anew. */
  signing: readonly string[] = [];

  constructor(lent: Lent) {
    this.#lent = lent;
  }

  add(outcome: Rotation): void {
    const { output, flags, context } = this.#lent;
    const exitCode = withOutputs(codeWithDeploy(codeOf(outcome), outcome.deploy), outcome.outputs);
    this.#codes.push(exitCode);
    const document = output.json ? { ...rotationDocument(outcome), exitCode } : undefined;
    if (flags.jsonLines === true) output.row({ schema, certificate: document });
    const { name, state } = outcome;
    const below = state === 'pending' ? pendingLines(name, outcome.pending, output).slice(1) : nothing;
    this.#rows.push({ name, state, cells: cellsOf(outcome, context), below, document });
    this.#tellMended(outcome);
    this.#tellUnfinished(name);
    tellOutputs(name, outcome.outputs, output, state === 'rotated' || state === 'rolled-back');
    tellDeploy(name, outcome.deploy, output);
    for (const warning of outcome.warnings ?? []) output.warn(`${name}: ${warning}`);
    if (outcome.state === 'due' && outcome.who === 'owner')
      output.needsSomebody(`${name} is due: ${outcome.why}`);
    if (outcome.state === 'pending') output.needsSomebody(pendingText(name, outcome.pending));
    if (outcome.state === 'waiting') {
      output.problem(`${name}: ${patienceText(outcome)}`, `"certwright rotate ${name}" does not wait`);
    }
    if (outcome.state !== 'failed') return;
    const { message, hint, details } = describe(outcome.error);
    output.problem(`${name}: ${message}`, hint, details);
  }

  /** A run of `revoke --replace` did not live to revoke. */
  #tellUnfinished(name: string): void {
    const generation = unfinishedReplacing(this.#lent.store, name);
    if (generation === undefined) return;
    const goOn = `"certwright revoke ${name} --replace" goes on`;
    this.#lent.output.warn(`${name}: generation ${generation} is still to be revoked: ${goOn}`);
  }

  #tellMended({ name, state, verdict, mended = [] }: Rotation): void {
    const { output, flags } = this.#lent;
    const verb = flags.dryRun === true ? 'would mend' : 'mended';
    for (const { file, was, now, exposed } of mended) {
      const line = `${name}: ${verb} ${file}: ${accessText(was)} -> ${accessText(now)}`;
      if (!exposed) output.note(line);
      else if (state === 'rotated' || verdict?.reason === 'exposed')
        output.warn(`${line}; others could use its key`);
      else
        output.warn(`${line}; others could use its key: "certwright rotate ${name} --force" makes a new one`);
    }
  }

  /** One that has been ordered, and no generation of it is there to rotate. */
  addFirst(order: UnfinishedOrder): void {
    this.#orders.push(orderDocument(order));
    this.#lent.output.warn(firstOrderText(order));
  }

  /** A trust bundle that could not be kept fresh: its CRLs will lapse. */
  addStale(reference: string, error: unknown): void {
    const { message, hint, code } = describe(error);
    this.#codes.push(errorExit(error));
    this.#stale.push({
      authority: reference,
      error: { code, message, ...(hint === undefined ? {} : { hint }) },
    });
    this.#lent.output.problem(`the trust bundle of ${reference} was not refreshed: ${message}`, hint);
  }

  /** Prints what is left to print. */
  end(): ExitCode {
    const { output, flags, store, context } = this.#lent;
    const count = (state: Rotation['state']): number =>
      this.#rows.reduce((sum, row) => (row.state === state ? sum + 1 : sum), 0);
    const summary = {
      rotated: count('rotated'),
      notDue: count('not-due'),
      due: count('due'),
      toRotate: count('to-rotate'),
      pending: count('pending'),
      failed: count('failed'),
      waiting: count('waiting'),
      rolledBack: count('rolled-back'),
      deployed: count('deployed'),
      deployPending: count('deploy-pending'),
      candidate: count('candidate'),
      held: count('held'),
      toDeploy: count('to-deploy'),
    };
    const signing = flags.dryRun === true ? { signing: this.signing } : {};
    const crls = crlsOfStore(store, context.now());
    warnOfCrls(crls, context.now(), output);
    warnOfLeft(leftRemovals(store), output);
    const crlDocuments = crls.map(crlDocument);
    const trust = this.trust.documents;
    const rest = { orders: this.#orders, stale: this.#stale, crls: crlDocuments, trust, ...signing, summary };
    if (flags.jsonLines === true) output.row({ schema, end: rest });
    else {
      const rows = this.#rows.sort((a, b) => (a.name < b.name ? -1 : 1));
      const certificates = rows.map(({ document }) => document);
      output.result({ schema, store, dryRun: flags.dryRun ?? false, certificates, ...rest }, [
        ...this.signing.map((ca) => printable(`would sign the CRLs of ${shown(ca, context)} anew`)),
        ...this.trust.lines,
        ...this.#lines(),
      ]);
    }
    const code = combineParts([...this.#codes, ...this.trust.codes]);
    return code === exit.done && flags.detailedExitCode === true && summary.rotated > 0 ? exit.changed : code;
  }

  #lines(): string[] {
    const { paint } = this.#lent.output;
    if (this.#rows.length === 0) return ['no certificates'];
    const width = (column: number): number =>
      this.#rows.reduce((most, { cells }) => Math.max(most, cells[column]?.length ?? 0), 0);
    const widths = [width(0), width(1), width(2)];
    return this.#rows.flatMap(({ cells, state, below }) => {
      const padded = cells.map((cell, column) => cell.padEnd(widths[column] ?? 0));
      const painted = padded.map((cell, column) => (column === 1 ? paint[tones[state]](cell) : cell));
      return [painted.join('  ').trimEnd(), ...below];
    });
  }
}

const shown = (path: string, { cwd }: Context): string => relative(cwd, path) || '.';

/** `failed 3 times, is tried again 2027-…: AWS refused …` */
const patienceText = ({ until, last }: Extract<Rotation, { state: 'waiting' }>): string =>
  `failed ${last.failures === 1 ? 'once' : `${last.failures} times`}, is tried again ${until.toISOString()}: ${last.message}`;

const accessText = ({ mode, uid, gid }: { mode: string; uid: number; gid: number }): string =>
  `${mode} ${uid}:${gid}`;

const tones = {
  rotated: 'green',
  'not-due': 'green',
  due: 'yellow',
  'to-rotate': 'yellow',
  pending: 'yellow',
  failed: 'red',
  waiting: 'red',
  'rolled-back': 'yellow',
  deployed: 'green',
  'deploy-pending': 'red',
  candidate: 'red',
  held: 'yellow',
  'to-deploy': 'yellow',
} as const satisfies Record<Rotation['state'], string>;

/** Without what became of telling its service. */
function codeOf(outcome: Rotation): ExitCode {
  switch (outcome.state) {
    case 'rotated':
    case 'not-due':
    case 'to-rotate':
    case 'rolled-back':
    case 'deployed':
    case 'to-deploy':
    case 'deploy-pending':
    case 'candidate':
      return exit.done;
    case 'due':
      return outcome.who === 'owner' ? exit.no : exit.done;
    case 'pending':
    case 'waiting':
    case 'held':
      return exit.tryAgain;
    case 'failed':
      return errorExit(outcome.error);
  }
}

/** Name, state, why, until when; escaped. */
function cellsOf(outcome: Rotation, context: Context): string[] {
  const { name, verdict } = outcome;
  const because = verdict ? why(verdict) : '';
  const cells = (state: string, ...more: string[]): string[] => [name, state, ...more].map(printable);
  switch (outcome.state) {
    case 'rotated': {
      return cells('rotated', because, madeText(outcome, context));
    }
    case 'deployed':
      return cells(
        'deployed',
        outcome.deploy?.state === 'done' ? (outcome.deploy.note ?? '') : '',
        madeText(outcome, context),
      );
    case 'deploy-pending':
      return cells(
        'deploy pending',
        outcome.from === undefined ? because : `rolled back: ${inPlaceText(outcome)}`,
        outcome.deploy ? deployText(outcome.deploy) : '',
      );
    case 'candidate':
      return cells(
        'candidate',
        `generation ${outcome.generation} is in use`,
        outcome.deploy ? deployText(outcome.deploy) : '',
      );
    case 'held':
      return cells('held', because, `${outcome.by} of group ${outcome.group} comes first`);
    case 'to-deploy':
      return cells('would deploy', `due ${outcome.due.toISOString()}`, deploysText(outcome));
    case 'not-due':
      if (outcome.opens) return cells('waits', because, `its window opens ${outcome.opens.toISOString()}`);
      return cells(
        'not due',
        `due ${outcome.due.toISOString()}`,
        validityText(outcome.certificate, context.now()),
      );
    case 'due':
      return cells('due', because, outcome.why);
    case 'to-rotate':
      return cells('would rotate', because, nextText(outcome));
    case 'pending':
      return cells('pending', because, `waits for ${outcome.pending.waitingFor}`);
    case 'rolled-back': {
      const isDue = outcome.due <= context.now();
      const next = isDue ? '; it is due, and the next rotate replaces it' : '';
      return cells(
        'rolled back',
        inPlaceText(outcome),
        validityText(outcome.certificate, context.now()) + next,
      );
    }
    case 'waiting':
      return cells('waiting', because, patienceText(outcome));
    case 'failed':
      return cells('failed', because, describe(outcome.error).message);
  }
}

const reasons = {
  due: 'due',
  changed: 'changed',
  broken: 'its files are torn',
  forced: 'forced',
  exposed: 'others could use its key',
  begun: 'begun by an earlier run',
  'issuer-ends': 'its issuer ends before it',
  revoked: 'revoked',
  'issuer-changed': 'its authority has another issuer',
  'issuer-revoked': 'its issuer was revoked',
} as const satisfies Record<Due['reason'], string>;

/** `changed: lifetime 30d -> 12h` */
function why({ reason, changes, since, outsideWindow }: Due): string {
  const details = [
    ...changes.map(changeText),
    ...(since ? [`since ${since.toISOString()}`] : []),
    ...(outsideWindow === true ? ['none of its windows opens in time'] : []),
  ];
  return details.length === 0 ? reasons[reason] : `${reasons[reason]}: ${details.join(', ')}`;
}

const inPlaceText = ({ generation, from }: { generation: number; from?: number }): string =>
  `generation ${generation} in place of ${from ?? 0}`;

const deploysText = ({ generation, from, deploys }: Extract<Rotation, { state: 'to-deploy' }>): string => {
  const first = from === undefined ? [] : [`would switch to generation ${generation}`];
  return [...first, ...deploys].join('; ');
};

/** How it would be made, and what would follow. */
const nextText = ({ plan, deploys }: { plan: string | undefined; deploys: readonly string[] }): string =>
  [
    ...(plan === undefined ? [] : [plan]),
    ...(deploys.length === 0 ? [] : [`then ${deploys.join('; ')}`]),
  ].join('; ');

function madeText(
  { generation, certificate, deploy }: StandingRotation & Pick<Rotation, 'deploy'>,
  context: Context,
): string {
  const seenAt = deploy?.state === 'done' ? deploy.seenAt : [];
  const seen = seenAt.length === 0 ? '' : `, seen at ${seenAt.join(', ')}`;
  return `generation ${generation}, ${validityText(certificate, context.now())}${seen}`;
}
