import type { TLSSocket } from 'node:tls';

/** What was agreed on in a handshake. */
export interface Agreed {
  /** IANA's name of the cipher suite. */
  cipher: string;
  alpn: string | undefined;
}

/** How a connection goes, watched from its start: the end of the handshake and a refusal may come in one packet. */
export class Course {
  /** Set once the handshake is done from the client's side. */
  agreed: Agreed | undefined;
  #over = false;
  failure: Error | undefined;

  constructor(tls: TLSSocket) {
    tls.once('secureConnect', () => {
      // Types promise a string; a socket that is closed again has null and no cipher.
      const cipher = tls.getCipher() as { standardName: string } | null;
      const alpn = tls.alpnProtocol;
      this.agreed = { cipher: cipher?.standardName ?? 'unknown', alpn: alpn || undefined };
    });
    tls.once('error', (error: Error) => {
      this.failure = error;
      this.#over = true;
    });
    tls.once('end', () => (this.#over = true));
    tls.once('close', () => (this.#over = true));
  }

  /** The connection has ended, or is about to. */
  isOver(): boolean {
    return this.#over;
  }
}
