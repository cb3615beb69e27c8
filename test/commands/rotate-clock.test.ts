import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from 'vitest';
import { run, succeed, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';
import { listen } from '../support/tls-server.ts';

const hour = 3_600_000;
const name = 'orders.internal';
let cwd = '';

beforeEach(async () => {
  cwd = temporaryFolder();
  await succeed(['issue', name, '--create-ca'], { cwd });
});

const file = (path: string): string => join(cwd, 'certs', name, 'current', path);
const confirmAt = (server: string, more = ''): void =>
  writeFileSync(
    join(cwd, 'certwright.yaml'),
    `certificates: { ${name}: { deploy: { confirm: { servers: ["${server}"]${more} } } } }\n`,
  );

/** A web server whose clock is ahead by so much; it wants a client certificate where that is said. */
async function webServer(ahead: number, wantsClient = false): Promise<string> {
  const pair = { cert: readFileSync(file('fullchain.pem')), key: readFileSync(file('key.pem')) };
  const trust = {
    ca: readFileSync(file('ca.pem')),
    requestCert: wantsClient,
    rejectUnauthorized: wantsClient,
  };
  const server = createServer({ ...pair, ...trust }, (_, response) => {
    response.setHeader('Date', new Date(Date.now() + ahead).toUTCString());
    response.end();
  });
  return `127.0.0.1:${await listen(server)}`;
}

interface Failure {
  code: string;
  message: string;
  clock?: { source: string; aheadSeconds: number };
}

async function rotate(now: () => Date, ...flags: string[]): Promise<Failure & { exitCode: Ran['code'] }> {
  const { code, stdout } = await run(['rotate', '--json', ...flags], { cwd, now });
  expect(schemaErrors(stdout)).toEqual([]);
  const { certificates } = JSON.parse(stdout) as { certificates: { error: Failure }[] };
  return { exitCode: code, ...certificates[0]!.error };
}

const slow = (): Date => new Date(Date.now() - 3 * hour);

/** As long as somebody waits for an answer. */
function collectGarbage(socket: Socket): void {
  setFlagsFromString('--expose-gc');
  const timer = setInterval(runInNewContext('gc') as () => void, 50);
  socket.on('close', () => {
    clearInterval(timer);
  });
  socket.on('error', () => undefined);
}

describe("a clock that differs from a server's", () => {
  it('is told with the certificate in use that is not valid yet by it', async () => {
    const server = await webServer(0);
    confirmAt(server);
    const { exitCode, code, message, clock } = await rotate(slow);
    expect([exitCode, code]).toEqual([75, 'not-yet-valid']);
    expect(message).toMatch(
      /^the certificate in use for "orders\.internal" is not valid before .* by this machine's clock; this machine's is (3 hours|2 hours 59 minutes).* behind that of 127\.0\.0\.1:\d+$/,
    );
    expect(clock?.source).toBe(server);
    expect(Math.abs((clock?.aheadSeconds ?? 0) - 3 * 3600)).toBeLessThan(5);
  });

  it('and with a new one that is not switched to; a pair of ours is shown where the server wants one', async () => {
    const server = await webServer(-3 * hour, true);
    confirmAt(server, `, client: ${name}`);
    const issued = (): number =>
      readdirSync(join(cwd, 'ca/issuers'), { recursive: true, encoding: 'utf8' }).filter((path) =>
        /issued\/\d{4}-\d\d\/\w+\.pem$/.test(path),
      ).length;
    const before = issued();
    const setBack = (): Date => new Date(Date.now() - (issued() > before ? 3 * hour : 0));
    const { exitCode, message, clock } = await rotate(setBack, '--force');
    expect(exitCode).toBe(75);
    expect(message).toContain(`by this machine's clock; it agrees with that of ${server}`);
    expect(clock?.source).toBe(server);
    expect(readlinkSync(join(cwd, 'certs', name, 'current'))).toBe('versions/000001');
  });

  it.each([
    ['is not there', async () => '127.0.0.1:1'],
    // What waits for the deadline alone must outlive a collection.
    ['never answers', async () => `127.0.0.1:${await listen(createTcpServer(collectGarbage))}`],
    ['hangs up', async () => `127.0.0.1:${await listen(createTcpServer((socket) => void socket.destroy()))}`],
  ])('is not told where the server %s, and the refusal stands', async (_, start) => {
    confirmAt(await start());
    const { exitCode, message, clock } = await rotate(slow);
    expect([exitCode, clock]).toEqual([75, undefined]);
    expect(message).toMatch(/by this machine's clock$/);
  });
});
