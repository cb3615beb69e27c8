import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run, temporaryFolderForSuite } from '../support/cli.ts';
import { freePort, listening } from '../support/ports.ts';
import { describeWith, findTool } from '../support/tools.ts';

const rotations = 50;

const config = (cwd: string, port: number): string => `
daemon off;
pid nginx.pid;
error_log stderr;
worker_processes 1;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate        ${cwd}/certs/localhost/current/fullchain.pem;
    ssl_certificate_key    ${cwd}/certs/localhost/current/key.pem;
    ssl_client_certificate ${cwd}/certs/_trust/default/current/ca.pem;
    ssl_verify_client      on;
    ssl_verify_depth       2;
    location / { return 200 "ok"; }
  }
}
`;

describeWith(['nginx'], 'nginx under constant new connections', () => {
  const cwd = temporaryFolderForSuite();
  let server: ChildProcess;
  let port: number;

  const certwright = async (...argv: string[]): Promise<void> => {
    const { code, stdout, stderr } = await run(argv, { cwd: cwd() });
    expect({ argv, code, said: code === 0 ? '' : stdout + stderr }).toEqual({ argv, code: 0, said: '' });
  };

  beforeAll(async () => {
    await certwright('issue', 'localhost', '--usage', 'server', '--create-ca');
    await certwright('issue', 'client.internal', '--usage', 'client');
    port = await freePort();
    writeFileSync(join(cwd(), 'nginx.conf'), config(cwd(), port));
    const reload = [findTool('nginx') ?? 'nginx', '-p', cwd(), '-c', 'nginx.conf', '-s', 'reload'];
    const confirm = { servers: [`127.0.0.1:${port}`], client: 'client.internal' };
    writeFileSync(
      join(cwd(), 'certwright.yaml'),
      JSON.stringify({ certificates: { localhost: { usage: 'server', deploy: { run: reload, confirm } } } }),
    );
    server = spawn(findTool('nginx') ?? 'nginx', ['-p', cwd(), '-c', 'nginx.conf'], { stdio: 'ignore' });
    await listening(port);
  });

  afterAll(async () => {
    const ended = once(server, 'exit');
    server.kill('SIGTERM');
    await ended;
  });

  it(`is rotated ${rotations} times with a reload and a confirmation, and no handshake of mutual TLS fails`, async () => {
    const read = (path: string): Buffer => readFileSync(join(cwd(), 'certs', path));
    const options = {
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: read('_trust/default/current/ca.pem'),
      cert: read('client.internal/current/fullchain.pem'),
      key: read('client.internal/current/key.pem'),
    };
    const seen = new Set<string>();
    const failures: unknown[] = [];
    let isOver = false;
    let handshakes = 0;
    const visit = async (): Promise<void> => {
      while (!isOver) {
        const socket = connect(options);
        try {
          await once(socket, 'secureConnect');
          socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
          const [answer] = (await once(socket, 'data')) as [Buffer];
          if (!answer.toString('latin1').startsWith('HTTP/1.1 200'))
            throw new Error(answer.toString('latin1'));
          seen.add(socket.getPeerCertificate().serialNumber);
          handshakes += 1;
        } catch (error) {
          failures.push(error);
        }
        socket.on('error', () => undefined);
        socket.destroy();
        // As much as a busy service has; without it the visitors would take all that the machine has.
        await pause(10);
      }
    };
    const visitors = [visit(), visit()];
    for (let count = 0; count < rotations; count += 1) await certwright('rotate', 'localhost', '--force');
    isOver = true;
    await Promise.all(visitors);
    expect(failures).toEqual([]);
    expect(readlinkSync(join(cwd(), 'certs/localhost/current'))).toBe(
      `versions/${String(rotations + 1).padStart(6, '0')}`,
    );
    expect(seen.size).toBeGreaterThan(rotations / 2);
    expect(handshakes).toBeGreaterThan(rotations);
  });
});
