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

/** A page whose status has come gets this long to go on, in milliseconds. */
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
    let begun = false;
    const onData = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      const text = finalAnswer(held);
      if (held.length >= mostRead || isEnough(text)) finish();
      else if (!begun && statusLine.test(text)) {
        begun = true;
        clearTimeout(timer);
        timer = setTimeout(finish, Math.min(timeout, patience));
      }
    };
    socket.on('data', onData).once('end', finish).once('error', finish).once('close', finish);
  });
}

const statusLine = /^HTTP\/1\.[01] (\d{3})/;

/** What may still become a status line. */
const isUndecided = (text: string): boolean => statusLine.test(text + 'HTTP/1.1 200'.slice(text.length));

/** An interim answer with its headers; 101 is none, since nothing follows it that is HTTP (RFC 9110 15.2). */
const interim = /^HTTP\/1\.[01] 1(?!01)\d\d[^]*?\r?\n\r?\n/;

/** What has come behind the interim answers; empty while one is under way. */
function finalAnswer(held: Buffer): string {
  let text = held.subarray(0, mostRead).toString('latin1');
  for (let one = interim.exec(text); one; one = interim.exec(text)) text = text.slice(one[0].length);
  return /^HTTP\/1\.[01] 1(?!01)\d\d/.test(text) ? '' : text;
}

/** A status that says all, or the title of a page that explains it. */
function isEnough(text: string): boolean {
  if (!statusLine.test(text)) return !isUndecided(text);
  if (!text.includes('\r\n\r\n')) return false;
  return /^HTTP\/1\.[01] [123]/.test(text) || text.includes('</title>');
}

/** `undefined` where nothing came that says anything yet. */
export function parseAnswer(bytes: Buffer): Answer | undefined {
  const text = finalAnswer(bytes);
  const status = statusLine.exec(text)?.[1];
  if (status === undefined && isUndecided(text)) return undefined;
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
