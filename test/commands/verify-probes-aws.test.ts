import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, temporaryFolderForSuite } from '../support/cli.ts';
import { listen, tlsServer } from '../support/tls-server.ts';

/*
 * Servers that behave to a client as AWS says that its own do: API Gateway answers 403 after the handshake, to a stranger and
 * to an unknown path; load balancers in verify mode hang up; one in passthrough mode leaves it to the application.
 */

const folder = temporaryFolderForSuite();
const file = (path: string): string => readFileSync(join(folder(), path), 'utf8');

beforeAll(async () => {
  const lent = { cwd: folder() };
  expect((await run(['issue', 'client.internal', '--usage', 'client', '--create-ca'], lent)).code).toBe(0);
  expect((await run(['issue', 'localhost', '--as', 'server', '--usage', 'server'], lent)).code).toBe(0);
});

type Judge = (socket: TLSSocket, path: string) => number | 'close';

function behind(judge: Judge): Promise<number> {
  const options = {
    cert: file('certs/server/current/fullchain.pem'),
    key: file('certs/server/current/key.pem'),
    ca: [file('certs/server/current/ca.pem')],
    requestCert: true,
    rejectUnauthorized: false,
    ciphers: 'DEFAULT:@SECLEVEL=2',
  };
  const server = tlsServer(options, (socket) => {
    if (judge(socket, '/orders') === 'close') {
      socket.destroy();
      return;
    }
    socket.once('data', (chunk: Buffer) => {
      const path = chunk.toString('latin1').split(' ')[1] ?? '';
      const body = '{"message":"Forbidden"}';
      socket.end(`HTTP/1.1 ${judge(socket, path)} X\r\nContent-Type: application/json\r\n\r\n${body}`);
    });
  });
  return listen(server);
}

const apiGateway: Judge = ({ authorized }, path) => (authorized && path === '/orders' ? 200 : 403);
const loadBalancer: Judge = ({ authorized }) => (authorized ? 200 : 'close');

/** An ALB with IgnoreClientCertificateExpiry. */
const ignoresExpiry: Judge = (socket) =>
  socket.authorized || (socket.authorizationError as unknown) === 'CERT_HAS_EXPIRED' ? 200 : 'close';

/** An ALB in passthrough mode, and an application that compares the subject of what it is handed. */
const passthrough: Judge = (socket) => {
  const { subject } = socket.getPeerCertificate(true) as Partial<DetailedPeerCertificate>;
  return subject?.CN === 'client.internal' ? 200 : 401;
};

/** The same with one that verifies. */
const verifying: Judge = (socket) => {
  const { raw } = socket.getPeerCertificate() as Partial<DetailedPeerCertificate>;
  const issuer = new X509Certificate(file('ca/active/cert.pem'));
  return raw && new X509Certificate(raw).verify(issuer.publicKey) && socket.authorized ? 200 : 401;
};

interface Check {
  probe: string;
  seen: string;
  ok: boolean;
  evidence: string;
}

async function probe(
  judge: Judge,
  ...argv: string[]
): Promise<{ code: unknown; checks: Check[]; wrong: string[] }> {
  const target = `localhost:${await behind(judge)}`;
  const all = [
    'verify-mtls',
    target,
    '--cert',
    'client.internal',
    '--probe',
    '--ca',
    './ca',
    '--json',
    ...argv,
  ];
  const { code, stdout } = await run(all, { cwd: folder() });
  const checks = (JSON.parse(stdout) as { targets: { checks: Check[] }[] }).targets[0]?.checks ?? [];
  return { code, checks, wrong: checks.filter(({ ok }) => !ok).map(({ probe: name }) => name) };
}

/** Quick, and enough to tell these servers apart. */
const few = ['--only', 'no-certificate,self-signed,foreign-ca,expired,wrong-usage'];

describe('API Gateway', () => {
  it('refuses by 403 after the handshake, and is asked for a path that it has', async () => {
    const { code, checks, wrong } = await probe(
      apiGateway,
      ...few,
      '--path',
      '/orders',
      '--expect-http',
      '200',
    );
    expect({ code, wrong }).toEqual({ code: 0, wrong: [] });
    expect(checks.find(({ probe: name }) => name === 'foreign-ca')).toMatchObject({
      seen: 'refused',
      evidence: 'HTTP 403',
    });
  });

  it('answers 403 to an unknown path too, which proves nothing', async () => {
    const { code, wrong } = await probe(apiGateway, ...few);
    expect({ code, wrong }).toEqual({ code: 3, wrong: ['pair'] });
  });

  it.each(['orders', '/a b', '/a\r\nHost: b', `/${'a'.repeat(3000)}`])('path %j is refused', async (path) => {
    const argv = ['verify-mtls', 'localhost:1', '--cert', 'client.internal', '--path', path];
    const { code, stderr } = await run(argv, { cwd: folder() });
    expect(code).toBe(2);
    expect(stderr).toContain('--path');
  });
});

describe('a load balancer', () => {
  it.each([[], ['--app', 'none']])('in verify mode hangs up (%s)', async (...argv) => {
    const { code, checks, wrong } = await probe(loadBalancer, ...few, ...argv);
    expect({ code, wrong }).toEqual({ code: 0, wrong: [] });
    expect(checks.find(({ probe: name }) => name === 'self-signed')?.evidence).toMatch(/closed|reset/);
  });

  it('that ignores expiry is found', async () => {
    expect((await probe(ignoresExpiry, ...few)).wrong).toEqual(['expired']);
  });

  it('in passthrough mode, before an application that looks at names alone, is found', async () => {
    const { code, wrong } = await probe(passthrough, ...few);
    expect({ code, wrong }).toEqual({
      code: 3,
      wrong: ['self-signed', 'foreign-ca', 'expired', 'wrong-usage'],
    });
  });

  it('in passthrough mode, before an application that verifies, is as it must be', async () => {
    const { code, wrong } = await probe(verifying, ...few);
    expect({ code, wrong }).toEqual({ code: 0, wrong: [] });
  });
});
