import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerOcsp } from './acm-pca/ocsp.ts';
import { callerOf, type Caller } from './caller.ts';
import type { Cloud } from './cloud.ts';
import { control } from './control.ts';
import { dispatch, targetOf } from './dispatch.ts';
import type { Faults, Fault } from './faults.ts';
import type { Json } from './input.ts';
import { objectAt } from './objects.ts';
import { Rates } from './rates.ts';
import { Refusal } from './refusal.ts';

/** Speaks AWS JSON 1.1 on loopback, and its own language below /_emulator. */
export class AwsServer {
  readonly #cloud: Cloud;
  readonly #faults: Faults;
  readonly #rates = new Rates();
  readonly #server: Server;

  constructor(cloud: Cloud, faults: Faults) {
    this.#cloud = cloud;
    this.#faults = faults;
    this.#server = createServer({ keepAlive: true }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
    // Hundreds of clients may knock at once.
    this.#server.keepAliveTimeout = 30_000;
  }

  /** @param port 0 for any; @returns the endpoint */
  async listen(port: number): Promise<string> {
    this.#server.listen({ port, host: '127.0.0.1', backlog: 4096 });
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    const path = new URL(request.url ?? '/', 'http://emulator').pathname;
    const target = request.headers['x-amz-target'];
    if (path.startsWith('/_emulator/')) {
      const text = body.toString('utf8');
      this.#answer(response, ...control(this.#cloud, this.#faults, request.method ?? 'GET', path, text));
    } else if (path === '/ocsp' || request.headers['content-type'] === 'application/ocsp-request') {
      response.writeHead(200, { 'content-type': 'application/ocsp-response' });
      response.end(answerOcsp(this.#cloud, body));
    } else if (request.method === 'POST' && typeof target === 'string') {
      await this.#call(request, response, target, body.toString('utf8'));
    } else {
      const object = objectAt(this.#cloud, path);
      response.writeHead(object ? 200 : 404, { 'content-type': object?.type ?? 'application/xml' });
      response.end(object?.body ?? '<Error><Code>NoSuchKey</Code></Error>');
    }
  }

  async #call(
    request: IncomingMessage,
    response: ServerResponse,
    header: string,
    body: string,
  ): Promise<void> {
    const { stats } = this.#cloud;
    try {
      const caller = callerOf(request.headers);
      const called = targetOf(header, caller);
      const { operation } = called;
      stats.count('calls', operation);
      this.#limit(caller, operation);
      const fault = this.#faults.next(operation);
      if (fault instanceof Refusal) throw fault;
      if (fault) stats.count('faults', fault.kind);
      if (fault?.afterEffect === false && fault.kind !== 'slow') {
        await this.#fail(fault, response);
        return;
      }
      if (fault?.kind === 'slow') await sleep(this.#faults.settings.timeoutMs);
      const answer = await dispatch(this.#cloud, caller, called, body);
      this.#cloud.observe?.(header, answer);
      if (fault?.afterEffect === true && fault.kind !== 'slow') await this.#fail(fault, response);
      else this.#answer(response, 200, answer);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : internal(error);
      stats.count('refusals', refusal.code);
      this.#cloud.observe?.(header, refusal);
      const { code, message, status } = refusal;
      this.#answer(response, status, { __type: code, message });
    }
  }

  #limit(caller: Caller, operation: string): void {
    if (this.#rates.allows(caller, operation, this.#faults.settings)) return;
    this.#cloud.stats.count('throttled', operation);
    throw new Refusal('ThrottlingException', 'Rate exceeded');
  }

  /** Tells the time by the movable clock, as AWS does by its own. */
  #answer(response: ServerResponse, status: number, body: Json): void {
    response.writeHead(status, {
      'content-type': 'application/x-amz-json-1.1',
      'x-amzn-requestid': randomUUID(),
      date: this.#cloud.clock.now().toUTCString(),
    });
    response.end(JSON.stringify(body));
  }

  async #fail({ kind }: Fault, response: ServerResponse): Promise<void> {
    switch (kind) {
      case 'throttling':
        throw new Refusal('ThrottlingException', 'Rate exceeded');
      case '500':
        throw new Refusal('InternalFailure', 'Internal failure', 500);
      case '503':
        throw new Refusal('ServiceUnavailableException', 'Service is unavailable', 503);
      case 'expired-token':
        throw new Refusal('ExpiredTokenException', 'The security token included in the request is expired');
      case 'html':
        response.writeHead(500, { 'content-type': 'text/html' });
        response.end('<!doctype html><title>500 Internal Server Error</title><h1>Internal Server Error</h1>');
        return;
      case 'timeout':
        await sleep(this.#faults.settings.timeoutMs, undefined, { ref: false });
        response.destroy();
        return;
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      case 'slow':
        return;
    }
  }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A fault of the emulator itself; its own process says where. */
function internal(error: unknown): Refusal {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return new Refusal('InternalFailure', `The emulator failed: ${String(error)}`, 500);
}
