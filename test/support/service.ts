import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { createServer, type TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';

/** A server in this process that keeps what it has read until it is told to read again, as most do. */
export interface Service {
  port: number;
  /** How often it was told. */
  reloads: number;
  /** Whether it does not hear it. */
  isDeaf: boolean;
  pidfile: string;
}

/** Serves `certs/NAME/current` of a folder until the test ends, and reads it again at SIGUSR2. */
export async function startService(cwd: string, name: string, options: TlsOptions = {}): Promise<Service> {
  const read = (): TlsOptions => {
    const at = (file: string): string => readFileSync(join(cwd, 'certs', name, 'current', file), 'utf8');
    return { ...options, cert: at('fullchain.pem'), key: at('key.pem') };
  };
  const server = createServer(read(), (socket) => socket.on('error', () => undefined));
  server.on('tlsClientError', () => undefined);
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const pidfile = join(cwd, `${name}.pid`);
  writeFileSync(pidfile, `${process.pid}\n`);
  const service: Service = { port, reloads: 0, isDeaf: false, pidfile };
  const reload = (): void => {
    service.reloads += 1;
    if (!service.isDeaf) server.setSecureContext(read());
  };
  process.on('SIGUSR2', reload);
  onTestFinished(() => {
    process.off('SIGUSR2', reload);
    for (const socket of open) socket.destroy();
    server.close();
  });
  return service;
}
