import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorCodes } from '../../src/pki/errors.ts';
import { encodeName } from '../../src/pki/x509/distinguished-name.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { certificatePem, encodePem } from '../../src/pki/x509/pem-writer.ts';
import { authority, crlOf, days, issue, noon, type Entity } from '../support/chains.ts';
import { run, temporaryFolder, temporaryFolderForSuite, type Lent, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';
import { describeWith } from '../support/tools.ts';

const root = authority('Root');
const ca = authority('Issuing CA', root);
const leaf = issue('orders.internal', ca);
const other = issue('other.internal', ca);
const der = leaf.certificate.der;
const pem = certificatePem(der);

interface Item {
  kind: string;
  container: string;
  label: string | null;
  notes: string[];
  sha256?: string;
  publicKey?: { text: string; sha256: string } | null;
  [field: string]: unknown;
}

interface Document {
  items: Item[];
  relations: { type: string; from: number; to: number }[];
  problems: {
    code: string;
    block: number | null;
    offset: number | null;
    expected: string | null;
    message: string;
  }[];
  check: { met: boolean; failures: { item: number; reason: string }[] } | null;
  skipped: number | null;
  stored: { name: string; generation: number; keyMatches: boolean | null } | null;
}

const folder = temporaryFolderForSuite();

const inspect = (argv: readonly string[], lent: Partial<Lent> = {}): Promise<Ran> =>
  run(['inspect', ...argv], { cwd: folder(), now: () => noon, ...lent });

/** The document of a run that ends as wanted; it follows its published schema. */
async function documentOf(argv: readonly string[], lent: Partial<Lent> = {}, wanted = 0): Promise<Document> {
  const { code, stdout, stderr } = await inspect([...argv, '--json'], lent);
  expect({ code, stderr }).toEqual({ code: wanted, stderr: '' });
  expect(schemaErrors(stdout)).toEqual([]);
  return JSON.parse(stdout) as Document;
}

/** The same for bytes on standard input. */
const read = (bytes: string | Buffer, wanted = 0, ...argv: string[]): Promise<Document> =>
  documentOf(['-', ...argv], { stdin: bytes }, wanted);

const put = (name: string, bytes: string | Buffer): string => {
  writeFileSync(join(folder(), name), bytes);
  return name;
};

const kinds = ({ items }: Document): string[] => items.map(({ kind }) => kind);
const fingerprints = ({ items }: Document): unknown[] => items.map(({ sha256 }) => sha256);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** One line on standard error, and its way out where it has one. */
async function refusal(bytes: string | Buffer, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await inspect(['-', ...argv], { stdin: bytes });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^certwright: [^\n]+\n( {2}[^\n]+\n)?$/);
  return stderr;
}

describe('a certificate', () => {
  it('is shown with everything that it says', async () => {
    const { code, stdout, stderr } = await inspect([put('leaf.pem', pem)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const wanted = new X509Certificate(der);
    for (const text of [
      'subject       CN=orders.internal',
      'issuer        CN=Issuing CA',
      'names         dns:orders.internal',
      'valid         for 30 days',
      '2030-05-16T12:00:00Z to 2030-07-15T12:00:00Z',
      `serial        ${wanted.serialNumber.toLowerCase()}`,
      'key           EC P-256 (128 bits of security)',
      'signature     ECDSA with SHA-256',
      'CA            no',
      'key usage     digitalSignature',
      'purposes      serverAuth, clientAuth',
      wanted.fingerprint256.replaceAll(':', '').toLowerCase(),
      sha256(leaf.certificate.publicKey),
    ]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).toMatch(/extensions +.*basicConstraints \(critical\).*subjectAltName/);
  });

  it.each([
    ['is over', days(31), 'expired 1 day ago'],
    ['has not begun', days(-31), 'not yet: begins in 1 day'],
    ['ends soon', days(29), 'for 1 day'],
  ])('says in words how long it %s', async (_, now, text) => {
    expect((await inspect(['-'], { stdin: pem, now: () => now })).stdout).toContain(text);
  });

  it('comes out of --pem byte for byte', async () => {
    const { stdout } = await inspect(['-', '--pem'], {
      stdin: `text\n${pem}${certificatePem(ca.certificate.der)}`,
    });
    expect(stdout).toBe(pem + certificatePem(ca.certificate.der));
  });

  it('that is absent makes --pem a failure, not an empty file', async () => {
    const key = leaf.key.export({ type: 'pkcs8', format: 'pem' });
    expect(await refusal(key, '--pem')).toContain('holds no certificate or request to print');
  });
});

describe('PEM', () => {
  const blocks = [pem, certificatePem(ca.certificate.der), certificatePem(root.certificate.der)];
  const all = [der, ca.certificate.der, root.certificate.der].map(sha256);

  it.each<[string, () => string | Buffer]>([
    ['several blocks', () => blocks.join('')],
    [
      'text between blocks',
      () => `Bag Attributes\n  a: b\n${blocks.join('\nsubject=/CN=x\n-- not a line\n')}`,
    ],
    ['CRLF', () => blocks.join('').replaceAll('\n', '\r\n')],
    ['CR alone', () => blocks.join('').replaceAll('\n', '\r')],
    ['a byte order mark', () => `\ufeff${blocks.join('')}`],
    ['UTF-16, little-endian with a mark', () => Buffer.from(`\ufeff${blocks.join('')}`, 'utf16le')],
    ['UTF-16, big-endian with a mark', () => Buffer.from(`\ufeff${blocks.join('')}`, 'utf16le').swap16()],
    ['UTF-16 without a mark', () => Buffer.from(blocks.join(''), 'utf16le')],
    ['END and BEGIN glued on one line', () => blocks.join('').replaceAll('-----\n-----', '----------')],
    ['no line ending at the end', () => blocks.join('').trimEnd()],
    ['blank lines and indented base64', () => blocks.join('\n\n').replace(/^(?=[A-Za-z0-9+/=]+$)/gm, '  ')],
    [
      'one line of base64',
      () => blocks.map((one) => one.replace(/(?<=[A-Za-z0-9+/])\n(?=[A-Za-z0-9+/=])/g, '')).join(''),
    ],
    ['the label X509 CERTIFICATE', () => blocks.join('').replaceAll(' CERTIFICATE', ' X509 CERTIFICATE')],
    [
      'the label TRUSTED CERTIFICATE',
      () => blocks.join('').replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE'),
    ],
  ])('may have %s', async (_, bytes) => {
    const document = await read(bytes());
    expect(fingerprints(document)).toEqual(all);
    expect(document.problems).toEqual([]);
  });

  it('whose label lies is read as what it holds, and that is said', async () => {
    const [item] = (await read(pem.replaceAll('CERTIFICATE', 'PRIVATE KEY'))).items;
    expect(item).toMatchObject({
      kind: 'certificate',
      label: 'PRIVATE KEY',
      notes: ['labelled "PRIVATE KEY", but it holds a certificate'],
    });
    expect((await inspect(['-'], { stdin: pem.replaceAll('CERTIFICATE', 'X') })).code).toBe(0);
  });

  it('shows what OpenSSL trusts a certificate for', async () => {
    const settings = Buffer.from('300c300a06082b06010505070301', 'hex');
    const trusted = encodePem('TRUSTED CERTIFICATE', Buffer.concat([der, settings]));
    expect((await read(trusted)).items[0]).toMatchObject({
      trust: { trusted: [oid.serverAuth], rejected: [], alias: null },
    });
    expect((await inspect(['-'], { stdin: trusted })).stdout).toContain('trusted for   serverAuth');
  });

  it('may be DER instead', async () => {
    expect(await read(der)).toMatchObject({
      items: [{ kind: 'certificate', container: 'der', sha256: sha256(der) }],
    });
  });
});

describe('a key', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const dsa = generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey;
  const ed25519 = generateKeyPairSync('ed25519').privateKey;
  const secret = { cipher: 'aes-256-cbc', passphrase: 'tulip' } as const;
  const text = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1', options = {}): string =>
    key.export({ type, format: 'pem', ...options } as never) as unknown as string;
  const binary = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1', options = {}): Buffer =>
    key.export({ type, format: 'der', ...options } as never) as unknown as Buffer;

  const forms: [string, string, KeyObject, () => string | Buffer][] = [
    ['PKCS#8', 'EC P-256', leaf.key, () => text(leaf.key, 'pkcs8')],
    ['PKCS#8 in DER', 'EC P-256', leaf.key, () => binary(leaf.key, 'pkcs8')],
    ['SEC1', 'EC P-256', leaf.key, () => text(leaf.key, 'sec1')],
    ['SEC1 in DER', 'EC P-256', leaf.key, () => binary(leaf.key, 'sec1')],
    [
      'SEC1 with its curve before it',
      'EC P-256',
      leaf.key,
      () =>
        `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${text(leaf.key, 'sec1')}`,
    ],
    ['PKCS#1', 'RSA 2048 bits', rsa, () => text(rsa, 'pkcs1')],
    ['PKCS#1 in DER', 'RSA 2048 bits', rsa, () => binary(rsa, 'pkcs1')],
    ['PKCS#8 of DSA', 'DSA 2048 bits', dsa, () => text(dsa, 'pkcs8')],
    ['PKCS#8 of Ed25519', 'Ed25519', ed25519, () => text(ed25519, 'pkcs8')],
    ['encrypted PKCS#8', 'EC P-256', leaf.key, () => text(leaf.key, 'pkcs8', secret)],
    ['encrypted PKCS#8 in DER', 'EC P-256', leaf.key, () => binary(leaf.key, 'pkcs8', secret)],
    ['Proc-Type encryption of SEC1', 'EC P-256', leaf.key, () => text(leaf.key, 'sec1', secret)],
    ['Proc-Type encryption of PKCS#1', 'RSA 2048 bits', rsa, () => text(rsa, 'pkcs1', secret)],
  ];

  /** Pieces of the secret in hex and base64: neither text nor JSON may hold one. */
  const traces = (key: KeyObject): string[] => {
    const { d } = key.asymmetricKeyType === 'dsa' ? {} : key.export({ format: 'jwk' });
    const octets = Buffer.from(d ?? '', 'base64url');
    return octets.length === 0
      ? []
      : [octets.toString('hex').slice(0, 32), (d ?? '').slice(0, 24), octets.toString('base64').slice(0, 24)];
  };

  it.each(forms)(
    'as %s is named, matched to its certificate and never printed',
    async (_, name, key, bytes) => {
      const file = put('key', bytes());
      put('pass.txt', 'tulip\n');
      const flags = ['--file', file, '--passphrase-file', 'pass.txt'];
      const { code, stdout } = await inspect(flags);
      const document = await documentOf(flags);
      expect({ code, kinds: kinds(document) }).toEqual({ code: 0, kinds: ['private-key'] });
      expect(document.items[0]?.publicKey).toMatchObject({
        text: name,
        sha256: sha256(createSpki(key)),
      });
      expect(stdout).toContain(`key           ${name}`);
      for (const trace of traces(key)) expect(stdout + JSON.stringify(document)).not.toContain(trace);
    },
  );

  it('that is encrypted says so without a passphrase, and is exit 2 with a wrong one', async () => {
    const bytes = text(leaf.key, 'pkcs8', secret);
    expect((await read(bytes)).items[0]).toMatchObject({
      encrypted: true,
      publicKey: null,
      why: 'it is encrypted; --passphrase-file opens it',
    });
    put('wrong.txt', 'daisy\n');
    expect(await refusal(bytes, '--passphrase-file', 'wrong.txt')).toContain(
      'the passphrase does not open it',
    );
  });

  it.each([
    ['SubjectPublicKeyInfo', () => createSpki(rsa)],
    ['SubjectPublicKeyInfo in PEM', () => encodePem('PUBLIC KEY', createSpki(rsa))],
    ['PKCS#1 in PEM', () => createPublicKey(rsa).export({ type: 'pkcs1', format: 'pem' })],
    ['PKCS#1 in DER', () => createPublicKey(rsa).export({ type: 'pkcs1', format: 'der' })],
  ])('that is public as %s', async (_, bytes) => {
    expect((await read(bytes())).items[0]).toMatchObject({
      kind: 'public-key',
      publicKey: { text: 'RSA 2048 bits', sha256: sha256(createSpki(rsa)) },
    });
  });
});

const createSpki = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

describeWith(['openssl'], 'what OpenSSL makes', () => {
  const openssl = (...argv: string[]): Buffer =>
    execFileSync('openssl', argv, { cwd: folder(), stdio: ['ignore', 'pipe', 'pipe'] });

  beforeAll(() => {
    put('leaf.pem', pem);
    put('chain.pem', certificatePem(ca.certificate.der) + certificatePem(root.certificate.der));
    put('leaf.key', leaf.key.export({ type: 'pkcs8', format: 'pem' }));
    put('pass.txt', 'tulip\n');
    put('crl.pem', encodePem('X509 CRL', crlOf(ca, [other]).der));
  });

  const chain = [der, ca.certificate.der, root.certificate.der].map(sha256);

  it.each(['PEM', 'DER'])('PKCS#7 with certificates and a CRL, in %s', async (form) => {
    const bytes = openssl(
      'crl2pkcs7',
      '-in',
      'crl.pem',
      '-certfile',
      'leaf.pem',
      '-certfile',
      'chain.pem',
      '-outform',
      form,
    );
    const document = await read(bytes);
    expect(kinds(document)).toEqual(['certificate', 'certificate', 'certificate', 'crl']);
    expect(fingerprints(document).slice(0, 3)).toEqual(chain);
    expect(document.items.every(({ container }) => container === 'pkcs7')).toBe(true);
  });

  it.each([['-stream'], ['-nodetach']])('CMS with a signature (%s), which is not checked', async (flag) => {
    put('message', 'hello');
    const bytes = openssl(
      'cms',
      '-sign',
      '-in',
      'message',
      '-signer',
      'leaf.pem',
      '-inkey',
      'leaf.key',
      '-certfile',
      'chain.pem',
      '-outform',
      'DER',
      '-nodetach',
      flag,
    );
    const document = await read(bytes);
    expect(fingerprints(document).sort()).toEqual([...chain].sort());
    expect(document.items[0]?.notes).toContain('beside a signature that is not checked');
  });

  it.each<[string, string[], boolean?]>([
    ['as OpenSSL makes it now', []],
    ['as old programs made it', ['-legacy']],
    ['under AES-128 and SHA-1', ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-128-CBC', '-macalg', 'sha1']],
    ['with its certificates in the open', ['-certpbe', 'NONE']],
    ['without a MAC', ['-nomac']],
    ['with its key in the open', ['-keypbe', 'NONE'], false],
  ])('PKCS#12 %s', async (_, flags, encrypted = true) => {
    put(
      'bundle.p12',
      openssl(
        'pkcs12',
        '-export',
        '-inkey',
        'leaf.key',
        '-in',
        'leaf.pem',
        '-certfile',
        'chain.pem',
        '-name',
        'orders',
        '-passout',
        'pass:tulip',
        ...flags,
      ),
    );
    const document = await documentOf(['bundle.p12', '--passphrase-file', 'pass.txt']);
    expect([...kinds(document)].sort()).toEqual(['certificate', 'certificate', 'certificate', 'private-key']);
    expect(document.items.find(({ sha256: one }) => one === chain[0])).toMatchObject({
      friendlyName: 'orders',
      container: 'pkcs12',
    });
    expect(document.items.find(({ kind }) => kind === 'private-key')).toMatchObject({ encrypted });
    expect(document.relations.map(({ type }) => type).sort()).toEqual(['issued-by', 'issued-by', 'key-of']);
  });

  it('PKCS#12 under a passphrase that nobody gave is exit 2 and says what opens it', async () => {
    put(
      'bundle.p12',
      openssl('pkcs12', '-export', '-inkey', 'leaf.key', '-in', 'leaf.pem', '-passout', 'pass:tulip'),
    );
    const { code, stderr } = await inspect(['bundle.p12']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'certwright: bundle.p12: it is PKCS#12 under a passphrase\n  --passphrase-file FILE opens it\n',
    });
    put('wrong.txt', 'daisy\n');
    expect((await inspect(['bundle.p12', '--passphrase-file', 'wrong.txt'])).stderr).toContain(
      'the passphrase does not open it',
    );
  });

  it.each<[string, string[]]>([
    ['empty', ['-passout', 'pass:']],
    ['empty, the old way', ['-passout', 'pass:', '-legacy']],
  ])('PKCS#12 whose passphrase is %s opens by itself', async (_, flags) => {
    put('open.p12', openssl('pkcs12', '-export', '-inkey', 'leaf.key', '-in', 'leaf.pem', ...flags));
    const document = await documentOf(['open.p12']);
    expect([...kinds(document)].sort()).toEqual(['certificate', 'private-key']);
    expect(document.items[0]?.notes).toContain('the PKCS#12 file has no passphrase');
  });

  it.each(['-----BEGIN CERTIFICATE REQUEST-----', '-----BEGIN NEW CERTIFICATE REQUEST-----'])(
    'a request (%s)',
    async (header) => {
      const flags = header.includes('NEW') ? ['-newhdr'] : [];
      const bytes = openssl(
        'req',
        '-new',
        '-key',
        'leaf.key',
        '-subj',
        '/CN=orders.internal',
        '-addext',
        'subjectAltName=DNS:orders.internal,IP:10.0.0.7',
        ...flags,
      );
      expect(bytes.toString()).toContain(header);
      const document = await read(bytes);
      expect(document.items[0]).toMatchObject({
        kind: 'request',
        subject: { text: 'CN=orders.internal' },
        names: [
          { type: 'dns', value: 'orders.internal' },
          { type: 'ip', value: '10.0.0.7' },
        ],
      });
      expect((await inspect(['-', '--pem'], { stdin: bytes })).stdout).toBe(
        bytes.toString().replaceAll('NEW ', ''),
      );
    },
  );

  it('a challenge password is noticed and never shown', async () => {
    put(
      'req.cnf',
      '[req]\ndistinguished_name=n\nattributes=a\nprompt=no\n[n]\nCN=x\n[a]\nchallengePassword=tulips-are-red\n',
    );
    const bytes = openssl('req', '-new', '-key', 'leaf.key', '-config', 'req.cnf', '-outform', 'DER');
    expect(bytes.includes('tulips-are-red')).toBe(true);
    const { stdout } = await inspect(['-'], { stdin: bytes });
    const document = await read(bytes);
    expect(document.items[0]).toMatchObject({ challengePassword: true, pem: null });
    expect(stdout).toContain('challenge');
    for (const text of [stdout, JSON.stringify(document)]) {
      expect(text).not.toContain('tulips');
      expect(text).not.toContain(Buffer.from('tulips-are-red').toString('base64').slice(0, 12));
    }
  });
});

describe('a CRL', () => {
  it('is summarised', async () => {
    const crl = crlOf(ca, [leaf, other], { number: 0x1f });
    const document = await read(encodePem('X509 CRL', crl.der));
    expect(document.items[0]).toMatchObject({
      kind: 'crl',
      issuer: { text: 'CN=Issuing CA' },
      number: '1f',
      state: 'current',
      revoked: { count: 2, reasons: { superseded: 2 }, first: { revokedAt: days(-2).toISOString() } },
    });
    const { stdout } = await inspect(['-'], { stdin: crl.der });
    expect(stdout).toContain('revoked       2 certificates: 2 superseded');
    expect(stdout).toContain('next one due in 6 days');
  });
});

describe('what is no X.509', () => {
  it.each<[string, string | Buffer, string]>([
    [
      'an OpenSSH key',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n',
      'an OpenSSH private key',
    ],
    ['an SSH public key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHnT me@host\n', 'an SSH public key'],
    [
      'PGP',
      '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZQ==\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n',
      'an OpenPGP key or message',
    ],
    ['JKS', Buffer.from('feedfeed0000000200000001', 'hex'), 'a Java keystore (JKS)'],
    ['JCEKS', Buffer.from('cececece0000000200000001', 'hex'), 'a Java keystore (JCEKS)'],
    ['a web page', '<!DOCTYPE html><html><body>404</body></html>', 'a web page'],
    ['PuTTY', 'PuTTY-User-Key-File-3: ssh-ed25519\n', 'a PuTTY private key'],
  ])('%s gets a word on what it is', async (_, bytes, what) => {
    expect(await refusal(bytes)).toContain(`certwright: -: it is ${what}\n  `);
    const document = await read(bytes, 2);
    expect(document).toMatchObject({
      items: [{ kind: 'foreign', what }],
      problems: [{ code: 'unsupported' }],
    });
  });
});

describe('what belongs together', () => {
  it('is told by key, name and signature', async () => {
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const twin = authority('Issuing CA', root);
    const parts = [
      stranger.export({ type: 'pkcs8', format: 'pem' }),
      leaf.key.export({ type: 'pkcs8', format: 'pem' }),
      pem,
      certificatePem(twin.certificate.der),
      certificatePem(ca.certificate.der),
      encodePem('X509 CRL', crlOf(ca, []).der),
      certificatePem(root.certificate.der),
    ];
    const { relations } = await read(parts.join(''));
    expect(relations).toEqual([
      { type: 'key-of', from: 1, to: 2 },
      { type: 'issued-by', from: 2, to: 4 },
      { type: 'issued-by', from: 3, to: 6 },
      { type: 'issued-by', from: 4, to: 6 },
      { type: 'issued-by', from: 5, to: 4 },
    ]);
    const { stdout } = await inspect(['-'], { stdin: parts.join('') });
    expect(stdout).toMatch(/\[3\] certificate.*\n(?: .*\n)* {2}its key {7}\[2\]\n {2}issued by {5}\[5\]\n/);
    expect(stdout).toContain('(self-signed)');
  });

  it('is not what only bears the right name', async () => {
    const impostor = authority('Issuing CA', undefined, { authorityKeyIdentifier: undefined });
    expect((await read(pem + certificatePem(impostor.certificate.der))).relations).toEqual([]);
  });
});

describe('--check', () => {
  const check = async (flags: readonly string[], bytes: string, now: Date): Promise<unknown> => {
    const { code, stdout } = await inspect(['-', '--check', '--json', ...flags], {
      stdin: bytes,
      now: () => now,
    });
    return { code, ...(JSON.parse(stdout) as Document).check };
  };

  it('is met by certificates that are valid for long enough', async () => {
    expect(await check([], pem, noon)).toEqual({ code: 0, met: true, failures: [] });
    expect(await check(['--expires-within', '29d'], pem, noon)).toEqual({ code: 0, met: true, failures: [] });
  });

  it.each<[string, string[], Date, string]>([
    ['ends within the time', ['--expires-within', '31d'], noon, 'ends-soon'],
    ['is over', [], days(31), 'expired'],
    ['has not begun', [], days(-31), 'not-yet-valid'],
  ])('is exit 3 where one %s', async (_, flags, now, reason) => {
    const caLater = certificatePem(
      issue('later', ca, { notBefore: days(-99), notAfter: days(999) }).certificate.der,
    );
    expect(await check(flags, caLater + pem, now)).toEqual({
      code: 3,
      met: false,
      failures: [{ item: 1, reason }],
    });
  });

  it('is exit 3 where there is no certificate', async () => {
    const key = leaf.key.export({ type: 'pkcs8', format: 'pem' }) as string;
    expect(await check([], key, noon)).toEqual({ code: 3, met: false, failures: [] });
  });

  it('says in a line what is wrong', async () => {
    const { code, stdout } = await inspect(['-', '--check'], { stdin: pem, now: () => days(31) });
    expect(code).toBe(3);
    expect(stdout).toContain('check: not met, CN=orders.internal has expired');
  });

  it.each([
    [['leaf.pem', '--expires-within', '30d'], '--expires-within goes with --check'],
    [['leaf.pem', '--check', '--expires-within', '1,5h'], '1,5h'],
    [['leaf.pem', '--json', '--pem'], '--json and --pem exclude each other'],
    [['leaf.pem', '--file', '--stored'], '--file and --stored exclude each other'],
    [['leaf.pem', '--json-lines'], '--json-lines is for a folder'],
    [['nothing.pem'], '"nothing.pem" is neither a file nor a certificate in'],
    [['--file', 'nothing.pem'], 'nothing.pem'],
    [['leaf.pem', '--passphrase-file', 'nothing.txt'], 'nothing.txt'],
  ])('refuses %j', async (argv, message) => {
    put('leaf.pem', pem);
    const { code, stdout, stderr } = await inspect(argv);
    expect(code).toBe(2);
    expect(stdout + stderr).toContain(message);
  });
});

describe('a target', () => {
  it('that is a name in the store shows its generation, its authority and whether the key is its own', async () => {
    const cwd = temporaryFolder();
    await run(['issue', 'orders.internal', '--create-ca'], { cwd });
    const argv = ['orders.internal'];
    const lent = { cwd, now: () => new Date() };
    const document = await documentOf(argv, lent);
    expect(document.stored).toMatchObject({ name: 'orders.internal', generation: 1, keyMatches: true });
    expect(kinds(document)).toEqual(['certificate', 'certificate']);
    expect(document.relations).toEqual([{ type: 'issued-by', from: 0, to: 1 }]);
    const { stdout } = await inspect(argv, lent);
    expect(stdout).toMatch(/^orders\.internal: generation 1, issued by .*; key\.pem belongs to it\n/);
  });

  it('judged for another day is not said to have a CRL that lapses by then', async () => {
    const cwd = temporaryFolder();
    await run(['issue', 'orders.internal', '--create-ca', '--lifetime', '90d'], { cwd });
    const later = new Date(Date.now() + 45 * 86_400_000).toISOString();
    const argv = [
      'inspect',
      'orders.internal',
      '--trust',
      'certs/_trust/default/current/ca.pem',
      '--at',
      later,
    ];
    expect(await run(argv, { cwd })).toMatchObject({ code: 0, stderr: '' });
    const { stored } = JSON.parse((await run([...argv, '--json'], { cwd })).stdout) as {
      stored: { crls: { state: string }[] };
    };
    expect(stored.crls.map(({ state }) => state)).toEqual(['fresh', 'fresh']);
  });

  it('that is a path and a name has to be said', async () => {
    const cwd = temporaryFolder();
    await run(['issue', 'orders.internal', '--create-ca'], { cwd });
    writeFileSync(join(cwd, 'orders.internal'), certificatePem(other.certificate.der));
    const bare = await inspect(['orders.internal'], { cwd });
    expect({ code: bare.code, hint: bare.stderr.split('\n')[1] }).toEqual({
      code: 2,
      hint: '  add --file for the path or --stored for the name',
    });
    expect(fingerprints(await documentOf(['--file', 'orders.internal'], { cwd }))).toEqual([
      sha256(other.certificate.der),
    ]);
    expect((await documentOf(['--stored', 'orders.internal'], { cwd })).stored?.name).toBe('orders.internal');
  });

  it('that is a folder is searched to the bottom, and what is none of ours is counted', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'pki/deep/er'), { recursive: true });
    writeFileSync(join(cwd, 'pki/a.txt'), 'nothing to see');
    writeFileSync(join(cwd, 'pki/deep/er/leaf.crt'), pem);
    writeFileSync(join(cwd, 'pki/deep/ca.der'), ca.certificate.der);
    writeFileSync(join(cwd, 'pki/z.key'), leaf.key.export({ type: 'sec1', format: 'pem' }));
    const document = await documentOf(['pki'], { cwd });
    expect(document.items.map(({ file, kind }) => [file, kind])).toEqual([
      [join(cwd, 'pki/deep/ca.der'), 'certificate'],
      [join(cwd, 'pki/deep/er/leaf.crt'), 'certificate'],
      [join(cwd, 'pki/z.key'), 'private-key'],
    ]);
    expect(document.skipped).toBe(1);
    expect(document.relations).toEqual([
      { type: 'key-of', from: 2, to: 1 },
      { type: 'issued-by', from: 1, to: 0 },
    ]);
    expect((await inspect(['pki'], { cwd })).stdout).toContain('3 found in 3 files; 1 other file skipped');
  });

  it('that is a folder with something broken is exit 4 and shows the rest', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'pki'));
    writeFileSync(join(cwd, 'pki/good.pem'), pem);
    writeFileSync(join(cwd, 'pki/torn.pem'), pem.slice(0, 300));
    const document = await documentOf(['pki'], { cwd }, 4);
    expect(kinds(document)).toEqual(['certificate']);
    expect(document.problems).toMatchObject([{ code: 'malformed', block: 1, offset: 300 }]);
    expect((await inspect(['pki'], { cwd })).stderr).toContain(
      'torn.pem: block 1, at byte 300: expected -----END CERTIFICATE-----',
    );
  });

  it('that is a folder is searched past links that lead nowhere by a file or a circle', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'pki'));
    writeFileSync(join(cwd, 'pki/leaf.pem'), pem);
    symlinkSync('a-loop', join(cwd, 'pki/a-loop'));
    symlinkSync('leaf.pem/x', join(cwd, 'pki/b-through-a-file'));
    const document = await documentOf(['pki'], { cwd }, 4);
    expect(kinds(document)).toEqual(['certificate']);
    expect(document.problems).toMatchObject([
      { code: 'unreadable', file: join(cwd, 'pki/a-loop') },
      { code: 'unreadable', file: join(cwd, 'pki/b-through-a-file') },
    ]);
  });

  it('that is a file is no store, whatever it is called', async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'certs'), pem);
    expect(kinds(await documentOf(['certs'], { cwd }))).toEqual(['certificate']);
    const { code, stderr } = await inspect(['orders.internal'], { cwd });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('a part of the path is not a folder') as string,
    });
  });

  it('fails in one line too with --json-lines', async () => {
    const { code, stdout } = await inspect(['-', '--json-lines'], { stdin: '' });
    expect(code).toBe(2);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'certwright.error/1', error: { code: 'usage' } });
  });

  it('that is a folder comes as one JSON document a line with --json-lines', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'pki'));
    writeFileSync(join(cwd, 'pki/ca.pem'), certificatePem(ca.certificate.der));
    writeFileSync(join(cwd, 'pki/leaf.pem'), pem);
    writeFileSync(join(cwd, 'pki/torn.der'), der.subarray(0, 200));
    const { code, stdout, stderr } = await inspect(['pki', '--json-lines', '--check'], { cwd });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.flatMap(schemaErrors)).toEqual([]);
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[1])).toEqual([
      'item',
      'item',
      'problem',
      'end',
    ]);
    expect(JSON.parse(lines[3] ?? '')).toMatchObject({
      end: { relations: [{ type: 'issued-by', from: 1, to: 0 }], check: { met: true } },
    });
    expect({ code, stderr }).toEqual({ code: 4, stderr: '' });
  });

  it('that is an empty folder is exit 2', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'empty'));
    const { code, stderr } = await inspect(['empty'], { cwd });
    expect({ code, first: stderr.split('\n')[0] }).toEqual({
      code: 2,
      first: 'certwright: empty holds no certificate, key, request or CRL',
    });
  });
});

describe('colour', () => {
  // eslint-disable-next-line no-control-regex
  const coloured = /\u001b\[/;
  it.each<[string, Record<string, string>, boolean]>([
    ['none where nobody asked', {}, false],
    ['FORCE_COLOR', { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR=0', { FORCE_COLOR: '0' }, false],
    ['NO_COLOR beats FORCE_COLOR', { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    ['an empty NO_COLOR is none', { FORCE_COLOR: '1', NO_COLOR: '' }, true],
  ])('%s', async (_, env, wanted) => {
    expect(coloured.test((await inspect(['-'], { stdin: pem, env })).stdout)).toBe(wanted);
  });

  it('is red for what is over, yellow for what ends soon, green for the rest', async () => {
    const validity = async (now: Date): Promise<string> => {
      const { stdout } = await inspect(['-'], { stdin: pem, env: { FORCE_COLOR: '1' }, now: () => now });
      // eslint-disable-next-line no-control-regex
      return /valid {9}\u001b\[(\d+)m/.exec(stdout)?.[1] ?? '';
    };
    expect(await Promise.all([days(31), days(28), noon].map(validity))).toEqual(['31', '33', '32']);
  });

  it('never gets into JSON', async () => {
    expect(
      coloured.test((await inspect(['-', '--json'], { stdin: pem, env: { FORCE_COLOR: '1' } })).stdout),
    ).toBe(false);
  });
});

describe('hostile text', () => {
  const nasty = 'a\u001b[2J\u0007\r\nsubject  CN=good\u202egnp.exe\u200b\u0085';
  const evil: Entity = issue('evil', ca, {
    subject: encodeName([
      { type: oid.commonName, value: nasty },
      { type: oid.organization, value: 'x, CN=good' },
    ]),
    names: [
      { kind: 'dns', value: 'a\u0000.good.com' },
      { kind: 'uri', value: 'http://x/\u001b]8;;http://evil\u0007' },
      { kind: 'dns', value: 'b, dns:good.com' },
    ],
    crlUrls: ['http://x/\r\n\u001b[31m'],
  });
  // eslint-disable-next-line no-control-regex
  const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e]/;

  it('is shown escaped', async () => {
    const { stdout } = await inspect(['-'], { stdin: certificatePem(evil.certificate.der) });
    expect(raw.test(stdout)).toBe(false);
    expect(stdout).toContain('CN=a\\u001b[2J\\u0007\\u000d\\u000asubject');
    expect(stdout).toContain('\\u202egnp.exe\\u200b\\u0085, O=x\\, CN\\=good');
    expect(stdout).toContain('dns:a\\u0000.good.com');
    expect(stdout.split('\n').filter((line) => /^ {2}subject/.test(line))).toHaveLength(1);
  });

  it('is whole in JSON, and as safe to look at', async () => {
    const { stdout } = await inspect(['-', '--json'], { stdin: certificatePem(evil.certificate.der) });
    expect(raw.test(stdout)).toBe(false);
    expect((JSON.parse(stdout) as Document).items[0]).toMatchObject({
      subject: { attributes: [{ value: nasty }, { value: 'x, CN=good' }] },
      names: [{ value: 'a\u0000.good.com' }, {}, {}],
    });
  });

  it('in a label, a file name or a key bag is no better', async () => {
    const name = put('evil\u001b[31m\n.pem', pem.slice(0, 200));
    const { stderr } = await inspect(['--file', name]);
    expect(raw.test(stderr)).toBe(false);
    expect(stderr).toContain('evil\\u001b[31m\\u000a.pem: block 1');
  });
});

it('bad input has its place in JSON too', async () => {
  for (const bytes of ['', 'hello world']) {
    const ran = await run(['inspect', '-', '--json'], { cwd: temporaryFolder(), stdin: bytes });
    const { problems } = JSON.parse(ran.stdout) as {
      problems: { offset: number | null; expected: string }[];
    };
    expect(problems.map(({ offset }) => offset)).toEqual([0]);
    expect(problems[0]?.expected).toContain('PEM');
  }
});

describe('bad input is one line with the file, the block, the byte and what was expected there', () => {
  const torn = pem.replace(/(\n.{10})./, '$1!');
  const wrong = Buffer.from(der);
  wrong[0] = 0x31;

  it.each<[string, () => string | Buffer, RegExp]>([
    ['an empty file', () => '', /^certwright: -: at byte 0: expected PEM or DER, found an empty file$/],
    ['something else', () => 'hello world', /^certwright: -: at byte 0: expected PEM or DER, found neither$/],
    [
      'base64 without its lines',
      () => der.toString('base64'),
      /^certwright: -: at byte 0: expected PEM or DER, found neither$/,
    ],
    [
      'truncated PEM',
      () => pem.slice(0, 400),
      /^certwright: -: block 1, at byte 400: expected -----END CERTIFICATE-----, found the end of the file$/,
    ],
    [
      'an END that is missing',
      () => pem.replace(/-----END[^]*/, '') + pem,
      /^certwright: -: block 1, at byte \d+: expected -----END CERTIFICATE-----, found another -----BEGIN$/,
    ],
    [
      'another END',
      () => pem.replace('END CERTIFICATE', 'END X509 CRL'),
      /^certwright: -: block 1, at byte \d+: expected -----END CERTIFICATE-----, found -----END X509 CRL-----$/,
    ],
    [
      'a byte that is no base64',
      () => torn,
      new RegExp(`^certwright: -: block 1, at byte ${torn.indexOf('!')}: expected base64, found "!"$`),
    ],
    [
      'an empty block',
      () => '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
      /^certwright: -: block 1, at byte 27: expected base64, found nothing$/,
    ],
    [
      'a BEGIN line that is missing',
      () => pem.slice(pem.indexOf('\n')),
      /^certwright: -: block 1, at byte \d+: expected -----BEGIN before an -----END, found none$/,
    ],
    [
      'the second of two blocks',
      () => pem + encodePem('CERTIFICATE', der.subarray(0, 100)),
      /^certwright: -: block 2 \(CERTIFICATE at byte \d+\): at byte 0: expected a certificate of \d+ bytes, found only 96 bytes$/,
    ],
    [
      'truncated DER',
      () => der.subarray(0, 100),
      /^certwright: -: at byte 0: expected a certificate of \d+ bytes, found only 96 bytes$/,
    ],
    [
      'bytes behind DER',
      () => Buffer.concat([der, Buffer.from([0])]),
      /^certwright: -: at byte \d+: expected the end of a certificate, found 1 more bytes$/,
    ],
    [
      'a wrong tag',
      () => encodePem('CERTIFICATE', wrong),
      /^certwright: -: block 1 \(CERTIFICATE at byte 0\): at byte 0: expected a certificate \(tag 0x30\), found tag 0x31$/,
    ],
    [
      'an unknown label',
      () => '-----BEGIN LAUNDRY LIST-----\nc29ja3M=\n-----END LAUNDRY LIST-----\n',
      /^certwright: -: block 1 \(LAUNDRY LIST at byte 0\): expected a certificate, a key, a request or a CRL, found "LAUNDRY LIST"$/,
    ],
  ])('%s', async (_, bytes, line) => {
    const { code, stderr } = await inspect(['-'], { stdin: bytes() });
    expect(code).toBe(2);
    expect(stderr.split('\n')[0]).toMatch(line);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('at every place where a certificate may break off', async () => {
    for (let length = 1; length < der.length; length += 7) {
      const { code, stderr } = await inspect(['-'], { stdin: der.subarray(0, length) });
      expect({ length, code }).toEqual({ length, code: 2 });
      expect(stderr).toMatch(/^certwright: -: at byte \d+: expected .+, found .+\n/);
    }
  });

  it('and what is whole beside it is shown', async () => {
    const { code, stdout, stderr } = await inspect(['-'], { stdin: `${pem}${torn}` });
    expect({ code, shown: stdout.includes('CN=orders.internal') }).toEqual({ code: 2, shown: true });
    expect(stderr).toMatch(/^certwright: -: block 2, at byte \d+: expected base64, found "!"\n$/);
  });

  it('of an extension that cannot be read, beside everything else that the certificate says', async () => {
    const broken = Buffer.from(der);
    const at = broken.indexOf(Buffer.from('0603551d11', 'hex')) + 7;
    broken[at] = 0x31;
    const document = await read(broken, 2);
    expect(document.items[0]).toMatchObject({ names: null, keyUsage: ['digitalSignature'] });
    expect(document.problems).toMatchObject([
      { code: 'malformed', offset: at, expected: 'alternative names (tag 0x30) in extension subjectAltName' },
    ]);
  });

  it('in JSON too', async () => {
    expect((await read(pem.slice(0, 400), 2)).problems).toMatchObject([
      { code: 'malformed', block: 1, offset: 400, expected: '-----END CERTIFICATE-----' },
    ]);
  });
});

describe('the published schemas', () => {
  const schema = (name: string): { $defs: Record<string, { enum?: string[]; required?: string[] }> } =>
    JSON.parse(readFileSync(join(import.meta.dirname, `../../docs/schema/${name}.v1.json`), 'utf8')) as never;

  it('know every code of a failure', () => {
    expect(schema('error').$defs['code']?.enum).toEqual(errorCodes);
  });

  it('notice a field that is missing, and here one that nobody described', async () => {
    const { stdout } = await inspect(['-', '--json'], { stdin: pem });
    expect(schemaErrors(stdout.replace('"sha256"', '"sha257"'))).not.toEqual([]);
    expect(schemaErrors(stdout.replace('"time"', '"more": 1, "time"'))).not.toEqual([]);
  });

  it('describe what issue and ca print, and every failure', async () => {
    const cwd = temporaryFolder();
    const put = (name: string, text: string): void => writeFileSync(join(cwd, name), text);
    put('pass.txt', 'tulip\n');
    const printed = async (...argv: string[]): Promise<unknown> => {
      const { stdout } = await run([...argv, '--json'], { cwd });
      expect(schemaErrors(stdout), argv.join(' ')).toEqual([]);
      return (JSON.parse(stdout) as { schema: string }).schema;
    };
    expect(await printed('ca', 'init', '--permit-dns', 'internal', '--passphrase-file', 'pass.txt')).toBe(
      'certwright.ca/1',
    );
    expect(await printed('ca', 'show')).toBe('certwright.ca/1');
    const issueIt = ['issue', 'a.internal', '--passphrase-file', 'pass.txt'];
    expect(await printed(...issueIt, '--dry-run')).toBe('certwright.issue-plan/1');
    expect(await printed(...issueIt)).toBe('certwright.issue/1');
    expect(await printed(...issueIt, '--if-due')).toBe('certwright.issue/1');
    expect(await printed(...issueIt, '--out', 'out')).toBe('certwright.issue/1');
    expect(await printed(...issueIt)).toBe('certwright.error/1');
    expect(await printed('inspect', 'nothing')).toBe('certwright.error/1');
    expect(await printed('nonsense')).toBe('certwright.error/1');
  });
});
