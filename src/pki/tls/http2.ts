import { connect } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Answer } from './application.ts';

/** Asks for a path over HTTP/2; `undefined` where the connection ended first. */
export function askHttp2(
  tls: TLSSocket,
  authority: string,
  path: string,
  timeout: number,
): Promise<Answer | undefined> {
  return new Promise((done) => {
    const session = connect(`https://${authority}`, { createConnection: () => tls });
    const finish = (answer: Answer | undefined): void => {
      clearTimeout(timer);
      session.destroy();
      done(answer);
    };
    const timer = setTimeout(() => finish({ kind: 'silence' }), timeout);
    session.on('error', () => finish(undefined));
    session.on('close', () => finish(undefined));
    const request = session.request({ ':path': path, 'user-agent': 'certwright' });
    request.on('error', () => finish(undefined));
    request.on('response', (headers) => {
      const date = Date.parse(headers.date ?? '');
      finish({
        kind: 'http',
        status: Number(headers[':status']),
        title: undefined,
        date: Number.isNaN(date) ? undefined : new Date(date),
      });
    });
    request.end();
  });
}
