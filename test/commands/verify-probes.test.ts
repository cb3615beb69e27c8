import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerCertificate, TlsOptions, TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { oid } from '../../src/pki/x509/oid.ts';
import { authority, issue, type Changes } from '../support/chains.ts';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { writePair } from '../support/pair-files.ts';
import { schemaErrors } from '../support/schemas.ts';
import { listen, pairOf, pemOf, tcpServer, tlsServer } from '../support/tls-server.ts';

const day = 86_400_000;
const valid: Changes = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) };
const root = authority('Root CA', undefined, valid);
const issuing = authority('Issuing CA', root, valid);
const server = issue('localhost', issuing, { ...valid, extendedKeyUsage: [oid.serverAuth] });
const client = issue('client.internal', issuing, { ...valid, extendedKeyUsage: [oid.clientAuth] });

const required: TlsOptions = {
  ...pemOf(pairOf(server, issuing)),
  ca: [pemOf(pairOf(root)).cert],
  requestCert: true,
  rejectUnauthorized: true,
};

interface Check {
  probe: string;
  expected: string;
  seen: string;
  ok: boolean;
  evidence: string;
  causes: { message: string; fix: string }[];
}
interface Target {
  ok: boolean;
  code: string;
  checks: Check[];
  proven: boolean;
  notes: string[];
}

function pairs(): string {
  const folder = temporaryFolder();
  writePair(folder, 'client', client, [issuing], root);
  return folder;
}

async function probe(port: number, ...argv: string[]): Promise<{ ran: Ran; target: Target }> {
  const all = ['verify-mtls', `localhost:${port}`, '--cert', 'client', '--probe', '--json', ...argv];
  const ran = await run(all, { cwd: pairs() });
  expect(schemaErrors(ran.stdout)).toEqual([]);
  const [target] = (JSON.parse(ran.stdout) as { targets: Target[] }).targets;
  if (!target) throw new Error(ran.stdout);
  return { ran, target };
}

const seen = ({ checks }: Target): string[] =>
  checks.slice(2).map(({ probe: name, seen: what, ok }) => `${ok ? 'ok' : 'NO'} ${name} ${what}`);

const rowOf = ({ checks }: Target, name: string): Check | undefined =>
  checks.find(({ probe: one }) => one === name);

/** Empty where no certificate was shown. */
const peerOf = (socket: TLSSocket): Partial<PeerCertificate> => socket.getPeerCertificate();

/** Finishes every handshake, and lets in whom it likes. */
const lenient = (likes: (socket: TLSSocket) => boolean): ReturnType<typeof tlsServer> =>
  tlsServer({ ...required, rejectUnauthorized: false }, (socket) => {
    if (likes(socket)) socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    else socket.destroy();
  });

const free = ['no-certificate', 'stranger', 'self-signed', 'foreign-ca', 'non-ca-intermediate'];
const ofTheCa = [
  'expired',
  'not-yet-valid',
  'wrong-usage',
  'wrong-name',
  'weak-key',
  'weak-signature',
  'revoked',
];
const versions = ['tls-1.0', 'tls-1.1'];

describe('--probe without the CA', () => {
  it.each(['1.2', '1.3'])('a server as it must be refuses everybody, TLS %s', async (version) => {
    const { ran, target } = await probe(await listen(tlsServer(required)), '--tls', version);
    expect(seen(target)).toEqual([
      'ok pair accepted',
      ...free.map((name) => `ok ${name} refused`),
      ...ofTheCa.map((name) => `ok ${name} skipped`),
      ...versions.map((name) => `ok ${name} refused`),
      'ok pair-again accepted',
    ]);
    expect(target).toMatchObject({ ok: true, proven: true, notes: [] });
    expect(ran.code).toBe(0);
  });

  it('one that looks at nothing lets everybody in, and each row says what is wrong', async () => {
    const { ran, target } = await probe(await listen(lenient(() => true)));
    expect(seen(target).filter((row) => row.startsWith('NO'))).toEqual(
      free.map((name) => `NO ${name} accepted`),
    );
    expect(free.map((name) => rowOf(target, name)?.causes[0]?.message)).toEqual([
      'a client without a certificate is let in',
      expect.stringContaining('of an unknown CA'),
      expect.stringContaining('self-signed'),
      expect.stringContaining('foreign CA of the same name'),
      expect.stringContaining("that a client's certificate has signed"),
    ]);
    expect(ran.code).toBe(3);
  });

  it('one that compares the names of issuers is fooled by a namesake alone', async () => {
    const byName = lenient((socket) => peerOf(socket).issuer?.CN === 'Issuing CA');
    const { target } = await probe(await listen(byName));
    expect(seen(target).filter((row) => row.startsWith('NO'))).toEqual(['NO foreign-ca accepted']);
  });

  it('one that compares the subject is fooled by whoever claims it', async () => {
    const bySubject = lenient((socket) => peerOf(socket).subject?.CN === 'client.internal');
    const { target } = await probe(await listen(bySubject), '--only', 'self-signed,no-certificate');
    expect(seen(target)).toEqual([
      'ok pair accepted',
      'ok no-certificate refused',
      'NO self-signed accepted',
      'ok pair-again accepted',
    ]);
  });

  it('nothing is proven where the good pair is not let in', async () => {
    const { ran, target } = await probe(await listen(lenient(() => false)));
    expect(target).toMatchObject({ proven: false, code: 'not-proven' });
    expect(target.notes).toEqual([expect.stringMatching(/^nothing is proven: the good pair is not let in/)]);
    expect(rowOf(target, 'pair-again')).toBeUndefined();
    expect(ran.code).toBe(3);
  });

  it('nothing is proven where the server shuts out who was refused', async () => {
    let met = 0;
    const { ran, target } = await probe(await listen(lenient(() => (met += 1) === 1)), '--only', 'stranger');
    expect(seen(target)).toEqual(['ok pair accepted', 'ok stranger refused', 'NO pair-again refused']);
    expect(target.notes).toEqual([expect.stringContaining('shut out who was refused')]);
    expect(ran.code).toBe(3);
  });

  it('nothing is proven where every probe was skipped', async () => {
    const { ran, target } = await probe(await listen(tlsServer(required)), '--only', 'expired');
    expect(target).toMatchObject({ proven: false, notes: ['nothing is proven: no probe was refused'] });
    expect(ran.code).toBe(3);
  });

  it('nobody there is 75, and nothing is said to be proven', async () => {
    const { ran, target } = await probe(1);
    expect(target).toMatchObject({ code: 'unreachable', proven: false, notes: [] });
    expect(ran.code).toBe(75);
  });

  it('a table for people and JUnit for CI servers say what was skipped', async () => {
    const cwd = pairs();
    const port = await listen(tlsServer(required));
    const argv = ['verify-mtls', `localhost:${port}`, '--cert', 'client', '--probe', '--junit', 'out.xml'];
    const { stdout, code } = await run([...argv, '--skip', 'tls-1.0,tls-1.1,weak-key'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}-- {2}client > server {2}an expired one +refused +skipped +needs --ca DIR/);
    expect(stdout).not.toMatch(/TLS 1\.0|weak key/);
    const junit = readFileSync(join(cwd, 'out.xml'), 'utf8');
    expect(junit).toContain(
      '<testsuites name="certwright verify-mtls" tests="15" failures="0" errors="0" skipped="6">',
    );
    expect(junit).toContain('<skipped message="needs --ca DIR');
  });

  it.each<[string, string[], RegExp]>([
    ['an unknown probe', ['--probe', '--only', 'expird'], /--only "expird" is not known/],
    ['nothing left', ['--probe', '--only', 'revoked', '--skip', 'revoked'], /leave nothing to probe/],
    ['a choice of none', ['--skip', 'revoked'], /--skip goes with --probe/],
    ['a rehearsal', ['--server', 'client', '--client', 'client', '--probe'], /--probe goes with HOST:PORT/],
  ])('%s is refused', async (_, argv, message) => {
    const target = argv.includes('--server') ? [] : ['localhost:1', '--cert', 'client'];
    const { code, stderr } = await run(['verify-mtls', ...target, ...argv], { cwd: pairs() });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(message) as string });
  });
});

describe('old versions', () => {
  it.each([
    ['1.0', 'TLSv1'],
    ['1.1', 'TLSv1.1'],
  ] as const)('a server that speaks TLS %s is found', async (version, minVersion) => {
    const options = { ...required, minVersion, ciphers: 'DEFAULT:@SECLEVEL=0' };
    const { ran, target } = await probe(await listen(tlsServer(options)), '--only', 'tls-1.0,tls-1.1');
    expect(rowOf(target, `tls-${version}`)).toMatchObject({
      seen: 'accepted',
      ok: false,
      evidence: `ServerHello in TLS ${version}`,
      causes: [{ message: `TLS ${version} is spoken, which RFC 8996 forbids` }],
    });
    expect(rowOf(target, 'tls-1.0')?.ok).toBe(version === '1.1');
    expect(ran.code).toBe(3);
  });

  it.each([
    ['1.0', 0x0301],
    ['1.1', 0x0302],
  ])('TLS %s is all that goes out on the wire', async (version, number) => {
    const heard: Buffer[] = [];
    const wire = await listen(
      tcpServer((socket) => {
        socket.once('data', (chunk: Buffer) => {
          heard.push(chunk);
          socket.end(Buffer.from('15030100020246', 'hex'));
        });
      }),
    );
    // Nobody speaks old TLS there, so that even the good pair fails; the hellos are what counts.
    const { target } = await probe(wire, '--only', `tls-${version}`, '--servername', 'localhost');
    const old = heard.find((chunk) => chunk.readUInt16BE(9) === number);
    if (!old) throw new Error('no hello of that version was sent');
    expect(old.subarray(0, 3).toString('hex')).toBe('160301');
    expect(old.readUInt16BE(3)).toBe(old.length - 5);
    expect(old.includes(Buffer.from('localhost'))).toBe(true);
    // No supported_versions, which would offer others.
    expect(old.subarray(43).includes(Buffer.from('002b', 'hex'))).toBe(false);
    expect(rowOf(target, `tls-${version}`)).toMatchObject({
      seen: 'refused',
      evidence: 'alert protocol_version (70) in the handshake',
    });
  });
});
