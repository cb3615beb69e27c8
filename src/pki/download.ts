import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';

/** Why there is no file at an address. */
export type DownloadFault = { status: number } | 'too-large' | 'late';

export interface DownloadLimits {
  /** Milliseconds without a sign of life. */
  timeout: number;
  /** Octets. */
  most: number;
  signal: AbortSignal;
}

/**
 * What a server hands out at an http or https URL; no redirection is followed.
 * @param refusal the error for what is not as it should be.
 * @throws that error; the system's where there is no connection, or the signal's `AbortError`
 */
export function download(
  url: string,
  { timeout, most, signal }: DownloadLimits,
  refusal: (fault: DownloadFault) => Error,
): Promise<Buffer> {
  return new Promise((done, fail) => {
    const get = url.toLowerCase().startsWith('https:') ? getHttps : getHttp;
    const request = get(url, { signal, timeout }, (answer) => {
      if (answer.statusCode !== 200) {
        answer.resume();
        fail(refusal({ status: answer.statusCode ?? 0 }));
        return;
      }
      const chunks: Buffer[] = [];
      let total = 0;
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        total += chunk.length;
        if (total > most) answer.destroy(refusal('too-large'));
      });
      answer.on('end', () => {
        done(Buffer.concat(chunks, total));
      });
      answer.on('error', fail);
    });
    request.on('timeout', () => request.destroy(refusal('late')));
    request.on('error', fail);
  });
}
