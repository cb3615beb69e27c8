import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePem } from '../../src/pki/x509/pem-writer.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { authority, crlOf, issue, type Changes } from '../support/chains.ts';
import { run, temporaryFolderForSuite } from '../support/cli.ts';
import {
  gnutlsServer,
  haproxy,
  modes,
  nginx,
  nodeServer,
  opensslServer,
  stunnel,
  type Mode,
  type Running,
  type Start,
} from '../support/mtls-servers.ts';
import { writePair } from '../support/pair-files.ts';
import { pairOf, pemOf } from '../support/tls-server.ts';
import { describeWith } from '../support/tools.ts';

/** What is shown to a server: `none` and `stranger` are what verify-mtls shows of its own accord. */
const clients = ['good', 'foreign', 'expired', 'usage', 'revoked'] as const;
type Client = (typeof clients)[number] | 'none';

/** What is seen of a server: alerts by number, statuses, `closed`, `in`, `not asked`. */
type Row = Readonly<Record<Client, string | readonly string[]>>;

const everybody: Row = {
  good: 'in',
  none: 'in',
  foreign: 'in',
  expired: 'in',
  usage: 'in',
  revoked: 'in',
};
const alerts: Row = {
  good: 'in',
  none: 'in',
  foreign: 'alert 48',
  expired: 'alert 45',
  usage: 'alert 43',
  revoked: 'alert 44',
};
const same = (what: string): Row => ({
  good: 'in',
  none: what,
  foreign: what,
  expired: what,
  usage: what,
  revoked: what,
});

interface Kind {
  start: Start;
  tools: readonly string[];
  required: (version: '1.2' | '1.3') => Row;
  optional: Row;
}

const kinds: Readonly<Record<string, Kind>> = {
  // Whatever it dislikes, the handshake is finished and a page says so.
  nginx: {
    start: nginx,
    tools: ['nginx'],
    required: () => same('HTTP 400'),
    optional: { ...same('HTTP 400'), none: 'in' },
  },
  haproxy: {
    start: haproxy,
    tools: ['haproxy'],
    required: (version) => ({ ...alerts, none: version === '1.2' ? 'alert 40' : 'alert 116' }),
    optional: alerts,
  },
  'openssl s_server': {
    start: opensslServer,
    tools: ['openssl'],
    required: (version) => ({ ...alerts, none: version === '1.2' ? 'alert 40' : 'alert 116' }),
    optional: alerts,
  },
  // It looks at no purposes, and has one alert for everything else. Without a certificate, versions of it differ.
  'gnutls-serv': {
    start: gnutlsServer,
    tools: ['gnutls-serv'],
    required: () => ({
      ...same('alert 49'),
      usage: 'in',
      none: ['alert 50', 'alert 116', 'alert 49', 'closed'],
    }),
    optional: { ...same('alert 49'), usage: 'in', none: 'in' },
  },
  stunnel: {
    start: stunnel,
    tools: ['stunnel'],
    required: (version) => ({ ...alerts, none: version === '1.2' ? 'alert 40' : 'alert 116' }),
    optional: alerts,
  },
  // It hangs up once the handshake is done, without an alert; only OpenSSL beneath it has one for who shows none.
  'Node.js': {
    start: nodeServer,
    tools: [],
    required: (version) => ({ ...same('closed'), none: version === '1.2' ? 'alert 40' : 'alert 116' }),
    optional: { ...same('closed'), none: 'in' },
  },
};

const day = 86_400_000;
const from = (start: number, end: number): Changes => ({
  notBefore: new Date(Date.now() + start * day),
  notAfter: new Date(Date.now() + end * day),
});
const valid = from(-2, 2);
const root = authority('Root CA', undefined, valid);
const issuing = authority('Issuing CA', root, valid);
const stranger = authority('Other CA', undefined, valid);
const forClients = { ...valid, extendedKeyUsage: [oid.clientAuth] };
const revoked = issue('revoked.internal', issuing, forClients);

function writeFiles(folder: string): void {
  const { cert, key } = pemOf(
    pairOf(issue('localhost', issuing, { ...valid, extendedKeyUsage: [oid.serverAuth] }), issuing),
  );
  writeFileSync(join(folder, 'server.pem'), cert);
  writeFileSync(join(folder, 'server-key.pem'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'ca.pem'), pemOf(pairOf(root)).cert);
  const times = { thisUpdate: new Date(Date.now() - day), nextUpdate: new Date(Date.now() + day) };
  const crls = [crlOf(issuing, [revoked], times), crlOf(root, [], times)];
  writeFileSync(join(folder, 'crl.pem'), crls.map(({ der }) => encodePem('X509 CRL', der)).join(''));
  writePair(folder, 'good', issue('good.internal', issuing, forClients), [issuing], root);
  writePair(folder, 'foreign', issue('foreign.internal', stranger, forClients), [], root);
  writePair(
    folder,
    'expired',
    issue('expired.internal', issuing, { ...forClients, ...from(-9, -3) }),
    [issuing],
    root,
  );
  writePair(
    folder,
    'usage',
    issue('usage.internal', issuing, { ...valid, extendedKeyUsage: [oid.serverAuth] }),
    [issuing],
    root,
  );
  writePair(folder, 'revoked', revoked, [issuing], root);
}

interface Check {
  probe: string;
  seen: string;
  ok: boolean;
  evidence: string;
  causes: { certainty: string; message: string }[];
}

/** A check in the words of the tables above. */
function word({ seen, evidence }: Check): string {
  if (seen === 'accepted') return 'in';
  if (seen === 'not-asked') return 'not asked';
  const alert = /^alert [a-z_]+ \((\d+)\)/.exec(evidence)?.[1];
  if (alert !== undefined) return `alert ${alert}`;
  return (
    /^HTTP \d{3}/.exec(evidence)?.[0] ?? (/^(closed|connection reset)/.test(evidence) ? 'closed' : evidence)
  );
}

/** What the first cause must speak of, where a pair is refused. */
const reasons: Readonly<Record<Client, RegExp>> = {
  good: /./,
  none: /./,
  foreign:
    /the server takes certificates of CN=Root CA|is neither trusted nor|^only the certificate itself|^the issuing CA of foreign.internal is/,
  expired: /^expired\.internal expired 3 days ago/,
  usage: /^usage\.internal is for server authentication, not for client authentication/,
  revoked: /^revoked\.internal was revoked/,
};

describe.each(Object.entries(kinds))('%s', (name, kind) => {
  describeWith(kind.tools, name, () => {
    const folder = temporaryFolderForSuite();
    beforeAll(() => {
      writeFiles(folder());
    });

    describe.each(modes)('client certificate %s', (mode) => {
      let server: Running;
      beforeAll(async () => {
        server = await kind.start({ folder: folder(), mode });
      });
      afterAll(async () => {
        await server.stop();
      });

      describe.each(['1.2', '1.3'] as const)('TLS %s', (version) => {
        const expected =
          mode === 'required' ? kind.required(version) : mode === 'optional' ? kind.optional : everybody;

        it.each(clients)('%s', async (client) => {
          const argv = [
            `localhost:${server.port}`,
            '--connect',
            `127.0.0.1:${server.port}`,
            '--cert',
            client,
          ];
          argv.push('--tls', version, '--trust', 'ca.pem', '--crl', 'crl.pem', '--timeout', '20s', '--json');
          if (mode === 'optional') argv.push('--client-auth', 'optional');
          const { code, stdout } = await run(['verify-mtls', ...argv], { cwd: folder() });
          const { targets } = JSON.parse(stdout) as { targets: { checks: Check[]; server: unknown }[] };
          const checks = Object.fromEntries((targets[0]?.checks ?? []).map((check) => [check.probe, check]));
          const {
            chain,
            pair,
            stranger: unknown,
            'no-certificate': none,
          } = checks as Record<string, Check | undefined>;
          if (!chain || !pair || !unknown || !none) throw new Error(stdout);

          expect(chain.ok).toBe(true);
          expect(targets[0]?.server).toMatchObject({
            protocol: `TLSv${version}`,
            clientCertificate: { asked: mode !== 'not asked' },
          });
          expectCell('the pair', word(pair), mode === 'not asked' ? 'not asked' : expected[client]);
          expectCell('no certificate', word(none), expected.none);
          expectCell("a stranger's", word(unknown), expected.foreign);
          if (pair.seen === 'refused') expect(pair.causes[0]?.message).toMatch(reasons[client]);
          expect(code).toBe(exitFor(mode, pair, none, unknown));
        });
      });
    });
  });
});

function expectCell(what: string, seen: string, expected: string | readonly string[]): void {
  expect({ what, seen }).toEqual({
    what,
    seen: typeof expected === 'string' ? expected : (expect.toBeOneOf([...expected]) as string),
  });
}

/** 0 only where the pair is let in, and strangers are not. */
function exitFor(mode: Mode, pair: Check, none: Check, unknown: Check): number {
  const asMustBe =
    pair.seen === 'accepted' &&
    unknown.seen === 'refused' &&
    none.seen === (mode === 'optional' ? 'accepted' : 'refused');
  return asMustBe ? 0 : 3;
}
