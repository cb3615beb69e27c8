import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pkcs12Schemes, writePkcs12 } from '../../src/pki/x509/pkcs12-writer.ts';
import { authority, issue } from '../support/chains.ts';
import { run, succeed, temporaryFolder, temporaryFolderForSuite, type Lent } from '../support/cli.ts';
import { writePair } from '../support/pair-files.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;
const noon = new Date('2027-03-01T12:00:00Z');
const after =
  (days: number): (() => Date) =>
  () =>
    new Date(noon.getTime() + days * day);
const suite = temporaryFolderForSuite();
const at = (cwd: string, lent: Partial<Lent> = {}): Lent => ({ cwd, now: () => noon, ...lent });

interface Document {
  generation: number;
  request: {
    names: string[];
    usage: string;
    keyType: string;
    lifetime: string;
    authority: string;
    subject: null;
  };
  warnings: string[];
}

async function adopt(cwd: string, ...argv: string[]): Promise<Document> {
  const { stdout } = await succeed(['adopt', ...argv, '--json'], at(cwd));
  expect(schemaErrors(stdout)).toEqual([]);
  return JSON.parse(stdout) as Document;
}

const certificate = (path: string): X509Certificate => new X509Certificate(readFileSync(path));

/** Another CA, and pairs of it as plain files. */
beforeAll(async () => {
  const cwd = suite();
  await succeed(['ca', 'init', '--ca', './other', '--name', 'Other'], at(cwd));
  await succeed(
    [
      'issue',
      'shop.example.com',
      'www.shop.example.com',
      '10.0.0.7',
      '--usage',
      'server',
      '--lifetime',
      '90d',
      '--key-type',
      'ec-p384',
      '--ca',
      './other',
      '--out',
      'shop',
    ],
    at(cwd),
  );
  await succeed(
    [
      'issue',
      'worker',
      '--usage',
      'client',
      '--lifetime',
      '12h',
      '--subject',
      'CN=worker,O=Shop',
      '--key-type',
      'rsa-2048',
      '--ca',
      './other',
      '--out',
      'worker',
    ],
    at(cwd),
  );
});

/** certbot's: live/NAME/*.pem are links into archive/NAME. */
function certbotLayout(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'archive/shop'), { recursive: true });
  mkdirSync(join(folder, 'live/shop'), { recursive: true });
  for (const [from, name] of [
    ['cert', 'cert'],
    ['chain', 'chain'],
    ['fullchain', 'fullchain'],
    ['key', 'privkey'],
  ] as const) {
    writeFileSync(
      join(folder, `archive/shop/${name}1.pem`),
      readFileSync(join(suite(), `shop/${from}.pem`)),
      {
        mode: name === 'privkey' ? 0o600 : 0o644,
      },
    );
    symlinkSync(`../../archive/shop/${name}1.pem`, join(folder, `live/shop/${name}.pem`));
  }
  return join(folder, 'live/shop');
}

/** Every file below a folder: bytes, mode and times. */
const picture = (folder: string): unknown[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { mode, mtimeMs, ctimeMs, size } = statSync(join(folder, name));
      return [name, mode, mtimeMs, ctimeMs, size];
    });

/** Of `./other`, in the suite's folder. */
const workerPair = ['--cert', 'worker/cert.pem', '--key', 'worker/key.pem', '--ca', './other'];

describe('adopt', () => {
  it("takes certbot's layout with links, and rotate makes the like of it", async () => {
    const cwd = temporaryFolder();
    await succeed(['ca', 'init', '--name', 'Ours'], at(cwd));
    const live = certbotLayout();
    const before = picture(join(live, '../..'));
    const adopted = await adopt(
      cwd,
      'shop.example.com',
      '--cert',
      join(live, 'cert.pem'),
      '--chain',
      join(live, 'chain.pem'),
      '--key',
      join(live, 'privkey.pem'),
      '--ca',
      './ca',
    );
    expect(adopted.request).toEqual({
      names: ['shop.example.com', 'www.shop.example.com', '10.0.0.7'],
      usage: 'server',
      keyType: 'ec-p384',
      lifetime: '90d',
      subject: null,
      authority: '../ca',
    });
    expect(adopted.warnings).toEqual([expect.stringContaining('has not issued it')]);
    expect(picture(join(live, '../..'))).toEqual(before);
    const current = join(cwd, 'certs/shop.example.com/current');
    for (const name of ['cert.pem', 'fullchain.pem']) {
      expect(readFileSync(join(current, name), 'latin1')).toBe(
        readFileSync(join(suite(), 'shop', name), 'latin1'),
      );
    }
    expect(statSync(join(current, 'key.pem')).mode & 0o777).toBe(0o600);
    await succeed(['rotate'], at(cwd));
    const old = certificate(join(suite(), 'shop/cert.pem'));
    const made = certificate(join(current, 'cert.pem'));
    expect(made.serialNumber).not.toBe(old.serialNumber);
    expect(made.subjectAltName).toBe(old.subjectAltName);
    expect(made.subject).toBe(old.subject);
    expect(made.keyUsage).toEqual(old.keyUsage);
    expect(new Date(made.validTo).getTime() - new Date(made.validFrom).getTime()).toBe(
      new Date(old.validTo).getTime() - new Date(old.validFrom).getTime(),
    );
    expect(made.publicKey.asymmetricKeyDetails).toEqual(old.publicKey.asymmetricKeyDetails);
  });

  it('says whose difference it is where a successor could not be the like of it', async () => {
    const cwd = temporaryFolder();
    const root = authority('root');
    const valid = { notBefore: after(-1)(), notAfter: after(30)(), extendedKeyUsage: [] };
    writePair(cwd, 'bare', issue('bare.internal', root, valid), [root]);
    const { warnings } = await adopt(cwd, 'bare', '--cert', 'bare/fullchain.pem', '--key', 'bare/key.pem');
    expect(warnings).toContain(
      'it says nothing of its purpose: its successor would be for TLS servers and clients alone',
    );
  });

  it('leaves one of the CA that issued it alone until it is due', async () => {
    const cwd = suite();
    const { request, warnings } = await adopt(cwd, 'worker', ...workerPair);
    expect(request).toMatchObject({
      names: ['worker'],
      usage: 'client',
      keyType: 'rsa-2048',
      lifetime: '12h',
      subject: 'CN=worker, O=Shop',
    });
    expect(warnings).toEqual([]);
    // The chain that the files lack is the CA's.
    expect(readFileSync(join(cwd, 'certs/worker/current/fullchain.pem'), 'latin1')).toBe(
      readFileSync(join(cwd, 'worker/fullchain.pem'), 'latin1'),
    );
    expect((await succeed(['rotate', 'worker'], at(cwd))).stdout).toMatch(/^worker +not due/);
    expect((await succeed(['rotate', 'worker'], at(cwd, { now: after(0.4) }))).stdout).toMatch(
      /^worker +rotated +due/,
    );
  });

  it('refuses a point at which it would be due as soon as it is made', async () => {
    const argv = ['adopt', 'early', ...workerPair];
    for (const point of ['12h-before', '100d-before']) {
      const ran = await run([...argv, '--renew-at', point], at(suite()));
      expect(ran).toMatchObject({ code: 2 });
      expect(ran.stderr).toContain(`--renew-at ${point}`);
    }
    expect(existsSync(join(suite(), 'certs/early'))).toBe(false);
  });

  it('is replaced by the CA that makes its successors, also where the issuer of others is in no file', async () => {
    const cwd = temporaryFolder();
    await succeed(['ca', 'init', '--name', 'Ours'], at(cwd));
    const shop = join(suite(), 'shop');
    const files = ['--cert', join(shop, 'cert.pem'), '--key', join(shop, 'key.pem')];
    const { warnings } = await adopt(cwd, 'shop', ...files, '--ca', './ca');
    expect(warnings).toEqual([
      expect.stringContaining('its issuer is in none of the files'),
      expect.stringContaining('has not issued it'),
    ]);
    expect((await succeed(['rotate'], at(cwd))).stdout).toMatch(/^shop +rotated +its authority has another/);
    expect((await succeed(['rotate'], at(cwd))).stdout).toMatch(/^shop +not due/);
  });

  it('takes a name as issue writes it', async () => {
    const cwd = temporaryFolder();
    const cert = join(suite(), 'shop/fullchain.pem');
    const names = [
      ['*.Shop.EXAMPLE.com', '*.shop.example.com'],
      ['München.example', 'xn--mnchen-3ya.example'],
      ['Shop_2', 'Shop_2'],
    ];
    for (const [typed = '', name] of names) {
      expect(await adopt(cwd, typed, '--cert', cert)).toMatchObject({ name });
    }
    const again = await run(['adopt', '*.SHOP.example.com', '--cert', cert, '--json'], at(cwd));
    expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'exists' } });
  });

  it('says that one is not valid yet', async () => {
    const cwd = temporaryFolder();
    const { stdout, stderr } = await succeed(
      ['adopt', 'shop', '--cert', join(suite(), 'shop/fullchain.pem')],
      at(cwd, { now: after(-30) }),
    );
    expect(stderr).toContain('it is not valid before 2027-03-01T11:5');
    expect(stdout).toMatch(/valid from 2027-03-01T11:5\S+ for 90 days, until/);
  });

  it('names the file of the key that it cannot read, and no other flag', async () => {
    const shop = join(suite(), 'shop');
    writeFileSync(join(suite(), 'key.der'), 'no key');
    const files = ['--cert', join(shop, 'fullchain.pem'), '--key', join(suite(), 'key.der')];
    const { code, stderr } = await run(['adopt', 'shop', ...files], at(temporaryFolder()));
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^certwright: \/\S+key\.der holds no/) as string,
    });
  });

  it('without --ca tells rotate nothing that it could do, and says so', async () => {
    const cwd = temporaryFolder();
    const { warnings, request } = await adopt(cwd, 'shop', '--cert', join(suite(), 'shop/fullchain.pem'));
    expect(request.authority).toBe('unknown:');
    expect(warnings).toEqual([expect.stringContaining('cannot replace it')]);
    expect((await succeed(['rotate'], at(cwd))).stdout).toMatch(/^shop +not due/);
    const revoked = await run(['revoke', 'shop', '--yes'], at(cwd));
    expect(revoked).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nobody has said who issued shop') as string,
    });
    const removal = JSON.parse(
      (await succeed(['remove', 'shop', '--dry-run', '--json'], at(cwd))).stdout,
    ) as object;
    expect(removal).toMatchObject({ authority: null, revoke: null });
    const listed = JSON.parse((await succeed(['list', '--json'], at(cwd))).stdout) as object;
    expect(listed).toMatchObject({ certificates: [{ name: 'shop', authority: null }] });
    const due = await run(['rotate'], at(cwd, { now: after(70) }));
    expect(due.code).toBe(3);
    expect(due.stdout).toContain(
      'certwright issue shop.example.com www.shop.example.com 10.0.0.7 --as shop --ca REF --force',
    );
    expect((await run(['rotate', 'shop', '--force'], at(cwd))).code).toBe(3);
    await succeed(['ca', 'init', '--name', 'Ours'], at(cwd));
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      JSON.stringify({ certificates: { shop: { ca: './ca', names: ['shop.example.com'] } } }),
    );
    expect((await succeed(['rotate'], at(cwd))).stdout).toMatch(/^shop +rotated +changed/);
  });

  it('says that what is declared has the last word, and who issues by it', async () => {
    const cwd = temporaryFolder();
    await succeed(['ca', 'init', '--name', 'Ours'], at(cwd));
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      JSON.stringify({
        authorities: { ours: './ca', later: './later' },
        certificates: {
          shop: { ca: 'ours', names: ['a.internal'] },
          late: { ca: 'later', names: ['b.internal'] },
        },
      }),
    );
    const { request, warnings } = await adopt(cwd, 'shop', '--cert', join(suite(), 'shop/fullchain.pem'));
    expect(request.authority).toBe('../ca');
    expect(warnings).toEqual([
      `${join(cwd, 'ca')} has not issued it: the next rotate replaces it by one of its own`,
      'certwright.yaml declares it: the next rotate makes it what is declared, where it is not',
    ]);
    const late = await adopt(cwd, 'late', '--cert', join(suite(), 'shop/fullchain.pem'));
    expect(late.request.authority).toBe('unknown:');
  });

  it('opens a key that is encrypted, keeps it open in the store, and takes one file with both', async () => {
    const cwd = temporaryFolder();
    const key = createPrivateKey(readFileSync(join(suite(), 'shop/key.pem')));
    const closed = key.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'open sesame',
    });
    writeFileSync(
      join(cwd, 'both.pem'),
      `${readFileSync(join(suite(), 'shop/fullchain.pem'), 'latin1')}${closed.toString()}`,
    );
    const refused = await run(['adopt', 'shop', '--cert', 'both.pem'], at(cwd));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--passphrase-file');
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
    writeFileSync(join(cwd, 'pass'), 'open sesame\n');
    await adopt(cwd, 'shop', '--cert', 'both.pem', '--passphrase-file', 'pass');
    const kept = createPrivateKey(readFileSync(join(cwd, 'certs/shop/current/key.pem')));
    expect(kept.equals(key)).toBe(true);
  });

  it('takes the place of a certificate only with --force, as the next generation', async () => {
    const cwd = temporaryFolder();
    await succeed(['issue', 'shop.example.com', '--create-ca'], at(cwd));
    const argv = ['shop.example.com', '--cert', join(suite(), 'shop/fullchain.pem')];
    const refused = await run(['adopt', ...argv], at(cwd));
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('has a certificate already')]);
    expect((await adopt(cwd, ...argv, '--force')).generation).toBe(2);
    await succeed(['rotate', 'shop.example.com', '--rollback'], at(cwd));
  });

  it('takes what stands above it from several files', async () => {
    const cwd = temporaryFolder();
    const of = (file: string): string => join(suite(), file);
    const pair = ['--cert', of('shop/cert.pem'), '--key', of('shop/key.pem')];
    const above = ['--chain', of('shop/chain.pem'), '--chain', of('shop/ca.pem')];
    const { warnings } = await adopt(cwd, 'shop', ...pair, ...above);
    expect(warnings.join()).not.toContain('its issuer is in none of the files');
    const kept = (file: string): string => readFileSync(join(cwd, 'certs/shop/current', file), 'utf8');
    expect([kept('chain.pem'), kept('ca.pem')]).toEqual(
      ['shop/chain.pem', 'shop/ca.pem'].map((file) => readFileSync(of(file), 'utf8')),
    );
  });

  it.each(['--cert', '--key'])(
    'refuses PKCS#12 as %s with the command that makes PEM of it',
    async (flag) => {
      const cwd = temporaryFolder();
      const key = createPrivateKey(readFileSync(join(suite(), 'shop/key.pem')));
      const certificates = [certificate(join(suite(), 'shop/cert.pem')).raw];
      for (const passphrase of ['secret', '']) {
        const content = { key, certificates, friendlyName: 'shop', passphrase: Buffer.from(passphrase) };
        writeFileSync(join(cwd, 'pair.p12'), await writePkcs12(content, pkcs12Schemes.modern));
        const cert = flag === '--cert' ? [] : ['--cert', join(suite(), 'shop/cert.pem')];
        const { code, stderr } = await run(['adopt', 'shop', ...cert, flag, 'pair.p12'], at(cwd));
        expect([code, stderr]).toEqual([
          2,
          expect.stringMatching(/pair\.p12 is PKCS#12.*\n.*openssl pkcs12 -in FILE -nodes -out FILE\.pem/),
        ]);
      }
      expect(existsSync(join(cwd, 'certs'))).toBe(false);
    },
  );

  it.each([
    ['a key that is another one', ['--cert', 'shop/cert.pem', '--key', 'worker/key.pem'], 'does not belong'],
    ['a certificate without a key', ['--cert', 'bare/cert.pem'], 'no key'],
    ['a CA', ['--cert', 'ca.pem', '--key', 'ca-key.pem'], 'certificate of a CA'],
    ['a file that is not there', ['--cert', 'nowhere.pem'], 'nowhere.pem'],
    ['a CA that is not there', ['--cert', 'shop/cert.pem', '--ca', './nowhere'], 'nowhere'],
    ['a mode for everybody', ['--cert', 'shop/cert.pem', '--mode', '0644'], '0644'],
  ])('refuses %s, and touches nothing', async (_, argv, words) => {
    const cwd = suite();
    mkdirSync(join(cwd, 'bare'), { recursive: true });
    writeFileSync(join(cwd, 'bare/cert.pem'), readFileSync(join(cwd, 'shop/cert.pem')));
    const issuer = join(cwd, 'other/active');
    writeFileSync(join(cwd, 'ca.pem'), readFileSync(join(issuer, 'cert.pem')));
    writeFileSync(join(cwd, 'ca-key.pem'), readFileSync(join(issuer, 'key.pem')));
    chmodSync(join(cwd, 'ca-key.pem'), 0o600);
    const { code, stderr } = await run(['adopt', 'refused', ...argv, '--store', 'untouched'], at(cwd));
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(words) as string });
    expect(existsSync(join(cwd, 'untouched'))).toBe(false);
  });
});
