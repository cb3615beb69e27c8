import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { proxyAuthorization, proxyFor } from './proxy-environment.ts';
import { TunnelAgent } from './tunnel-agent.ts';

/** Why there is no answer from an address. */
export type DownloadFault = { status: number } | 'too-large' | 'late';

export interface DownloadLimits {
  /** For HTTP_PROXY and what belongs to it. */
  env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds without a sign of life. */
  timeout: number;
  /** Milliseconds that the whole may take. */
  total: number;
  /** Octets. */
  most: number;
  signal: AbortSignal;
}

/** What is sent with POST. */
export interface Question {
  type: string;
  body: Buffer;
}

/**
 * What a server hands out at an http or https URL, or answers there to a question; no redirection is followed.
 * @param refusal the error for what is not as it should be.
 * @throws that error; the system's where there is no connection, or the signal's `AbortError`
 */
export function download(
  url: string,
  limits: DownloadLimits,
  refusal: (fault: DownloadFault) => Error,
  question?: Question,
): Promise<Buffer> {
  return new Promise((done, fail) => {
    const request = ask(new URL(url), limits, question);
    const timer = setTimeout(() => request.destroy(refusal('late')), limits.total);
    request.on('close', () => {
      clearTimeout(timer);
    });
    request.on('timeout', () => request.destroy(refusal('late')));
    request.on('error', (error) => {
      fail(withWords(error));
    });
    request.on('response', (answer: IncomingMessage) => {
      if (answer.statusCode !== 200) {
        fail(refusal({ status: answer.statusCode ?? 0 }));
        request.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      let total = 0;
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        total += chunk.length;
        if (total > limits.most) answer.destroy(refusal('too-large'));
      });
      answer.on('end', () => {
        done(Buffer.concat(chunks, total));
      });
      answer.on('error', fail);
    });
    request.end(question?.body);
  });
}

function ask(
  url: URL,
  { env, timeout, signal }: DownloadLimits,
  question: Question | undefined,
): ClientRequest {
  const method = question ? 'POST' : 'GET';
  const headers = question
    ? { 'Content-Type': question.type, 'Content-Length': String(question.body.length) }
    : {};
  if (url.protocol === 'https:') {
    return requestHttps(url, { method, headers, timeout, signal, agent: new TunnelAgent(env, timeout) });
  }
  const target = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
  const proxy = proxyFor(target, undefined, env, 'http');
  if (!proxy) return requestHttp(url, { method, headers, timeout, signal });
  // A proxy is sent the whole URL (RFC 9112 3.2.2).
  return requestHttp({
    host: proxy.host,
    port: proxy.port,
    path: url.href,
    method,
    headers: { ...headers, Host: url.host, ...proxyAuthorization(proxy) },
    timeout,
    signal,
  });
}

/** One name with several addresses fails once for each, and the whole says nothing. */
function withWords(error: Error): Error {
  if (!(error instanceof AggregateError) || error.message !== '') return error;
  const words = error.errors.map((one) => (one instanceof Error ? one.message : String(one)));
  return new Error(words.join('; '), { cause: error });
}
