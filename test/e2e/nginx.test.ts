import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execute, spawnProgram, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { freePort, listening } from '../support/ports.ts';
import { describeWith, findTool } from '../support/tools.ts';

const config = (cwd: string, port: number): string => `
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate        ${cwd}/certs/localhost/current/fullchain.pem;
    ssl_certificate_key    ${cwd}/certs/localhost/current/key.pem;
    ssl_client_certificate ${cwd}/certs/_trust/default/current/ca.pem;
    ssl_crl                ${cwd}/certs/_trust/default/current/crl.pem;
    ssl_verify_client      on;
    ssl_verify_depth       2;
    location / { return 200 "hello \${ssl_client_s_dn}"; }
  }
}
`;

describeWith(['nginx', 'curl'], 'nginx with ssl_verify_client and ssl_crl', () => {
  const cwd = temporaryFolderForSuite();
  let server: ChildProcess;
  let port: number;

  const curl = (...flags: string[]): Promise<Ran> =>
    execute(
      'curl',
      [
        '-sS',
        '--max-time',
        '20',
        '--cacert',
        'certs/_trust/default/current/ca.pem',
        ...flags,
        '-w',
        '\n%{http_code}',
        `https://localhost:${port}/`,
      ],
      { cwd: cwd() },
    );
  const pair = (folder: string): string[] => [
    '--cert',
    `${folder}/fullchain.pem`,
    '--key',
    `${folder}/key.pem`,
  ];

  beforeAll(async () => {
    const issue = async (...argv: string[]): Promise<void> => {
      expect(await spawnProgram(['issue', ...argv], { cwd: cwd() })).toMatchObject({ code: 0 });
    };
    await issue('localhost', '127.0.0.1', '--usage', 'server', '--create-ca');
    await issue('client.internal', '--usage', 'client');
    await issue('both.internal');
    await issue('server-only.internal', '--usage', 'server');
    mkdirSync(join(cwd(), 'foreign'));
    await spawnProgram(['issue', 'client.internal', '--create-ca'], { cwd: join(cwd(), 'foreign') });
    port = await freePort();
    writeFileSync(join(cwd(), 'nginx.conf'), config(cwd(), port));
    server = spawn(findTool('nginx') ?? 'nginx', ['-p', cwd(), '-c', 'nginx.conf'], { stdio: 'ignore' });
    await listening(port);
  });

  afterAll(async () => {
    const ended = once(server, 'exit');
    server.kill('SIGTERM');
    await ended;
  });

  it.each(['client.internal', 'both.internal'])('lets %s in', async (name) => {
    const ran = await curl(...pair(`certs/${name}/current`));
    expect(ran).toMatchObject({ code: 0, stdout: `hello CN=${name}\n200` });
  });

  it('refuses a client without a certificate', async () => {
    expect((await curl()).stdout).toMatch(/No required SSL certificate was sent[\s\S]*\n400$/);
  });

  it('refuses a pair of another CA', async () => {
    const { stdout } = await curl(...pair('foreign/certs/client.internal/current'));
    expect(stdout).toMatch(/The SSL certificate error[\s\S]*\n400$/);
  });

  it('refuses a certificate that is for servers only', async () => {
    expect((await curl(...pair('certs/server-only.internal/current'))).stdout).toMatch(/\n400$/);
  });

  it('is refused itself by a client that trusts another CA', async () => {
    const { code } = await execute(
      'curl',
      ['-sS', '--cacert', 'foreign/certs/_trust/default/current/ca.pem', `https://localhost:${port}/`],
      { cwd: cwd() },
    );
    expect(code).toBe(60);
  });
});
