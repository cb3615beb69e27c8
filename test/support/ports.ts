import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Resolves once somebody listens; rejects after so many milliseconds. */
export async function listening(port: number, patience = 10_000): Promise<void> {
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
