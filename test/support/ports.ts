import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** For a program that cannot be told to take any: below those that the kernel gives to others meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree) return port;
  }
}

/** Milliseconds: what is written in Python takes its time on a busy machine. */
const patience = 60_000;

/** Resolves once somebody listens. */
export async function listening(port: number): Promise<void> {
  const deadline = performance.now() + patience;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const state = await Promise.race([
      once(socket, 'connect').then(() => 'up'),
      once(socket, 'error').then(() => 'down'),
    ]).catch(() => 'down');
    socket.destroy();
    if (state === 'up') return;
    if (performance.now() > deadline) throw new Error(`nobody listens on port ${port}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
