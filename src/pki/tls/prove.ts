import type { TLSSocket } from 'node:tls';
import { isFatal } from './alert.ts';
import { httpRequest, parseAnswer, readAnswer, type Answer } from './application.ts';
import type { Course } from './course.ts';
import { opensslWords, refusalOf, type Outcome } from './outcome.ts';
import type { Tap } from './tap.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Transcript } from './transcript.ts';

export const applications = ['http', 'none'] as const;
/** `http` asks for a path and reads what comes; `none` sends nothing and waits a moment for a refusal. */
export type Application = (typeof applications)[number];

export interface Proof {
  /** `handshake` proves nothing: only where a certificate is asked for does it wait for what comes of that. */
  application: Application | 'handshake';
  /** What is asked for; `/` where nothing is said. */
  path?: string | undefined;
  servername: string;
  endpoint: Endpoint;
  /** Milliseconds until the first byte. */
  timeout: number;
}

/** Milliseconds that a refusal may take at least, where nothing else is waited for. */
const moment = 1000;

/**
 * Bytes both ways. In TLS 1.3 a server looks at the client's certificate only after the client's handshake is done, so
 * that a finished handshake proves nothing yet.
 * @param took milliseconds of the handshake: what a round trip costs here.
 */
export async function prove(
  tls: TLSSocket,
  tap: Tap,
  transcript: Transcript,
  course: Course,
  proof: Proof,
  took: number,
): Promise<Outcome> {
  const answer = await answerOf(tls, tap, transcript, proof, took, course);
  if (answer) return { kind: 'accepted', answer };
  const fatal = transcript.alerts.find((one) => isFatal(one, transcript.tls13));
  if (fatal) return { kind: 'refused', by: 'alert', when: 'after', alert: fatal };
  if (!course.isOver()) {
    const kind = proof.application === 'http' ? 'silence' : 'not-probed';
    return { kind: 'accepted', answer: { kind } };
  }
  return (
    refusalOf(course.failure, transcript, 'after') ?? {
      kind: 'broken',
      phase: 'answer',
      message: `the connection broke: ${opensslWords(course.failure)}`,
    }
  );
}

/** What the server says, if it says anything. */
async function answerOf(
  tls: TLSSocket,
  tap: Tap,
  transcript: Transcript,
  { application, path = '/', servername, endpoint, timeout }: Proof,
  took: number,
  course: Course,
): Promise<Answer | undefined> {
  if (course.isOver()) return undefined;
  if (application === 'handshake' && !transcript.request) return undefined;
  if (application !== 'http') return parseAnswer(await readAnswer(tls, Math.max(moment, 3 * took)));
  // A request that is under way when the server hangs up can cost its alert: TCP resets then.
  if (transcript.tls13 && transcript.request) await tap.news(Math.min(moment, 50 + 2 * took));
  if (course.isOver()) return undefined;
  const host = servername.includes(':') ? `[${servername}]` : servername;
  const authority = endpoint.port === 443 ? host : `${host}:${endpoint.port}`;
  if (tls.alpnProtocol === 'h2') {
    const { askHttp2 } = await import('./http2.ts');
    return askHttp2(tls, authority, path, timeout);
  }
  tls.write(httpRequest(authority, path));
  return parseAnswer(await readAnswer(tls, timeout));
}
