import type { TLSSocket } from 'node:tls';

/** What came back over a finished handshake. */
export type Answer =
  | {
      kind: 'http';
      status: number;
      /** What the page calls itself: nginx says there what it thinks of the certificate. */
      title: string | undefined;
      /** The server's clock. */
      date: Date | undefined;
    }
  /** Something that is no HTTP. */
  | { kind: 'bytes'; first: string }
  /** Nothing in the time given; the connection stands. */
  | { kind: 'silence' }
  /** Nothing was sent, so that nothing was expected. */
  | { kind: 'not-probed' };

/** Enough for the headers of an answer and the title of its page. */
const mostRead = 16_384;

/** A page that has begun gets this long to go on, in milliseconds. */
const patience = 1000;

export const httpRequest = (host: string, path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: certwright\r\nAccept: */*\r\nConnection: close\r\n\r\n`;

/** Collects what a server answers, until it is enough, the server has ended, or the time is over. */
export function readAnswer(socket: TLSSocket, timeout: number): Promise<Buffer> {
  return new Promise((done) => {
    let held = Buffer.alloc(0);
    const finish = (): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('end', finish).off('error', finish).off('close', finish).pause();
      done(held);
    };
    let timer = setTimeout(finish, timeout);
    const onData = (chunk: Buffer): void => {
      if (held.length === 0) {
        clearTimeout(timer);
        timer = setTimeout(finish, Math.min(timeout, patience));
      }
      held = Buffer.concat([held, chunk]);
      if (held.length >= mostRead || isEnough(held)) finish();
    };
    socket.on('data', onData).once('end', finish).once('error', finish).once('close', finish);
  });
}

/** A status that says all, or the title of a page that explains it. */
function isEnough(held: Buffer): boolean {
  const text = held.toString('latin1');
  if (!/^HTTP\/1\.[01] /.test(text)) return !'HTTP/1.'.startsWith(text.slice(0, 7));
  if (!text.includes('\r\n\r\n')) return false;
  return /^HTTP\/1\.[01] [123]/.test(text) || text.includes('</title>');
}

/** `undefined` where nothing came. */
export function parseAnswer(bytes: Buffer): Answer | undefined {
  if (bytes.length === 0) return undefined;
  const text = bytes.subarray(0, mostRead).toString('latin1');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  if (status === undefined) return { kind: 'bytes', first: text.slice(0, 80) };
  const [headers = ''] = text.split('\r\n\r\n', 1);
  const date = Date.parse(/^date:[ \t]*(.+?)[ \t]*$/im.exec(headers)?.[1] ?? '');
  return {
    kind: 'http',
    status: Number(status),
    title: /<title>\s*([^<]{1,200}?)\s*<\/title>/i.exec(text)?.[1],
    date: Number.isNaN(date) ? undefined : new Date(date),
  };
}
