import { relative } from 'node:path';
import type { KeptTrust } from '../pki/lifecycle/keep-trust.ts';
import { combine, errorExit, exit, exitAfterSwitch, type ExitCode } from './exit-codes.ts';
import { describe, errorDocument, type Output } from './output.ts';
import { printable } from './printable.ts';

/** What became of bundles, within the report of a command that does more. */
export class TrustRows {
  readonly documents: object[] = [];
  readonly codes: ExitCode[] = [];
  /** For a person: only what is new. */
  readonly lines: string[] = [];

  /** @param counts whether it is a part of its own, so that some may have failed and this one is done */
  add(kept: KeptTrust, cwd: string, output: Output, counts = true): void {
    const code = trustCode(kept);
    this.documents.push(trustDocument(kept));
    if (counts || code !== exit.done) this.codes.push(code);
    if (kept.state !== 'unchanged' || kept.deploy || kept.deploys?.length)
      this.lines.push(trustLine(kept, cwd, output));
    tellTrust(kept, output);
  }
}

/** What a bundle ends with, with what became of telling its readers. */
export function trustCode({ state, error, deploy }: KeptTrust): ExitCode {
  const codes = [
    ...(state === 'stale' ? [errorExit(error)] : []),
    ...(deploy?.state === 'pending' ? [exitAfterSwitch(deploy.error)] : []),
  ];
  return combine(codes);
}

export const trustDocument = (kept: KeptTrust): object => ({
  name: kept.name,
  state: kept.state,
  generation: kept.generation,
  path: kept.path,
  warnings: kept.warnings,
  deploy: deployDocument(kept),
  ...(kept.deploys && { deploys: kept.deploys }),
  error: kept.state === 'stale' ? errorDocument(kept.error) : null,
  exitCode: trustCode(kept),
});

function deployDocument({ deploy, generation }: KeptTrust): object | null {
  if (!deploy) return null;
  if (deploy.state === 'done') return { state: 'done', generation, note: deploy.note ?? null };
  return {
    state: 'pending',
    generation,
    attempts: deploy.failed.attempts,
    error: errorDocument(deploy.error),
  };
}

/** One line for a person. */
export function trustLine(
  { name, state, generation, path, deploy, deploys = [] }: KeptTrust,
  cwd: string,
  { paint }: Output,
): string {
  const words = {
    updated: paint.green('updated'),
    unchanged: 'unchanged',
    stale: paint.red('stale'),
    'to-update': paint.yellow('would update'),
  } as const;
  const told =
    deploy === undefined
      ? ''
      : deploy.state === 'done'
        ? `, ${deploy.note === undefined ? 'deployed' : printable(`deployed: ${deploy.note}`)}`
        : paint.red(
            `, deploy pending, failed ${deploy.failed.attempts === 1 ? 'once' : `${deploy.failed.attempts} times`}`,
          );
  const then = deploys.length === 0 ? '' : printable(`; then ${deploys.join('; ')}`);
  const where = generation === 0 ? '' : `  generation ${generation}, ${printable(relative(cwd, path))}`;
  return `trust ${printable(name)}  ${words[state]}${where}${told}${then}`;
}

/** What went wrong, on standard error. */
export function tellTrust({ name, state, warnings, error, deploy }: KeptTrust, output: Output): void {
  for (const text of warnings) output.warn(`trust ${name}: ${text}`);
  if (state === 'stale') {
    const { message, hint, details } = describe(error);
    output.problem(`trust ${name} was not brought up to date: ${message}`, hint, details);
  }
  if (deploy?.state === 'pending') {
    const { message, hint, details } = describe(deploy.error);
    output.problem(`trust ${name}: ${message}`, hint, details);
  }
}
