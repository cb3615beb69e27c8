import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { encryptedPrivateKeyPem } from '../../src/pki/x509/key.ts';
import { encodePem } from '../../src/pki/x509/pem-writer.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { authority, crlOf, issue, type Changes } from '../support/chains.ts';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { writePair } from '../support/pair-files.ts';
import { answerFor } from '../support/ocsp-responder.ts';
import { spoilsSignature } from '../support/impostors.ts';
import { listen, pairOf, pemOf, tcpServer, tlsServer } from '../support/tls-server.ts';

const day = 86_400_000;
const now = Date.now();
const from = (start: number, end: number): Changes => ({
  notBefore: new Date(now + start * day),
  notAfter: new Date(now + end * day),
});
const valid = from(-1, 1);
const root = authority('Root CA', undefined, valid);
const issuing = authority('Issuing CA', root, valid);
const otherRoot = authority('Other CA', undefined, valid);
const server = issue('localhost', issuing, { ...valid, extendedKeyUsage: [oid.serverAuth] });
const client = issue('client.internal', issuing, { ...valid, extendedKeyUsage: [oid.clientAuth] });
const expired = issue('client.internal', issuing, from(-9, -3));
const foreign = issue('client.internal', otherRoot, valid);

const rootPem = pemOf(pairOf(root)).cert;
const serverPem = pemOf(pairOf(server, issuing));
const required: TlsOptions = { ...serverPem, ca: [rootPem], requestCert: true, rejectUnauthorized: true };

interface Check {
  direction: string;
  probe: string;
  expected: string;
  seen: string;
  ok: boolean;
  evidence: string;
  causes: { certainty: string; message: string; fix: string }[];
}
interface Document {
  ok: boolean;
  targets: { target: string; code: string; checks: Check[]; server: { clientCertificate: object } | null }[];
  rehearsal: { checks: Check[]; directions: { difference: string | null }[] } | null;
}

function pairs(): string {
  const folder = temporaryFolder();
  writePair(folder, 'server', server, [issuing], root);
  writePair(folder, 'client', client, [issuing], root);
  writePair(folder, 'expired', expired, [issuing], root);
  writePair(folder, 'foreign', foreign, [], otherRoot);
  writePair(folder, 'bare', client, [], root);
  return folder;
}

async function verify(argv: string[], lent: Lent): Promise<{ ran: Ran; document: Document }> {
  const ran = await run(['verify-mtls', ...argv, '--json'], lent);
  return { ran, document: JSON.parse(ran.stdout) as Document };
}

const seen = (checks: readonly Check[]): string[] =>
  checks.map(({ probe, seen: what, ok }) => `${ok ? 'ok' : 'NO'} ${probe} ${what}`);

const verdictSchema = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../docs/schema/verdict.v1.json'), 'utf8'),
) as object;
const ajv = new Ajv2020({ strict: true, strictTypes: false, validateFormats: false }).addSchema(
  verdictSchema,
);
const validate = ajv.compile(
  JSON.parse(
    readFileSync(resolve(import.meta.dirname, '../../docs/schema/verify-mtls.v1.json'), 'utf8'),
  ) as object,
);

function expectSchema(document: Document): void {
  validate(document);
  expect(validate.errors).toBeNull();
}

describe('live', () => {
  it.each(['1.2', '1.3'])('a server as it must be, TLS %s', async (version) => {
    const port = await listen(tlsServer(required));
    const { ran, document } = await verify([`localhost:${port}`, '--cert', 'client', '--tls', version], {
      cwd: pairs(),
    });
    expect(seen(document.targets[0]?.checks ?? [])).toEqual([
      'ok chain accepted',
      'ok name accepted',
      'ok pair accepted',
      'ok no-certificate refused',
      'ok stranger refused',
    ]);
    expect(document.targets[0]?.server).toMatchObject({
      protocol: `TLSv${version}`,
      clientCertificate: { asked: true, authorities: ['CN=Root CA'] },
    });
    expectSchema(document);
    expect(ran.code).toBe(0);
  });

  it('a table for people', async () => {
    const port = await listen(tlsServer(required));
    const { stdout, code } = await run(['verify-mtls', `localhost:${port}`, '--cert', 'client'], {
      cwd: pairs(),
    });
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(`localhost:${port}  TLSv1.3, TLS_AES_256_GCM_SHA384, x25519`);
    expect(lines[1]?.trim().split(/ {2,}/)).toEqual(['direction', 'probe', 'expected', 'seen', 'evidence']);
    expect(lines[4]?.trim().split(/ {2,}/)).toEqual([
      'ok',
      'client > server',
      'the pair',
      'accepted',
      'accepted',
      'HTTP 200',
    ]);
  });

  it('a revoked pair that is let in is a fault of the server', async () => {
    const port = await listen(tlsServer(required));
    const cwd = pairs();
    const times = { thisUpdate: new Date(now - day), nextUpdate: new Date(now + day) };
    const crls = [crlOf(issuing, [client], times), crlOf(root, [], times)];
    writeFileSync(join(cwd, 'crl.pem'), crls.map(({ der }) => encodePem('X509 CRL', der)).join(''));
    const argv = [`localhost:${port}`, '--cert', 'client', '--crl', 'crl.pem'];
    const { ran, document } = await verify(argv, { cwd });
    const check = document.targets[0]?.checks.find(({ probe }) => probe === 'pair');
    expect(check).toMatchObject({ expected: 'refused', seen: 'accepted', ok: false });
    expect(check?.causes[0]?.message).toMatch(/client\.internal was revoked .*; it is let in all the same/);
    expectSchema(document);
    expect(ran.code).toBe(3);
  });

  it.each(['1.2', '1.3'])('an expired certificate is the first cause, TLS %s', async (version) => {
    const port = await listen(tlsServer(required));
    const { ran, document } = await verify([`localhost:${port}`, '--cert', 'expired', '--tls', version], {
      cwd: pairs(),
    });
    const check = document.targets[0]?.checks.find(({ probe }) => probe === 'pair');
    expect(check).toMatchObject({ seen: 'refused', ok: false });
    expect(check?.causes[0]).toMatchObject({
      certainty: 'found',
      message: expect.stringMatching(/^client\.internal expired 3 days ago/) as string,
    });
    expectSchema(document);
    expect(ran.code).toBe(3);
  });

  it('names the CAs that the server asked for, where the pair is of another', async () => {
    const port = await listen(tlsServer(required));
    const { document } = await verify(
      [`localhost:${port}`, '--cert', 'foreign', '--trust', 'client/ca.pem'],
      {
        cwd: pairs(),
      },
    );
    const check = document.targets[0]?.checks.find(({ probe }) => probe === 'pair');
    expect(check?.causes.map(({ message }) => message)).toContain(
      'the server takes certificates of CN=Root CA, and what was sent ends at CN=Other CA',
    );
  });

  it('says that the chain was not sent', async () => {
    const port = await listen(tlsServer(required));
    const { document } = await verify([`localhost:${port}`, '--cert', 'bare', '--trust', 'client/ca.pem'], {
      cwd: pairs(),
    });
    const check = document.targets[0]?.checks.find(({ probe }) => probe === 'pair');
    expect(check?.causes.map(({ fix }) => fix)).toContain(
      'present fullchain.pem, so that the server sees who stands between',
    );
  });

  it('a server that does not ask', async () => {
    const port = await listen(tlsServer(serverPem));
    const { ran, document } = await verify([`localhost:${port}`, '--cert', 'client'], { cwd: pairs() });
    expect(seen(document.targets[0]?.checks ?? []).slice(2)).toEqual([
      'NO pair not-asked',
      'NO no-certificate accepted',
      'NO stranger accepted',
    ]);
    expect(ran.code).toBe(3);
  });

  it('a server that asks and looks at nothing', async () => {
    const port = await listen(tlsServer({ ...required, rejectUnauthorized: false }));
    const { document } = await verify([`localhost:${port}`, '--cert', 'client'], { cwd: pairs() });
    expect(seen(document.targets[0]?.checks ?? []).slice(2)).toEqual([
      'ok pair accepted',
      'NO no-certificate accepted',
      'NO stranger accepted',
    ]);
  });

  it('one that lets in who shows none, but no stranger, with --client-auth optional', async () => {
    const one = tlsServer({ ...required, rejectUnauthorized: false }, (socket) => {
      if (!socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0) socket.destroy();
      else socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    });
    const target = `localhost:${await listen(one)}`;
    const argv = [target, '--cert', 'client', '--client-auth', 'optional'];
    const { ran, document } = await verify(argv, { cwd: pairs() });
    expect(seen(document.targets[0]?.checks ?? []).slice(2)).toEqual([
      'ok pair accepted',
      'ok no-certificate accepted',
      'ok stranger refused',
    ]);
    expect(ran.code).toBe(0);
  });

  it('one that demands a certificate is not what --client-auth optional expects', async () => {
    const target = `localhost:${await listen(tlsServer(required))}`;
    const argv = [target, '--cert', 'client', '--client-auth', 'optional'];
    const { ran, document } = await verify(argv, { cwd: pairs() });
    expect(document.targets[0]?.checks[3]).toMatchObject({
      probe: 'no-certificate',
      seen: 'refused',
      ok: false,
      causes: [{ message: 'a client without a certificate is refused' }],
    });
    expect(ran.code).toBe(3);
  });

  it('a status as refusal, and one as acceptance where it is expected', async () => {
    const page = 'HTTP/1.1 400 Bad Request\r\n\r\n<html><head><title>400 The SSL certificate error</title>';
    const one = tlsServer({ ...required, rejectUnauthorized: false }, (socket) =>
      socket.once('data', () => socket.end(page)),
    );
    const target = `localhost:${await listen(one)}`;
    const cwd = pairs();
    const refused = await verify([target, '--cert', 'client'], { cwd });
    expect(refused.document.targets[0]?.checks[2]).toMatchObject({
      seen: 'refused',
      evidence: 'HTTP 400 The SSL certificate error',
    });
    const expected = await verify([target, '--cert', 'client', '--expect-http', '400'], { cwd });
    expect(seen(expected.document.targets[0]?.checks ?? [])[2]).toBe('ok pair accepted');
  });

  it('a status that is not the expected one, which says nothing of the CA', async () => {
    const target = `localhost:${await listen(tlsServer(required))}`;
    const { document } = await verify([target, '--cert', 'client', '--expect-http', '204,404'], {
      cwd: pairs(),
    });
    const [, , pair] = document.targets[0]?.checks ?? [];
    expect(pair).toMatchObject({ seen: 'refused', evidence: 'HTTP 200' });
    expect(pair?.causes.map(({ message }) => message)).toEqual([
      'HTTP 200 is none of the statuses that count as acceptance (--expect-http 204,404)',
    ]);
  });

  const hints = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n';
  it.each([
    ['behind interim ones counts', `${hints}HTTP/1.1 403 Forbidden\r\n\r\n`, 'refused', 'HTTP 403'],
    ['that only begins is none', 'HTTP/1.1 ', 'no-answer', 'handshake accepted, no answer to a request'],
    ['that is only announced is none', hints, 'no-answer', 'handshake accepted, no answer to a request'],
  ])('an answer %s', async (_what, page, what, evidence) => {
    const one = tlsServer({ ...required, rejectUnauthorized: false }, (socket) =>
      socket.once('data', () => socket.write(page)),
    );
    const argv = [`localhost:${await listen(one)}`, '--cert', 'client', '--timeout', '1s'];
    const { document } = await verify(argv, { cwd: pairs() });
    expect(document.targets[0]?.checks[2]).toMatchObject({ probe: 'pair', seen: what, evidence });
  });

  it("the server's clock, where it shows one", async () => {
    const date = new Date(now - 3 * day).toUTCString();
    const one = tlsServer({ ...required, rejectUnauthorized: false }, (socket) =>
      socket.once('data', () => socket.end(`HTTP/1.1 400 Bad Request\r\nDate: ${date}\r\n\r\n`)),
    );
    const { document } = await verify([`localhost:${await listen(one)}`, '--cert', 'client'], {
      cwd: pairs(),
    });
    expect(document.targets[0]?.checks[2]?.causes[0]?.message).toMatch(
      /^the server's clock is (2|3) days behind this one, and to it client\.internal is not valid yet$/,
    );
  });

  it('a server under another name, or of a CA that is not trusted', async () => {
    const port = await listen(tlsServer(required));
    const cwd = pairs();
    const named = await verify([`127.0.0.1:${port}`, '--cert', 'client'], { cwd });
    expect(seen(named.document.targets[0]?.checks ?? []).slice(0, 2)).toEqual([
      'ok chain accepted',
      'NO name refused',
    ]);
    const connected = await verify([`localhost:1`, '--connect', `127.0.0.1:${port}`, '--cert', 'client'], {
      cwd,
    });
    expect(connected.ran.code).toBe(0);
    const untrusted = await verify([`localhost:${port}`, '--cert', 'client', '--trust', 'foreign/ca.pem'], {
      cwd,
    });
    expect(seen(untrusted.document.targets[0]?.checks ?? []).slice(0, 2)).toEqual([
      'NO chain refused',
      'ok name accepted',
    ]);
  });

  it('never writes a report over a private key', async () => {
    const cwd = pairs();
    const key = join(cwd, 'client/key.pem');
    const before = readFileSync(key);
    const { code, stderr } = await run(
      ['verify-mtls', 'localhost:1', '--cert', 'client', '--junit', 'client/key.pem'],
      { cwd },
    );
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('holds a private key') as string,
    });
    expect(readFileSync(key)).toEqual(before);
  });

  it('a server that is not there is 75, one among others that fail is 3', async () => {
    const port = await listen(tlsServer(required));
    const cwd = pairs();
    writeFileSync(join(cwd, 'servers.txt'), `# ours\nlocalhost:${port}\n\nlocalhost:1\n`);
    const gone = await verify(['--targets', 'servers.txt', '--cert', 'client', '--junit', 'out.xml'], {
      cwd,
    });
    expect(gone.document.targets.map(({ target, code }) => [target, code])).toEqual([
      [`localhost:${port}`, 'ok'],
      ['localhost:1', 'unreachable'],
    ]);
    expectSchema(gone.document);
    expect(gone.ran.code).toBe(75);
    const xml = readFileSync(join(cwd, 'out.xml'), 'utf8');
    expect(xml).toContain('<testsuites name="certwright verify-mtls" tests="6" failures="0" errors="1">');
    expect(xml).toContain('<testcase classname="localhost:1" name="client &gt; server: the pair">');
    expect(xml).toContain('<error message="client &gt; server, the pair: unreachable instead of accepted');
    const both = await verify(['localhost:1', `localhost:${port}`, '--cert', 'expired'], { cwd });
    expect(both.ran.code).toBe(3);
  });

  it.each([
    ['revoked', () => answerFor(server, issuing, new Date(now - day)), 'revoked'],
    ['unreadable', () => Buffer.from('no'), 'ocsp-unusable'],
  ])('a staple that is %s', async (_what, make, rule) => {
    const one = tlsServer(required);
    one.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, make()));
    const { ran, document } = await verify([`localhost:${await listen(one)}`, '--cert', 'client'], {
      cwd: pairs(),
    });
    const chain = document.targets[0]?.checks.find(({ probe }) => probe === 'chain');
    expect(chain).toMatchObject({ seen: 'refused', evidence: `localhost: ${rule}` });
    expectSchema(document);
    expect(ran.code).toBe(3);
  });

  it('one that shows the certificate of another without its key', async () => {
    const port = await listen(tlsServer({ ...required, maxVersion: 'TLSv1.2' }));
    const impostor = await listen(spoilsSignature(port));
    const { ran, document } = await verify([`localhost:${impostor}`, '--cert', 'client'], { cwd: pairs() });
    expect(document.targets[0]?.checks.filter(({ direction }) => direction === 'server-to-client')).toEqual(
      [],
    );
    expect(ran.code).toBe(3);
  });

  it('one that does not speak the version', async () => {
    const port = await listen(tlsServer({ ...required, maxVersion: 'TLSv1.2' }));
    const argv = [`localhost:${port}`, '--cert', 'client', '--tls', '1.3'];
    const { document } = await verify(argv, { cwd: pairs() });
    expect(document.targets[0]?.checks[0]?.causes[0]?.message).toBe(
      'the server speaks no TLS 1.2 or 1.3, or not the version that --tls asks for',
    );
  });

  it('something that is no TLS', async () => {
    const port = await listen(tcpServer((socket) => socket.end('\u001b[2JSSH-2.0\r\n')));
    const { ran, document } = await verify([`localhost:${port}`, '--cert', 'client'], { cwd: pairs() });
    expect(seen(document.targets[0]?.checks ?? [])[0]).toBe('NO pair no-tls');
    expect(ran.code).toBe(3);
    const text = await run(['verify-mtls', `localhost:${port}`, '--cert', 'client'], { cwd: pairs() });
    expect(text.stdout).not.toContain('\u001b');
  });

  it('without an application', async () => {
    const port = await listen(tlsServer(required, () => undefined));
    const { ran, document } = await verify([`localhost:${port}`, '--cert', 'client', '--app', 'none'], {
      cwd: pairs(),
    });
    expect(document.targets[0]?.checks[2]?.evidence).toBe('handshake accepted, application not probed');
    expect(ran.code).toBe(0);
    const asked = await verify([`localhost:${port}`, '--cert', 'client', '--timeout', '1s'], {
      cwd: pairs(),
    });
    expect(seen(asked.document.targets[0]?.checks ?? [])[2]).toBe('NO pair no-answer');
  });

  it('quiet says only what is not as it must be', async () => {
    const port = await listen(tlsServer(required));
    const cwd = pairs();
    expect(await run(['verify-mtls', `localhost:${port}`, '--cert', 'client', '-q'], { cwd })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    const failed = await run(['verify-mtls', `localhost:${port}`, '--cert', 'expired', '-q'], { cwd });
    expect(failed.stdout).toBe('');
    expect(failed.stderr).toMatch(/the pair: refused instead of accepted[\s\S]*expired 3 days ago/);
  });
});

describe('a rehearsal', () => {
  const all = (what: string): string[] =>
    ['rfc-5280', 'openssl-tls-1.2', 'openssl-tls-1.3'].map(
      (one) => `${what.split(' ')[0] ?? ''} ${one} ${what.split(' ')[1] ?? ''}`,
    );

  it('of two pairs that fit', async () => {
    const { ran, document } = await verify(
      ['--server', 'server', '--client', 'client', '--name', 'localhost'],
      {
        cwd: pairs(),
      },
    );
    expect(seen(document.rehearsal?.checks ?? [])).toEqual([...all('ok accepted'), ...all('ok accepted')]);
    expectSchema(document);
    expect(ran.code).toBe(0);
  });

  it.each<[string, Changes, readonly string[], string]>([
    ['expired', from(-9, -3), [], 'CERT_HAS_EXPIRED'],
    ['not yet valid', from(3, 9), [], 'CERT_NOT_YET_VALID'],
    ['for servers only', { ...valid, extendedKeyUsage: [oid.serverAuth] }, [], 'INVALID_PURPOSE'],
    [
      'by a CA that the server does not trust',
      valid,
      ['--server-trust', 'foreign/ca.pem'],
      'SELF_SIGNED_CERT_IN_CHAIN',
    ],
  ])('judges the directions apart: a client certificate %s', async (_, changes, argv, code) => {
    const cwd = pairs();
    writePair(cwd, 'odd', issue('odd.internal', issuing, changes), [issuing, root], root);
    const { ran, document } = await verify(['--server', 'server', '--client', 'odd', ...argv], { cwd });
    const checks = document.rehearsal?.checks ?? [];
    expect(seen(checks)).toEqual([...all('ok accepted'), ...all('NO refused')]);
    expect(checks[4]?.evidence).toBe(code);
    expect(document.rehearsal?.directions.map(({ difference }) => difference)).toEqual([null, null]);
    expect(ran.code).toBe(3);
  });

  it('of a server that leaves its chain out: OpenSSL does not make up for it', async () => {
    const cwd = pairs();
    writePair(cwd, 'bare-server', server, [], root);
    const { document } = await verify(['--server', 'bare-server', '--client', 'client'], { cwd });
    expect(seen(document.rehearsal?.checks ?? [])).toEqual([...all('NO refused'), ...all('ok accepted')]);
    expect(document.rehearsal?.checks[1]?.evidence).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  it('of a server under another name', async () => {
    const { document } = await verify(
      ['--server', 'server', '--client', 'client', '--name', 'other.internal'],
      {
        cwd: pairs(),
      },
    );
    expect(seen(document.rehearsal?.checks ?? []).slice(0, 3)).toEqual(all('NO refused'));
  });

  it('with CRLs, and says where OpenSSL wants more of them', async () => {
    const cwd = pairs();
    const pem = (...crls: ReturnType<typeof crlOf>[]): string =>
      crls.map(({ der }) => encodePem('X509 CRL', der)).join('');
    const times = { thisUpdate: new Date(now - day), nextUpdate: new Date(now + day) };
    writeFileSync(join(cwd, 'all.pem'), pem(crlOf(issuing, [client], times), crlOf(root, [], times)));
    writeFileSync(join(cwd, 'one.pem'), pem(crlOf(issuing, [], times)));
    const argv = ['--server', 'server', '--client', 'client', '--crl'];
    const revoked = await verify([...argv, 'all.pem'], { cwd });
    expect(seen(revoked.document.rehearsal?.checks ?? [])).toEqual([
      ...all('ok accepted'),
      ...all('NO refused'),
    ]);
    expect(revoked.document.rehearsal?.checks[4]).toMatchObject({ evidence: 'CERT_REVOKED' });
    const missing = await verify([...argv, 'one.pem'], { cwd });
    expect(missing.document.rehearsal?.directions[0]?.difference).toBe(
      'OpenSSL refuses with UNABLE_TO_GET_CRL what holds by RFC 5280',
    );
    expectSchema(missing.document);
  });

  it('of certificates of the store, whose CRLs are looked at', async () => {
    const cwd = temporaryFolder();
    await run(['issue', 'localhost', '--as', 'web', '--usage', 'server', '--create-ca'], { cwd });
    await run(['issue', 'app.internal', '--usage', 'client'], { cwd });
    const { ran, document } = await verify(['--server', 'web', '--client', 'app.internal'], { cwd });
    expect(document.ok).toBe(true);
    expect(ran.code).toBe(0);
  });
});

describe('bad input', () => {
  it.each<[string, string[], RegExp]>([
    ['no target', [], /no server is named/],
    ['no pair', ['localhost:1'], /there is no pair to prove/],
    ['a target without a port', ['localhost', '--cert', 'client'], /target "localhost" is no HOST:PORT/],
    ['a bare IPv6 address', ['::1:443', '--cert', 'client'], /stands in brackets/],
    [
      'a pair that is not there',
      ['localhost:1', '--cert', 'nobody'],
      /"nobody" is neither a file, nor a folder/,
    ],
    ['half a rehearsal', ['--server', 'server'], /needs both/],
    [
      'a rehearsal with a target',
      ['localhost:1', '--server', 'server', '--client', 'client'],
      /has no target/,
    ],
    [
      'flags of the other kind',
      ['localhost:1', '--cert', 'client', '--server-trust', 'x'],
      /--server-trust goes with/,
    ],
    [
      'a wrong status',
      ['localhost:1', '--cert', 'client', '--expect-http', '2xx'],
      /no list of HTTP statuses/,
    ],
    [
      'a status of no application',
      ['localhost:1', '--cert', 'client', '--app', 'none', '--expect-http', '200'],
      /--app none and --expect-http exclude each other/,
    ],
    [
      'a path of no application',
      ['localhost:1', '--cert', 'client', '--app', 'none', '--path', '/'],
      /--app none and --path exclude each other/,
    ],
    [
      'a name that no server has',
      ['localhost:1', '--cert', 'client', '--servername', 'bad name'],
      /--servername "bad name" is no host/,
    ],
    [
      'a name with a port',
      ['localhost:1', '--cert', 'client', '--servername', 'a.internal:443'],
      /--servername "a.internal:443" is no host/,
    ],
    ['a wrong version', ['localhost:1', '--cert', 'client', '--tls', '1.1'], /one of: 1.2, 1.3/],
    [
      'a trust file without certificates',
      ['localhost:1', '--cert', 'client', '--trust', 'client/key.pem'],
      /holds no certificate/,
    ],
  ])('%s is refused with 2', async (_, argv, message) => {
    const { code, stderr } = await run(['verify-mtls', ...argv], { cwd: pairs() });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(message) as string });
  });

  it('a line of --targets that is no server is named', async () => {
    const cwd = pairs();
    writeFileSync(join(cwd, 'servers.txt'), '# ours\nlocalhost:1\n\nlocalhost\n');
    const { code, stderr } = await run(['verify-mtls', '--targets', 'servers.txt', '--cert', 'client'], {
      cwd,
    });
    expect(code).toBe(2);
    expect(stderr).toContain(`--targets ${join(cwd, 'servers.txt')}, line 4: "localhost" is no HOST:PORT`);
  });

  it('a key of another certificate', async () => {
    const cwd = pairs();
    const { code, stderr } = await run(
      ['verify-mtls', 'localhost:1', '--cert', 'client', '--key', 'server/key.pem'],
      { cwd },
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/does not belong to its first certificate, client\.internal/);
    writeFileSync(
      join(cwd, 'wrong-order.pem'),
      readFileSync(join(cwd, 'client/fullchain.pem'), 'utf8')
        .split(/(?=-----BEGIN)/)
        .reverse()
        .join('') + readFileSync(join(cwd, 'client/key.pem'), 'utf8'),
    );
    const order = await run(['verify-mtls', 'localhost:1', '--cert', 'wrong-order.pem'], { cwd });
    expect(order.stderr).toMatch(/at place 2: that one must stand first/);
  });

  it('an encrypted key needs its passphrase, which opens it', async () => {
    const port = await listen(tlsServer(required));
    const cwd = pairs();
    const key = await encryptedPrivateKeyPem(client.key, Buffer.from('open sesame'));
    writeFileSync(join(cwd, 'client/key.pem'), key);
    writeFileSync(join(cwd, 'pass.txt'), 'open sesame\n');
    writeFileSync(join(cwd, 'wrong.txt'), 'close\n');
    const argv = ['verify-mtls', `localhost:${port}`, '--cert', 'client'];
    expect((await run(argv, { cwd })).code).toBe(2);
    expect(await run([...argv, '--passphrase-file', 'wrong.txt'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/the passphrase does not open .*key\.pem/) as string,
    });
    expect((await run([...argv, '--passphrase-file', 'pass.txt'], { cwd })).code).toBe(0);
  });

  it('a key that OpenSSL will not use', async () => {
    const cwd = pairs();
    const small = generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey;
    writePair(cwd, 'small', issue('small.internal', issuing, { ...valid, key: small }), [], root);
    const { code, stderr } = await run(['verify-mtls', 'localhost:1', '--cert', 'small'], { cwd });
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/OpenSSL cannot use the client's pair: .*too small/) as string,
    });
  });
});
