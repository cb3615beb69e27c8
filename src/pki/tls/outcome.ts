import { foreignCode } from '../errors.ts';
import { alertInMessage, isFatal, type Alert } from './alert.ts';
import type { Answer } from './application.ts';
import { ConnectionFailure, networkWords, type Phase } from './failure.ts';
import { longestMessage } from './handshake-message.ts';
import { quoted } from './plain-talk.ts';
import type { Transcript } from './transcript.ts';

/** Whether the server's refusal came instead of the handshake's end or after it, as is normal in TLS 1.3. */
export type When = 'handshake' | 'after';

export type Outcome =
  | { kind: 'accepted'; answer: Answer }
  | { kind: 'refused'; by: 'alert'; when: When; alert: Alert }
  | { kind: 'refused'; by: 'close' | 'reset'; when: When }
  /** Somebody is there, but no TLS connection comes about. */
  | { kind: 'broken'; phase: Phase; message: string }
  | { kind: 'unreachable'; phase: Phase; message: string; timedOut: boolean };

/** What stands in the way before TLS begins. */
export function outcomeOf({ phase, message, timedOut }: ConnectionFailure): Outcome {
  return phase === 'starttls' && !timedOut
    ? { kind: 'broken', phase, message }
    : { kind: 'unreachable', phase, message, timedOut };
}

/** What a handshake that was not finished means. */
export function failedHandshake(failure: Error, transcript: Transcript): Outcome {
  if (failure instanceof ConnectionFailure) return outcomeOf(failure);
  const refusal = refusalOf(failure, transcript, 'handshake');
  if (refusal) return refusal;
  const broken = (message: string): Outcome => ({ kind: 'broken', phase: 'handshake', message });
  const { foreign, oversized } = transcript;
  if (foreign) return broken(`the server does not speak TLS: it says ${quoted(foreign.toString('latin1'))}`);
  if (oversized) {
    return broken(
      `the server announces a message of ${oversized.length} bytes, and more than ${longestMessage} are not read`,
    );
  }
  return broken(`OpenSSL gave up: ${opensslWords(failure)}`);
}

/** The server's refusal, if that is what ended the connection. */
export function refusalOf(
  failure: Error | undefined,
  transcript: Transcript,
  when: When,
): Outcome | undefined {
  const alert =
    transcript.alerts.find((one) => isFatal(one, transcript.tls13)) ??
    (failure && alertInMessage(failure.message));
  if (alert) return { kind: 'refused', by: 'alert', when, alert };
  if (transcript.foreign || transcript.oversized) return undefined;
  const code = failure && foreignCode(failure);
  if (failure && code === 'ECONNRESET' && !failure.message.includes('before secure TLS'))
    return { kind: 'refused', by: 'reset', when };
  const closed = !failure || code === undefined || code === 'ECONNRESET' || code === 'EPIPE';
  return closed ? { kind: 'refused', by: 'close', when } : undefined;
}

/** OpenSSL's reason, without the numbers and file names around it. */
export function opensslWords(error: unknown): string {
  if (error instanceof Error && 'reason' in error && typeof error.reason === 'string') return error.reason;
  return networkWords(error).split('\n', 1)[0] ?? '';
}
