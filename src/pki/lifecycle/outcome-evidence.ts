import { alertText } from '../tls/alert.ts';
import type { Answer } from '../tls/application.ts';
import type { Phase } from '../tls/failure.ts';
import type { Outcome } from '../tls/outcome.ts';
import type { Connection, ServerFacts } from '../tls/probe.ts';
import type { Cause } from '../tls/refusal-causes.ts';
import type { Seen } from './mtls-check.ts';

/** HTTP statuses by which servers refuse a client (nginx: 400, and 495 and 496 within itself). */
const refusingStatuses: readonly number[] = [400, 401, 403, 495, 496];

/** What came of a connection. @param expectHttp statuses that count as acceptance; none for all but the refusing ones */
export function see(
  { outcome, server }: Connection,
  expectHttp: readonly number[],
): { seen: Seen; evidence: string } {
  const evidence = evidenceOf(outcome, server);
  switch (outcome.kind) {
    case 'refused':
      return { seen: 'refused', evidence };
    case 'broken':
      return { seen: 'no-tls', evidence };
    case 'unreachable':
      return { seen: 'unreachable', evidence };
    case 'accepted': {
      const { answer } = outcome;
      if (answer.kind === 'silence') return { seen: 'no-answer', evidence };
      if (answer.kind !== 'http') return { seen: expectHttp.length > 0 ? 'no-answer' : 'accepted', evidence };
      const accepted =
        expectHttp.length > 0
          ? expectHttp.includes(answer.status)
          : !refusingStatuses.includes(answer.status);
      return { seen: accepted ? 'accepted' : 'refused', evidence };
    }
  }
}

/** What was seen, in a few words. */
export function evidenceOf(outcome: Outcome, server: ServerFacts | undefined): string {
  switch (outcome.kind) {
    case 'accepted':
      return answerText(outcome.answer);
    case 'refused': {
      const when = outcome.when === 'after' ? 'after the handshake' : 'in the handshake';
      if (outcome.by === 'alert') return `alert ${alertText(outcome.alert)} ${when}`;
      return `${outcome.by === 'reset' ? 'connection reset' : 'closed without a word'} ${when}`;
    }
    case 'broken':
    case 'unreachable':
      return server?.protocol === undefined ? outcome.message : `${server.protocol}: ${outcome.message}`;
  }
}

function answerText(answer: Answer): string {
  switch (answer.kind) {
    case 'http': {
      const title = answer.title?.replace(/^\d{3}\s+/, '');
      return title === undefined ? `HTTP ${answer.status}` : `HTTP ${answer.status} ${title}`;
    }
    case 'bytes':
      return `answered: ${JSON.stringify(answer.first.slice(0, 40))}`;
    case 'silence':
      return 'handshake accepted, no answer to a request';
    case 'not-probed':
      return 'handshake accepted, application not probed';
  }
}

/** An answer that no server refuses with, and not the one that was waited for. */
export function unexpectedStatus(outcome: Outcome, expectHttp: readonly number[]): Cause | undefined {
  if (expectHttp.length === 0 || outcome.kind !== 'accepted' || outcome.answer.kind !== 'http')
    return undefined;
  const { status } = outcome.answer;
  if (refusingStatuses.includes(status)) return undefined;
  return {
    certainty: 'found',
    message: `HTTP ${status} is none of the statuses that count as acceptance (--expect-http ${expectHttp.join(',')})`,
    fix: 'add it to --expect-http if it says that the pair is let in, or ask for another --path',
  };
}

export const answerOf = (outcome: Outcome): { date: Date | undefined } | undefined =>
  outcome.kind === 'accepted' && outcome.answer.kind === 'http' ? outcome.answer : undefined;

/** What to do where nobody could be reached. */
export function wayTo({ phase, timedOut }: { phase: Phase; timedOut: boolean }): string {
  if (phase === 'proxy') return 'look at --proxy and HTTPS_PROXY; --proxy "" goes without one';
  return timedOut
    ? 'look whether a firewall stands between, or give more --timeout'
    : 'look whether it runs, and at host and port';
}

/** What to do about an outcome that says nothing of the pair. */
export function otherCauses(outcome: Outcome): Cause[] {
  const cause = (message: string, fix: string): Cause[] => [{ certainty: 'found', message, fix }];
  switch (outcome.kind) {
    case 'unreachable':
      return cause(outcome.timedOut ? `no answer (${outcome.phase})` : outcome.message, wayTo(outcome));
    case 'broken':
      return outcome.phase === 'starttls'
        ? cause(outcome.message, 'look whether the server offers TLS on this port, and at --starttls')
        : cause(outcome.message, 'look whether this port speaks TLS, or needs --starttls');
    case 'refused':
      return cause('it was refused', "look into the server's log");
    case 'accepted':
      return cause('the server does not answer as HTTP does', 'if it speaks no HTTP, --app none');
  }
}
