import type { Deployed } from '../pki/lifecycle/deployment.ts';
import { combine, exit, exitAfterSwitch, type ExitCode } from './exit-codes.ts';
import { describe, errorDocument, type Output } from './output.ts';

/** What a certificate ends with, with what became of telling its service. */
export function codeWithDeploy(code: ExitCode, deploy: Deployed | undefined): ExitCode {
  if (deploy === undefined || deploy.state === 'done') return code;
  // Too early to try a candidate again.
  const own = deploy.error === undefined ? exit.tryAgain : exitAfterSwitch(deploy.error);
  return code === exit.done ? own : combine([code, own]);
}

/** One clause for a person. */
export function deployText(deploy: Deployed): string {
  switch (deploy.state) {
    case 'done':
      return deploy.note === undefined ? 'deployed' : `deployed: ${deploy.note}`;
    case 'pending':
      return `failed ${times(deploy.failed?.attempts ?? 1)}: ${describe(deploy.error).message}${backText(deploy)}`;
    case 'candidate': {
      const { candidate, until } = deploy;
      return `generation ${candidate.generation} failed ${times(candidate.attempts)} and is tried again ${until.toISOString()}`;
    }
  }
}

const times = (count: number): string => (count <= 1 ? 'once' : `${count} times`);

/** Says what a service did not take, and what its hook said. */
export function tellDeploy(name: string, deploy: Deployed | undefined, output: Output): void {
  if (deploy === undefined || deploy.state === 'done') return;
  if (deploy.state === 'candidate' && deploy.error === undefined) {
    const again = `"certwright rotate ${name}" does not wait`;
    output.problem(`${name}: ${deployText(deploy)}: ${deploy.candidate.message}`, again);
    return;
  }
  const { message, hint, details } = describe(deploy.error);
  output.problem(`${name}: ${message}${backText(deploy)}`, hint, details);
}

function backText(deploy: Deployed): string {
  const { generation } = deploy;
  if (deploy.state === 'candidate') return `; it was switched back to generation ${generation}`;
  if (deploy.state !== 'pending' || !deploy.back) return '';
  return `; it was switched back to generation ${generation} after: ${describe(deploy.back.error).message}`;
}

export function deployDocument(deploy: Deployed | undefined): object | null {
  if (deploy === undefined) return null;
  const { state, generation } = deploy;
  if (deploy.state === 'done') return { state, generation, note: deploy.note ?? null, seenAt: deploy.seenAt };
  const attempt = deploy.state === 'pending' ? deploy.failed : deploy.candidate;
  return {
    state,
    generation,
    attempts: attempt?.attempts ?? 0,
    ...(deploy.state === 'candidate'
      ? { candidate: deploy.candidate.generation, until: deploy.until.toISOString() }
      : {}),
    ...(deploy.state === 'pending' && deploy.back
      ? { switchedBackFor: errorDocument(deploy.back.error) }
      : {}),
    error: documentOfError(deploy.error ?? (attempt && { code: attempt.code, message: attempt.message })),
  };
}

/** One that an earlier run has recorded is a document already. */
function documentOfError(error: unknown): object {
  const isRecorded = typeof error === 'object' && error !== null && !(error instanceof Error);
  return isRecorded ? error : errorDocument(error);
}
