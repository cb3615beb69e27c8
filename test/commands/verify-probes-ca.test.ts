import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { PeerCertificate, TlsOptions } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { siblingOf } from '../../src/pki/lifecycle/probe-authority.ts';
import { readCertificate, type Certificate } from '../../src/pki/x509/certificate.ts';
import { probeOf } from '../../src/pki/x509/probe-mark.ts';
import { nameText, parseName } from '../../src/pki/x509/subject-alternative-name.ts';
import { run, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';
import { listen, tlsServer } from '../support/tls-server.ts';

interface Check {
  probe: string;
  seen: string;
  ok: boolean;
  evidence: string;
  causes: { message: string; fix: string }[];
}
interface Target {
  checks: Check[];
  proven: boolean;
  notes: string[];
}

const folder = temporaryFolderForSuite();
const file = (...path: string[]): string => readFileSync(join(folder(), ...path), 'utf8');

beforeAll(async () => {
  const lent = { cwd: folder() };
  expect((await run(['ca', 'init', '--name', 'Probed'], lent)).code).toBe(0);
  expect((await run(['issue', 'localhost', '--as', 'server', '--usage', 'server'], lent)).code).toBe(0);
  expect((await run(['issue', 'client.internal', '--usage', 'client'], lent)).code).toBe(0);
  expect((await run(['ca', 'init', '--name', 'Other', '--ca', 'other'], lent)).code).toBe(0);
});

/** A server as it must be; OpenSSL's level 2 refuses weak keys and signatures. */
const required = (changes: TlsOptions = {}): TlsOptions => ({
  cert: file('certs/server/current/fullchain.pem'),
  key: file('certs/server/current/key.pem'),
  ca: [file('certs/server/current/ca.pem')],
  requestCert: true,
  rejectUnauthorized: true,
  ciphers: 'DEFAULT:@SECLEVEL=2',
  ...changes,
});

async function probe(port: number, ...argv: string[]): Promise<{ ran: Ran; target: Target }> {
  const all = ['verify-mtls', `localhost:${port}`, '--cert', 'client.internal', '--probe', '--json', ...argv];
  const ran = await run(all, { cwd: folder() });
  expect(schemaErrors(ran.stdout)).toEqual([]);
  const [target] = (JSON.parse(ran.stdout) as { targets: Target[] }).targets;
  if (!target) throw new Error(ran.stdout);
  return { ran, target };
}

const seen = ({ checks }: Target): string[] =>
  checks.slice(2).map(({ probe: name, seen: what, ok }) => `${ok ? 'ok' : 'NO'} ${name} ${what}`);

/** Every certificate on record of the CA, with what it is a probe of. */
function recorded(ca = 'ca'): { probe: string | undefined; certificate: Certificate }[] {
  const issued = join(folder(), ca, 'active', 'issued');
  return readdirSync(issued).flatMap((month) =>
    readdirSync(join(issued, month)).map((name) => {
      const pem = readFileSync(join(issued, month, name), 'utf8');
      const certificate = readCertificate(new X509Certificate(pem).raw);
      return { certificate, probe: probeOf(certificate) };
    }),
  );
}

const minted = ['expired', 'not-yet-valid', 'wrong-usage', 'weak-key', 'weak-signature'];

describe('--probe --ca', () => {
  it.each(['1.2', '1.3'] as const)('what the CA signs to be refused is refused, TLS %s', async (version) => {
    const port = await listen(tlsServer(required()));
    const { ran, target } = await probe(port, '--ca', './ca', '--only', minted.join(','), '--tls', version);
    expect(seen(target)).toEqual([
      'ok pair accepted',
      'ok control accepted',
      ...minted.map((name) => `ok ${name} refused`),
      'ok pair-again accepted',
    ]);
    expect(target.proven).toBe(true);
    expect(ran.code).toBe(0);
  });

  it('a server that looks at nothing but the issuer lets all of them in', async () => {
    const port = await listen(
      tlsServer(required({ rejectUnauthorized: false }), (socket) => {
        const { issuer } = socket.getPeerCertificate() as Partial<PeerCertificate>;
        if (issuer?.CN === 'Probed Issuing CA')
          socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
        else socket.destroy();
      }),
    );
    const only = [...minted, 'wrong-name'];
    const { ran, target } = await probe(
      port,
      '--ca',
      'ca',
      '--expect-name',
      'client.internal',
      '--only',
      only.join(','),
    );
    const rows = target.checks.filter(({ probe: name }) => only.includes(name));
    expect(rows.map(({ causes }) => causes[0]?.message)).toEqual([
      expect.stringContaining('expired certificate is let in'),
      expect.stringContaining('not valid yet is let in'),
      expect.stringContaining('for servers only is let in'),
      expect.stringContaining('for another name is let in'),
      expect.stringContaining('RSA 1024 is let in'),
      expect.stringContaining('SHA-1 is let in'),
    ]);
    expect(ran.code).toBe(3);
  });

  it('a server that looks at names refuses another name, with --expect-name only', async () => {
    const named = tlsServer(required(), (socket) => {
      if (socket.getPeerCertificate().subjectaltname === 'DNS:client.internal')
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
      else socket.destroy();
    });
    const port = await listen(named);
    const argv = ['--ca', 'ca', '--only', 'wrong-name'];
    const unknown = await probe(port, ...argv);
    expect(unknown.target.checks.find(({ probe: name }) => name === 'wrong-name')).toMatchObject({
      seen: 'skipped',
      evidence: expect.stringContaining('not applicable') as string,
    });
    const known = await probe(port, ...argv, '--expect-name', 'client.internal');
    expect(seen(known.target)).toContain('ok wrong-name refused');
    expect(known.ran.code).toBe(0);
  });

  it('every probe is on record as one, lives for minutes, and its key nowhere', async () => {
    const before = recorded().length;
    const port = await listen(tlsServer(required()));
    await probe(port, '--ca', 'ca', '--only', 'expired,weak-key');
    const all = recorded();
    expect(all.length - before).toBe(3);
    const probes = all.filter(({ probe: name }) => name !== undefined);
    expect(probes.map(({ probe: name }) => name)).toEqual(
      expect.arrayContaining(['control', 'expired', 'weak-key']),
    );
    for (const { certificate } of probes) {
      const { notBefore, notAfter } = certificate;
      expect(notAfter.getTime() - notBefore.getTime()).toBeLessThanOrEqual(25 * 60_000);
    }
    expect(all.filter(({ probe: name }) => name === undefined)).toHaveLength(2);
    const keys = execFileSync('find', [
      folder(),
      '-name',
      '*.pem',
      '-newer',
      join(folder(), 'other', 'ca.json'),
    ])
      .toString()
      .split('\n')
      .filter(
        (path) => path !== '' && statSync(path).isFile() && readFileSync(path, 'utf8').includes('PRIVATE'),
      );
    // Those of the second CA, written after its ca.json.
    expect(keys.every((path) => path.startsWith(join(folder(), 'other')))).toBe(true);
  });

  it('what could not be shown is not taken for refused', async () => {
    const port = await listen(tlsServer(required({ sigalgs: 'ECDSA+SHA256' })));
    const { target } = await probe(port, '--ca', 'ca', '--only', 'weak-key,expired');
    expect(target.checks.find(({ probe: name }) => name === 'weak-key')).toMatchObject({
      seen: 'skipped',
      evidence: expect.stringContaining('verifies no signature of such a key') as string,
    });
    expect(target.checks.find(({ probe: name }) => name === 'expired')).toMatchObject({ seen: 'refused' });
  });

  it('several servers are shown the same certificates', async () => {
    const before = recorded().length;
    const ports = [await listen(tlsServer(required())), await listen(tlsServer(required()))];
    const argv = ['--cert', 'client.internal', '--probe', '--ca', 'ca', '--only', 'expired'];
    const { code } = await run(['verify-mtls', ...ports.map((port) => `localhost:${port}`), ...argv], {
      cwd: folder(),
    });
    expect(code).toBe(0);
    expect(recorded().length - before).toBe(2);
  });

  it('a CA that the server does not trust proves nothing, and signs no more than one', async () => {
    const port = await listen(tlsServer(required()));
    const { ran, target } = await probe(port, '--ca', 'other', '--only', 'expired,weak-key');
    expect(seen(target)).toEqual([
      'ok pair accepted',
      'NO control refused',
      'ok expired skipped',
      'ok weak-key skipped',
      'ok pair-again accepted',
    ]);
    expect(target.checks[3]?.causes[0]?.fix).toContain(
      'name with --ca the CA whose clients the server lets in',
    );
    expect(target.proven).toBe(false);
    expect(ran.code).toBe(3);
    expect(recorded('other').length).toBe(1);
  });

  it('nobody there: nothing is signed', async () => {
    const before = recorded().length;
    const { ran } = await probe(1, '--ca', 'ca');
    expect(ran.code).toBe(75);
    expect(recorded().length).toBe(before);
  });

  it('an encrypted CA is opened as elsewhere, by a flag of its own', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'secret'), 'correct horse\n', { mode: 0o600 });
    const init = ['ca', 'init', '--name', 'Closed', '--ca', 'closed'];
    expect(await run([...init, '--passphrase-file', 'secret'], { cwd })).toMatchObject({ code: 0 });
    const argv = ['verify-mtls', 'localhost:1', '--cert', 'client.internal', '--probe', '--ca', 'closed'];
    const closed = await run(argv, { cwd });
    expect(closed.code).toBe(2);
    expect(closed.stderr).toContain('--ca-passphrase-file');
    expect((await run([...argv, '--ca-passphrase-file', 'secret'], { cwd })).code).toBe(75);
  });

  it.each<[string, string[], RegExp]>([
    ['a CA at AWS', ['--ca', 'acm'], /--ca "acm" signs no probes/],
    ['a CA that is not there', ['--ca', './nowhere'], /nowhere/],
    [
      'a name that the pair does not bear',
      ['--ca', 'ca', '--expect-name', 'a.b'],
      /a\.b is no name of client/,
    ],
    ['a name without a CA', ['--expect-name', 'client.internal'], /--expect-name goes with --ca/],
    ['hostile text', ['--ca', 'ca', '--expect-name', 'a\u001b[31mb'], /control character/],
  ])('%s is refused', async (_, argv, message) => {
    const all = ['verify-mtls', 'localhost:1', '--cert', 'client.internal', '--probe', ...argv];
    const { code, stderr } = await run(all, { cwd: folder() });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(message) as string });
    expect(stderr).not.toContain('\u001b');
  });
});

describe('revoked', () => {
  const crls = (): string[] => file('certs/_trust/default/current/crl.pem').split(/(?=-----BEGIN)/);
  const only = ['--ca', 'ca', '--only', 'revoked'];
  const row = ({ checks }: Target): Check | undefined => checks.find(({ probe: name }) => name === 'revoked');
  const kept = (): string[] => {
    const probes = join(folder(), 'ca', 'active', 'probes');
    return readdirSync(probes).map((name) => join(probes, name));
  };

  it('the first time it is not held against a server that it knows nothing yet', async () => {
    const { ran, target } = await probe(await listen(tlsServer(required({ crl: crls() }))), ...only);
    expect(row(target)).toMatchObject({
      seen: 'skipped',
      evidence: expect.stringMatching(
        /^let in \(HTTP 200\), but it was revoked just now: give the server CRL number \d+ of .*crl\.pem\)$/,
      ) as string,
    });
    expect(target).toMatchObject({ proven: false });
    expect(ran.code).toBe(3);
  });

  it('is kept by the CA, revoked, for its owner alone', async () => {
    expect(kept()).toHaveLength(1);
    expect(statSync(kept()[0] ?? '').mode & 0o777).toBe(0o600);
    const serial = basename(kept()[0] ?? '', '.pem');
    expect(readdirSync(join(folder(), 'ca', 'active', 'revoked'))).toEqual([`${serial}.1.json`]);
    const listed = await run(['inspect', 'certs/_trust/default/current/crl.pem', '--serial', serial], {
      cwd: folder(),
    });
    expect(listed.code).toBe(0);
    expect((await run(['ca', 'doctor'], { cwd: folder() })).code).toBe(0);
  });

  it('a server with the CRL refuses it, and it is the same certificate', async () => {
    const before = kept();
    const { ran, target } = await probe(await listen(tlsServer(required({ crl: crls() }))), ...only);
    expect(row(target)).toMatchObject({ seen: 'refused', ok: true });
    expect(ran.code).toBe(0);
    expect(kept()).toEqual(before);
    expect(readdirSync(join(folder(), 'ca', 'active', 'revoked'))).toHaveLength(1);
  });

  it('a server without the CRL lets it in, and is told which it lacks', async () => {
    const { ran, target } = await probe(await listen(tlsServer(required())), ...only);
    expect(row(target)).toMatchObject({ seen: 'accepted', ok: false });
    expect(row(target)?.causes[0]?.message).toMatch(
      /^a revoked certificate is let in: it is listed in every CRL since 20.*, the newest is CRL number \d+ of 20/,
    );
    expect(row(target)?.causes[0]?.fix).toMatch(/ssl_crl.*crl\.pem\)$/);
    expect(ran.code).toBe(3);
  });

  it('another client has one of its own', async () => {
    const lent = { cwd: folder() };
    expect((await run(['issue', 'spiffe://corp/orders', '--as', 'orders'], lent)).code).toBe(0);
    const port = await listen(tlsServer(required()));
    await run(['verify-mtls', `localhost:${port}`, '--cert', 'orders', '--probe', ...only], lent);
    expect(kept()).toHaveLength(2);
  });
});

it.each([
  ['client.internal', 'certwright-probe.internal'],
  ['client', 'certwright-probe'],
  ['*.shop.internal', 'certwright-probe.shop.internal'],
  ['ops@corp.internal', 'certwright-probe@corp.internal'],
  ['spiffe://corp/ns/shop/sa/orders', 'spiffe://corp/ns/shop/sa/certwright-probe'],
  ['spiffe://corp', 'spiffe://corp/certwright-probe'],
  ['192.0.2.7', '192.0.2.6'],
])('the name beside %s is %s', (name, beside) => {
  expect(nameText(siblingOf(parseName(name)))).toBe(beside);
});
