import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeExtension } from '../../src/pki/x509/certificate-builder.ts';
import * as write from '../../src/pki/x509/der-writer.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { authority, issue, withExtension } from '../support/chains.ts';
import { run, temporaryFolder } from '../support/cli.ts';
import { writePair } from '../support/pair-files.ts';
import { schemaErrors } from '../support/schemas.ts';
import { answerFor, encodeFailure } from '../support/ocsp-responder.ts';
import { sendsAndCloses, spoilsSignature } from '../support/impostors.ts';
import { listen, pairOf, pemOf, tcpServer, tlsServer } from '../support/tls-server.ts';

const day = 86_400_000;
const now = Date.now();
const valid = { notBefore: new Date(now - day), notAfter: new Date(now + day) };
const root = authority('Root CA', undefined, valid);
const issuing = authority('Issuing CA', root, valid);
const other = authority('Other CA', undefined, valid);
const leaf = issue('localhost', issuing, { ...valid, extendedKeyUsage: [oid.serverAuth] });

interface Document {
  items: { subject: { text: string } }[];
  verdict: { valid: boolean; usage: string; candidates: { findings: { rule: string }[] }[] };
  server: {
    protocol: string;
    cipher: string;
    group: string;
    alpn: string | null;
    chain: string[];
    ocsp: { status: string } | null;
    versions: { version: string; spoken: boolean }[];
    chainNotes: { kind: string }[];
    clientCertificate: {
      asked: boolean;
      authorities: string[];
      withoutOne: { refused: boolean; evidence: string } | null;
    };
  };
}

function trust(): string {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'ca.pem'), pemOf(pairOf(root)).cert);
  return cwd;
}

async function inspect(
  port: number,
  ...argv: string[]
): Promise<{ code: number | string; document: Document }> {
  const { code, stdout } = await run(
    ['inspect', `localhost:${port}`, '--trust', 'ca.pem', '--json', ...argv],
    { cwd: trust() },
  );
  expect(schemaErrors(stdout)).toEqual([]);
  return { code, document: JSON.parse(stdout) as Document };
}

const serve = (...sent: (typeof leaf)[]): Promise<number> => listen(tlsServer(pemOf(pairOf(leaf, ...sent))));

describe('what a server shows', () => {
  it('connection, certificates and verdict, in one document', async () => {
    const { code, document } = await inspect(await serve(issuing));
    expect(document.server).toMatchObject({
      protocol: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      group: 'x25519',
      alpn: null,
      ocsp: null,
      versions: [
        { version: '1.3', spoken: true },
        { version: '1.2', spoken: true },
      ],
      chainNotes: [],
      clientCertificate: { asked: false, withoutOne: null },
    });
    expect(document.items.map(({ subject }) => subject.text)).toEqual(['CN=localhost', 'CN=Issuing CA']);
    expect(document.verdict).toMatchObject({ valid: true, usage: 'server' });
    expect(code).toBe(0);
  });

  it.each([true, false])(
    'that it asks for a certificate, and whether it demands one (%s)',
    async (demands) => {
      const one = tlsServer({
        ...pemOf(pairOf(leaf, issuing)),
        ca: [pemOf(pairOf(root)).cert],
        requestCert: true,
        rejectUnauthorized: demands,
      });
      const { document } = await inspect(await listen(one));
      expect(document.server.clientCertificate).toMatchObject({
        asked: true,
        authorities: ['CN=Root CA'],
        withoutOne: { refused: demands },
      });
    },
  );

  it.each([
    ['a missing intermediate', [], ['missing'], 3],
    ['a wrong order', [root, issuing], ['out-of-order', 'root-sent'], 0],
    ['what belongs to no chain', [other, issuing], ['superfluous'], 0],
    ['one twice', [issuing, issuing], ['twice'], 0],
    ['the root', [issuing, root], ['root-sent'], 0],
  ] as const)('%s', async (_, sent, kinds, expected) => {
    const { code, document } = await inspect(await serve(...sent));
    expect(document.server.chainNotes.map(({ kind }) => kind)).toEqual(kinds);
    expect(code).toBe(expected);
  });

  it('a staple that is none', async () => {
    const one = tlsServer(pemOf(pairOf(leaf, issuing)));
    one.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, Buffer.from('no')));
    const { code, document } = await inspect(await listen(one));
    expect(document.server.ocsp).toMatchObject({ status: 'unreadable' });
    expect(code).toBe(3);
  });

  it.each([
    ['good', () => answerFor(leaf, issuing, 'good'), []],
    ['revoked', () => answerFor(leaf, issuing, new Date(now - day)), ['revoked']],
    ['of another certificate', () => answerFor(issuing, issuing, 'good'), ['ocsp-unusable']],
    ['tryLater', () => encodeFailure(3), ['ocsp-unusable']],
  ])('a staple that is %s', async (_what, make, rules) => {
    const one = tlsServer(pemOf(pairOf(leaf, issuing)));
    one.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, make()));
    const { code, document } = await inspect(await listen(one));
    expect(document.verdict.candidates[0]?.findings.map(({ rule }) => rule)).toEqual(rules);
    expect(code).toBe(rules.length === 0 ? 0 : 3);
  });

  it('a certificate that demands a staple, without and with one', async () => {
    const mustStaple = encodeExtension(oid.tlsFeature, write.sequence(write.integer(5)));
    const demanding = withExtension(leaf, issuing, mustStaple);
    const one = tlsServer(pemOf(pairOf(demanding, issuing)));
    let staple: Buffer | null = null;
    one.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, staple));
    const port = await listen(one);
    expect((await inspect(port)).code).toBe(3);
    staple = answerFor(demanding, issuing, 'good');
    expect((await inspect(port)).code).toBe(0);
  });

  it('only one version', async () => {
    const port = await listen(tlsServer({ ...pemOf(pairOf(leaf, issuing)), maxVersion: 'TLSv1.2' }));
    const { document } = await inspect(port);
    expect(document.server).toMatchObject({
      protocol: 'TLSv1.2',
      versions: [
        { version: '1.3', spoken: false },
        { version: '1.2', spoken: true },
      ],
    });
  });

  it('a wrong name does not hold, and --servername asks for another', async () => {
    const port = await serve(issuing);
    const argv = ['inspect', `127.0.0.1:${port}`, '--trust', 'ca.pem'];
    const wrong = await run(argv, { cwd: trust() });
    expect(wrong.code).toBe(3);
    expect(wrong.stdout).toContain('localhost is not for 127.0.0.1');
    expect((await run([...argv, '--servername', 'localhost'], { cwd: trust() })).code).toBe(0);
  });

  it('lines for people, PEM for programs', async () => {
    const port = await serve(issuing);
    const cwd = trust();
    const { stdout } = await run(['inspect', `tls://localhost:${port}`, '--trust', 'ca.pem'], { cwd });
    expect(stdout).toMatch(/^server\n {2}address +127\.0\.0\.1\n {2}protocol +TLSv1\.3, also TLSv1\.2\n/);
    expect(stdout).toContain('chain: valid');
    const pem = await run(['inspect', `localhost:${port}`, '--pem'], {
      cwd,
      env: { SSL_CERT_FILE: join(cwd, 'ca.pem') },
    });
    expect(pem).toEqual({ code: 0, stdout: pemOf(pairOf(leaf, issuing)).cert, stderr: '' });
  });

  it("against the system's roots where no others are named", async () => {
    const cwd = trust();
    writeFileSync(join(cwd, 'other.pem'), pemOf(pairOf(other)).cert);
    const target = `localhost:${await serve(issuing)}`;
    const env = (file: string): Record<string, string> => ({ SSL_CERT_FILE: join(cwd, file) });
    expect((await run(['inspect', target], { cwd, env: env('ca.pem') })).code).toBe(0);
    expect((await run(['inspect', target], { cwd, env: env('other.pem') })).code).toBe(3);
  });
});

describe('targets', () => {
  it('a file of that name wins, and tls:// says otherwise', async () => {
    const port = await serve(issuing);
    const cwd = trust();
    writeFileSync(join(cwd, `localhost:${port}`), readFileSync(join(cwd, 'ca.pem')));
    const file = await run(['inspect', `localhost:${port}`], { cwd });
    expect(file.stdout).toContain('CN=Root CA');
    const server = await run(['inspect', `tls://localhost:${port}`, '--trust', 'ca.pem'], { cwd });
    expect(server.stdout).toContain('CN=localhost');
  });

  it('nobody there is 75, something else there is 3', async () => {
    const cwd = trust();
    const argv = ['--trust', 'ca.pem'];
    expect(await run(['inspect', 'localhost:1', ...argv], { cwd })).toMatchObject({
      code: 75,
      stderr: expect.stringContaining('localhost:1: nobody listens there') as string,
    });
    const port = await listen(tcpServer((socket) => socket.end('220 \u001b[31mready\r\n')));
    const { code, stderr } = await run(['inspect', `localhost:${port}`, ...argv], { cwd });
    expect(code).toBe(3);
    expect(stderr).toMatch(/does not speak TLS: it says "220 \\u001b\[31mready/);
    expect(stderr).toContain('--starttls');
  });

  it.each([
    ['hangs up after it', () => sendsAndCloses(0x0303, leaf, issuing)],
    ['takes TLS 1.1', () => sendsAndCloses(0x0302, leaf, issuing)],
    [
      'spoils the signature',
      async () => {
        const options = {
          ...pemOf(pairOf(leaf, issuing)),
          maxVersion: 'TLSv1.2',
          requestCert: true,
        } as const;
        return spoilsSignature(await listen(tlsServer(options)));
      },
    ],
  ])('whoever shows a certificate and %s is nobody: 3', async (_what, make) => {
    const port = await listen(await make());
    const ran = await run(['inspect', `localhost:${port}`, '--trust', 'ca.pem'], { cwd: trust() });
    expect(ran).toMatchObject({ code: 3, stdout: '' });
    expect(ran.stderr).toContain('no TLS connection came about');
  });

  it('a proxy that nobody answers at is named as what cannot be reached', async () => {
    const port = await serve(issuing);
    const lent = { cwd: trust(), env: { HTTPS_PROXY: 'http://user:secret@localhost:1' } };
    const inspected = await run(['inspect', `localhost:${port}`, '--trust', 'ca.pem'], lent);
    expect(inspected.code).toBe(75);
    expect(inspected.stderr).toContain('the proxy localhost:1 is unreachable: nobody listens there');
    expect(inspected.stderr).toContain('--proxy "" goes without one');
    expect(inspected.stderr).not.toContain('secret');
    writePair(lent.cwd, 'client', issue('client.internal', issuing, valid), [issuing], root);
    const proven = await run(['verify-mtls', `localhost:${port}`, '--cert', 'client'], lent);
    expect(proven.code).toBe(75);
    expect(proven.stdout).toContain('the proxy localhost:1 is unreachable: nobody listens there');
    expect(proven.stdout).toContain('--proxy "" goes without one');
  });

  it.each<[string, string[], RegExp]>([
    ['a port that is none', ['localhost:99999'], /target "localhost:99999" is no HOST:PORT/],
    ['a flag for servers at a file', ['ca.pem', '--starttls', 'smtp'], /--starttls is for a server/],
    ['an unknown protocol', ['localhost:1', '--starttls', 'gopher'], /one of: smtp, imap/],
    ['no time to wait', ['localhost:1', '--timeout', '0s'], /--timeout "0s"/],
  ])('%s is refused', async (_, argv, message) => {
    const { code, stderr } = await run(['inspect', ...argv], {
      cwd: trust(),
      env: { SSL_CERT_FILE: 'ca.pem' },
    });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(message) as string });
  });
});
