import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  run,
  succeed,
  temporaryFolder,
  temporaryFolderForSuite,
  type Lent,
  type Ran,
} from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;
const passphrase = 'correct horse';
const lent = { env: { STORE_PASS: passphrase } };

interface Outcome {
  path: string;
  content: string;
  state: string;
  was: string | null;
  exposed: boolean;
  error?: { code: string; message: string };
}

interface Row {
  name: string;
  state: string;
  exitCode: number;
  outputs: Outcome[];
  generation?: number;
}

const authority = temporaryFolderForSuite();

beforeAll(async () => {
  await run(['ca', 'init', '--name', 'Test'], { cwd: authority() });
});

/** A folder with a certwright.yaml that declares one certificate with these outputs, and a folder for them. */
function project(outputs: string, more = ''): string {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, 'tls'));
  declare(cwd, outputs, more);
  return cwd;
}

function declare(cwd: string, outputs: string, more = ''): void {
  writeFileSync(
    join(cwd, 'certwright.yaml'),
    `defaults: { ca: ${join(authority(), 'ca')} }
certificates:
  orders.internal:
    lifetime: 30d
    ${more}
    outputs: ${outputs}
`,
  );
}

async function json(
  argv: readonly string[],
  cwd: string,
  more: Omit<Lent, 'cwd'> = lent,
): Promise<Ran & { row: Row }> {
  const ran = await run([...argv, '--json'], { cwd, ...more });
  expect(schemaErrors(ran.stdout)).toEqual([]);
  const { certificates } = JSON.parse(ran.stdout) as { certificates: Row[] };
  return { ...ran, row: certificates[0] as Row };
}

const issueAll = (cwd: string): Promise<Ran & { row: Row }> => json(['issue', '--all'], cwd);
const rotate = (
  cwd: string,
  args: readonly string[] = [],
  more: Omit<Lent, 'cwd'> = lent,
): Promise<Ran & { row: Row }> => json(['rotate', ...args], cwd, more);

const states = ({ outputs }: Row): (string | null)[][] =>
  outputs.map(({ content, state, was }) => [content, state, was]);
const mode = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);
const text = (...path: string[]): string => readFileSync(join(...path), 'utf8');
const current = (cwd: string, file: string): string => text(cwd, 'certs/orders.internal/current', file);

const everything = `
      - { path: tls/key.pem, content: key }
      - { path: tls/cert.pem, content: cert }
      - { path: tls/chain.pem, content: chain }
      - { path: tls/fullchain.pem, content: fullchain, mode: "0640" }
      - { path: tls/pair.pem, content: pair, mode: "0440" }
      - { path: tls/trust.pem, content: trust }
      - { path: tls/crl.pem, content: crl }
      - { path: tls/cert.der, content: der }
      - { path: tls/store.p12, content: p12, passphrase: "env:STORE_PASS" }
      - { path: tls/old.p12, content: p12, passphrase: "env:STORE_PASS", encryption: legacy, alias: orders }
      - { path: tls/secret.yaml, content: kubernetes-secret, namespace: shop }
      - { path: tls/locked.pem, content: key, passphrase: "env:STORE_PASS" }`;

describe('outputs', () => {
  it('are copies of what is in use, with their modes, and follow each rotation', async () => {
    const cwd = project(everything);
    const tls = join(cwd, 'tls');
    expect((await issueAll(cwd)).code).toBe(0);
    const check = (): void => {
      const key = current(cwd, 'key.pem');
      const fullchain = current(cwd, 'fullchain.pem');
      expect(text(tls, 'key.pem')).toBe(key);
      expect(text(tls, 'cert.pem')).toBe(current(cwd, 'cert.pem'));
      expect(text(tls, 'chain.pem')).toBe(current(cwd, 'chain.pem'));
      expect(text(tls, 'fullchain.pem')).toBe(fullchain);
      expect(text(tls, 'pair.pem')).toBe(key + fullchain);
      expect(text(tls, 'trust.pem')).toBe(text(cwd, 'certs/_trust/default/current/ca.pem'));
      expect(text(tls, 'crl.pem')).toBe(text(cwd, 'certs/_trust/default/current/crl.pem'));
      expect(readFileSync(join(tls, 'cert.der'))).toEqual(new X509Certificate(fullchain).raw);
      for (const name of ['store.p12', 'old.p12']) {
        expect(() => createSecureContext({ pfx: readFileSync(join(tls, name)), passphrase })).not.toThrow();
      }
      expect(parse(text(tls, 'secret.yaml'))).toEqual({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'orders.internal', namespace: 'shop' },
        type: 'kubernetes.io/tls',
        data: {
          'tls.crt': Buffer.from(fullchain).toString('base64'),
          'tls.key': Buffer.from(key).toString('base64'),
          'ca.crt': readFileSync(join(tls, 'trust.pem')).toString('base64'),
        },
      });
      const locked = createPrivateKey({ key: text(tls, 'locked.pem'), passphrase });
      expect(locked.equals(createPrivateKey(key))).toBe(true);
      const modes = ['key', 'cert', 'fullchain', 'pair', 'crl'].map((name) => mode(join(tls, `${name}.pem`)));
      expect(modes).toEqual(['600', '644', '640', '440', '644']);
      expect([mode(join(tls, 'store.p12')), mode(join(tls, 'secret.yaml'))]).toEqual(['600', '600']);
    };
    check();
    const before = current(cwd, 'key.pem');
    const { code, row } = await rotate(cwd, ['--force']);
    expect({ code, state: row.state }).toEqual({ code: 0, state: 'rotated' });
    expect(
      new Set(
        row.outputs
          .filter(({ content }) => !['chain', 'trust', 'crl'].includes(content))
          .map(({ state }) => state),
      ),
    ).toEqual(new Set(['written']));
    expect(current(cwd, 'key.pem')).not.toBe(before);
    check();
  });

  it('are not written again while they are right', async () => {
    const cwd = project(everything);
    await issueAll(cwd);
    const inodes = (): unknown[] =>
      ['key.pem', 'pair.pem', 'store.p12', 'old.p12', 'secret.yaml', 'locked.pem', 'crl.pem'].map(
        (name) => statSync(join(cwd, 'tls', name)).ino,
      );
    const before = inodes();
    const { row } = await rotate(cwd);
    expect(row.state).toBe('not-due');
    expect(new Set(row.outputs.map(({ state }) => state))).toEqual(new Set(['right']));
    const { row: declared } = await issueAll(cwd);
    expect(declared.state).toBe('unchanged');
    expect(inodes()).toEqual(before);
  });

  it('are mended where they are gone, changed, opened to others or replaced by a link, which is not followed', async () => {
    const cwd = project(`[
      { path: tls/a.pem, content: pair }, { path: tls/b.pem, content: pair },
      { path: tls/c.pem, content: pair }, { path: tls/d.pem, content: cert },
      { path: tls/e.pem, content: pair }]`);
    await issueAll(cwd);
    const at = (name: string): string => join(cwd, 'tls', name);
    rmSync(at('a.pem'));
    chmodSync(at('b.pem'), 0o644);
    rmSync(at('c.pem'));
    writeFileSync(join(cwd, 'victim'), 'untouched');
    symlinkSync(join(cwd, 'victim'), at('c.pem'));
    writeFileSync(at('d.pem'), 'torn');
    rmSync(at('e.pem'));
    symlinkSync('e.pem', at('e.pem'));
    const { row: seen } = await rotate(cwd, ['--dry-run']);
    expect(new Set(seen.outputs.map(({ state }) => state))).toEqual(new Set(['differs']));
    expect(text(at('d.pem'))).toBe('torn');
    const { code, row } = await rotate(cwd);
    expect({ code, state: row.state }).toEqual({ code: 0, state: 'not-due' });
    expect(states(row)).toEqual([
      ['pair', 'written', 'missing'],
      ['pair', 'written', 'access'],
      ['pair', 'written', 'link'],
      ['cert', 'written', 'content'],
      ['pair', 'written', 'link'],
    ]);
    expect(row.outputs.map(({ exposed }) => exposed)).toEqual([false, true, false, false, false]);
    chmodSync(at('b.pem'), 0o604);
    const { stderr } = await run(['rotate', '--quiet'], { cwd });
    expect(stderr).toContain('others could use its key');
    expect(text(cwd, 'victim')).toBe('untouched');
    for (const name of ['a.pem', 'b.pem', 'c.pem', 'e.pem']) {
      expect(lstatSync(at(name)).isFile()).toBe(true);
      expect([mode(at(name)), text(at(name))]).toEqual([
        '600',
        current(cwd, 'key.pem') + current(cwd, 'fullchain.pem'),
      ]);
    }
    expect(text(at('d.pem'))).toBe(current(cwd, 'cert.pem'));
  });

  it('are no reason to issue anew, and are known to a run without the file', async () => {
    const cwd = project('[]');
    await issueAll(cwd);
    const before = current(cwd, 'cert.pem');
    declare(cwd, '[{ path: tls/pair.pem, content: pair }]');
    expect((await json(['issue', '--all', '--check'], cwd)).code).toBe(3);
    expect(existsSync(join(cwd, 'tls/pair.pem'))).toBe(false);
    const { row } = await rotate(cwd);
    expect(row.state).toBe('not-due');
    expect(states(row)).toEqual([['pair', 'written', 'missing']]);
    expect((await json(['issue', '--all', '--check'], cwd)).code).toBe(0);
    expect(current(cwd, 'cert.pem')).toBe(before);
    // Store and outputs may move together.
    const moved = join(temporaryFolder(), 'moved');
    renameSync(cwd, moved);
    rmSync(join(moved, 'certwright.yaml'));
    rmSync(join(moved, 'tls/pair.pem'));
    const elsewhere = { cwd: temporaryFolder(), ...lent };
    const { code } = await run(['rotate', '--store', join(moved, 'certs')], elsewhere);
    expect(code).toBe(0);
    expect(text(moved, 'tls/pair.pem')).toContain(before);
  });

  it('of PKCS#12 are made anew for another passphrase, and nothing on the disk tells it', async () => {
    const cwd = project('[{ path: tls/a.p12, content: p12, passphrase: "file:pass" }]');
    writeFileSync(join(cwd, 'pass'), `${passphrase}\r\nsecond line\n`);
    await issueAll(cwd);
    const file = join(cwd, 'tls/a.p12');
    expect(() => createSecureContext({ pfx: readFileSync(file), passphrase })).not.toThrow();
    writeFileSync(join(cwd, 'pass'), 'another one');
    const { row, stdout, stderr } = await rotate(cwd);
    expect(states(row)).toEqual([['p12', 'written', 'content']]);
    expect(() => createSecureContext({ pfx: readFileSync(file), passphrase: 'another one' })).not.toThrow();
    const record = join(cwd, 'certs/orders.internal/outputs.json');
    expect(mode(record)).toBe('600');
    for (const told of [text(record), text(cwd, 'certs/orders.internal/request.json'), stdout, stderr]) {
      expect(told).not.toMatch(/another one|correct horse/);
    }
    rmSync(record);
    expect(states((await rotate(cwd)).row)).toEqual([['p12', 'written', 'content']]);
    expect(states((await rotate(cwd)).row)).toEqual([['p12', 'right', null]]);
  });

  it('that belong together tell each its own story where one of them fails', async () => {
    const cwd = project('[{ path: tls/cert.pem, content: cert }, { path: gone/key.pem, content: key }]');
    const [cert, key] = (await issueAll(cwd)).row.outputs;
    expect(key?.error?.message).toBe(
      `cannot write ${join(cwd, 'gone/key.pem')}: there is no folder ${join(cwd, 'gone')}`,
    );
    expect(cert).toMatchObject({ state: 'failed', error: { code: 'io' } });
    expect(cert?.error?.message).toBe(
      `${join(cwd, 'tls/cert.pem')} is left as it was, since they belong together: ${key?.error?.message ?? ''}`,
    );
    expect(existsSync(join(cwd, 'tls/cert.pem'))).toBe(false);
  });

  it('go back with --rollback', async () => {
    const cwd = project('[{ path: tls/pair.pem, content: pair }]');
    await issueAll(cwd);
    const first = text(cwd, 'tls/pair.pem');
    await rotate(cwd, ['--force']);
    expect(text(cwd, 'tls/pair.pem')).not.toBe(first);
    const { code, row } = await rotate(cwd, ['orders.internal', '--rollback']);
    expect({ code, outputs: states(row) }).toEqual({ code: 0, outputs: [['pair', 'written', 'content']] });
    expect(text(cwd, 'tls/pair.pem')).toBe(first);
  });

  it('take the owner, group and mode of the certificate where they say nothing', async () => {
    const gid = String(process.getgid?.() ?? 0);
    const cwd = project(
      '[{ path: tls/a.pem, content: pair }, { path: tls/b.pem, content: pair, mode: "0600" }]',
      `group: ${gid}`,
    );
    await issueAll(cwd);
    expect([mode(join(cwd, 'tls/a.pem')), mode(join(cwd, 'tls/b.pem'))]).toEqual(['640', '600']);
  });

  it('bring a newer CRL where nothing is due', async () => {
    const cwd = project('[{ path: tls/crl.pem, content: crl }]', 'renewAt: 99%');
    // Of a CA of its own: its CRL is from a later day then.
    const file = join(cwd, 'certwright.yaml');
    writeFileSync(file, text(file).replace(join(authority(), 'ca'), './ca'));
    await json(['issue', '--all', '--create-ca'], cwd);
    const before = text(cwd, 'tls/crl.pem');
    const { row } = await rotate(cwd, [], { ...lent, now: () => new Date(Date.now() + 25 * day) });
    expect(row.state).toBe('not-due');
    expect(text(cwd, 'tls/crl.pem')).not.toBe(before);
    expect(text(cwd, 'tls/crl.pem')).toBe(text(cwd, 'certs/_trust/default/current/crl.pem'));
  });

  it('of issue for one name are written and told of', async () => {
    const cwd = project('[{ path: tls/pair.pem, content: pair }]');
    const { code, stdout } = await run(['issue', 'orders.internal', '--json'], { cwd });
    expect({ code, faults: schemaErrors(stdout) }).toEqual({ code: 0, faults: [] });
    expect((JSON.parse(stdout) as Row).outputs).toMatchObject([{ content: 'pair', state: 'written' }]);
    rmSync(join(cwd, 'tls/pair.pem'));
    const again = await run(['issue', 'orders.internal', '--if-due'], { cwd });
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('tls/pair.pem  pair');
    expect(existsSync(join(cwd, 'tls/pair.pem'))).toBe(true);
  });
});

describe('a service', () => {
  it('is told once it can read its outputs, and not before', async () => {
    const cwd = project(
      '[{ path: later/pair.pem, content: pair }]',
      'deploy: { run: [/bin/cp, later/pair.pem, later/seen.pem] }',
    );
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      text(cwd, 'certwright.yaml')
        .replaceAll(' later/seen', ` ${cwd}/later/seen`)
        .replace(', later/', `, ${cwd}/later/`),
    );
    expect((await issueAll(cwd)).code).toBe(1);
    const { code, row } = await rotate(cwd, ['--force']);
    expect({ code, state: row.state, outputs: states(row) }).toEqual({
      code: 1,
      state: 'rotated',
      outputs: [['pair', 'failed', 'missing']],
    });
    mkdirSync(join(cwd, 'later'));
    const { code: then, row: told } = await rotate(cwd);
    expect({ then, state: told.state, outputs: states(told) }).toEqual({
      then: 0,
      state: 'deployed',
      outputs: [['pair', 'written', 'missing']],
    });
    expect(text(cwd, 'later/seen.pem')).toBe(text(cwd, 'later/pair.pem'));
  });
});

describe('an output that cannot be written', () => {
  it('fails the run and not the certificate, and the next run writes it without issuing', async () => {
    const cwd = project('[{ path: later/pair.pem, content: pair }, { path: tls/b.pem, content: pair }]');
    const { code, row } = await issueAll(cwd);
    expect({ code, state: row.state, exitCode: row.exitCode }).toEqual({
      code: 1,
      state: 'issued',
      exitCode: 1,
    });
    expect(states(row)).toEqual([
      ['pair', 'failed', 'missing'],
      ['pair', 'written', 'missing'],
    ]);
    expect(row.outputs[0]?.error?.code).toBe('io');
    const before = current(cwd, 'cert.pem');
    const again = await run(['rotate'], { cwd });
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`there is no folder ${join(cwd, 'later')}`);
    mkdirSync(join(cwd, 'later'));
    const { code: mended, row: written } = await rotate(cwd);
    expect({ mended, outputs: states(written) }).toEqual({
      mended: 0,
      outputs: [
        ['pair', 'written', 'missing'],
        ['pair', 'right', null],
      ],
    });
    expect(current(cwd, 'cert.pem')).toBe(before);
  });

  it('keeps the key and the certificate beside it as they were: one without the other is of no use', async () => {
    const cwd = project('[{ path: tls/key.pem, content: key }, { path: more/cert.pem, content: cert }]');
    mkdirSync(join(cwd, 'more'));
    await issueAll(cwd);
    const key = text(cwd, 'tls/key.pem');
    renameSync(join(cwd, 'more'), join(cwd, 'gone'));
    const { code, row } = await rotate(cwd, ['--force']);
    expect({ code, state: row.state }).toEqual({ code: 1, state: 'rotated' });
    expect(text(cwd, 'tls/key.pem')).toBe(key);
    renameSync(join(cwd, 'gone'), join(cwd, 'more'));
    expect((await rotate(cwd)).code).toBe(0);
    expect(text(cwd, 'tls/key.pem')).toBe(current(cwd, 'key.pem'));
    expect(text(cwd, 'more/cert.pem')).toBe(current(cwd, 'cert.pem'));
  });

  it.each([
    ['a folder', (path: string) => mkdirSync(path)],
    ['a link to a device', (path: string) => symlinkSync('/dev/null', path)],
  ])('leaves %s in its place', async (_, plant) => {
    const cwd = project('[{ path: tls/x, content: cert }]');
    plant(join(cwd, 'tls/x'));
    const { code, row } = await issueAll(cwd);
    expect({ code, error: row.outputs[0]?.error?.code }).toEqual({ code: 1, error: 'bad-input' });
    expect(lstatSync(join(cwd, 'tls/x')).isFile()).toBe(false);
    expect(statSync('/dev/null').isFile()).toBe(false);
  });

  it.each([
    ['env:NOT_SET', 'the environment has no NOT_SET'],
    ['file:nowhere', 'nowhere is not there'],
    ['credential:pass', 'CREDENTIALS_DIRECTORY is not set'],
  ])('says that %s has no passphrase', async (reference, told) => {
    const cwd = project(`[{ path: tls/a.p12, content: p12, passphrase: "${reference}" }]`);
    const { code, row } = await issueAll(cwd);
    expect({ code, error: row.outputs[0]?.error?.code }).toEqual({ code: 1, error: 'passphrase' });
    expect(row.outputs[0]?.error?.message).toContain(told);
  });

  it('takes a passphrase that systemd hands over', async () => {
    const cwd = project('[{ path: tls/a.p12, content: p12, passphrase: "credential:pass" }]');
    writeFileSync(join(cwd, 'pass'), passphrase);
    const ran = await json(['issue', '--all'], cwd, { env: { CREDENTIALS_DIRECTORY: cwd } });
    expect(ran.code).toBe(0);
    expect(() =>
      createSecureContext({ pfx: readFileSync(join(cwd, 'tls/a.p12')), passphrase }),
    ).not.toThrow();
  });

  it('is not written at the word of a file that others may write', async () => {
    const cwd = project('[{ path: tls/pair.pem, content: pair }]');
    chmodSync(join(cwd, 'certwright.yaml'), 0o666);
    const { code, row } = await issueAll(cwd);
    expect({ code, state: row.state, error: row.outputs[0]?.error?.code }).toEqual({
      code: 1,
      state: 'issued',
      error: 'lax-permissions',
    });
    expect(existsSync(join(cwd, 'tls/pair.pem'))).toBe(false);
    rmSync(join(cwd, 'certwright.yaml'));
    chmodSync(join(cwd, 'certs/orders.internal/request.json'), 0o664);
    expect((await rotate(cwd)).row.outputs[0]?.error?.code).toBe('lax-permissions');
    chmodSync(join(cwd, 'certs/orders.internal/request.json'), 0o644);
    expect((await rotate(cwd)).code).toBe(0);
  });

  it('is none that lies in the store', async () => {
    const cwd = project('[{ path: certs/orders.internal/current/key.pem, content: cert }]');
    const { code, row } = await issueAll(cwd);
    expect({ code, error: row.outputs[0]?.error?.code }).toEqual({ code: 1, error: 'bad-input' });
    expect(current(cwd, 'key.pem')).toContain('PRIVATE KEY');
  });

  it('is none that a link leads into the store, nor into the folder of the CA', async () => {
    const cwd = project('[{ path: link/orders.internal/request.json, content: cert }]');
    symlinkSync('certs', join(cwd, 'link'));
    const { code, row } = await issueAll(cwd);
    expect({ code, error: row.outputs[0]?.error }).toMatchObject({
      code: 1,
      error: { code: 'bad-input', message: expect.stringContaining('lies in the store') as string },
    });
    expect(text(cwd, 'certs/orders.internal/request.json')).toContain('"schema"');
    // As it may have been stored before: the file that is read now names no such place.
    const file = join(cwd, 'certs/orders.internal/request.json');
    rmSync(join(cwd, 'link'));
    rmSync(join(cwd, 'certwright.yaml'));
    symlinkSync(join(authority(), 'ca'), join(cwd, 'link'));
    writeFileSync(file, text(file).replace('link/orders.internal/request.json', 'link/ca.json'));
    expect((await rotate(cwd)).row.outputs[0]?.error?.message).toContain('lies in the folder of the CA');
    expect(text(authority(), 'ca/ca.json')).toContain('"schema"');
  });

  it('is found by config check where it would replace that file, or lies in the folder of a CA', async () => {
    const cwd = temporaryFolder();
    symlinkSync('.', join(cwd, 'here'));
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      `authorities: { corp: ./pki/ca }
certificates:
  a.internal:
    outputs:
      - { path: here/certwright.yaml, content: pair }
      - { path: here/a.pem, content: pair }
      - { path: a.pem, content: cert }
  b.internal:
    outputs: [{ path: here/pki/ca/active/key.pem, content: key }]
  c.internal:
    ca: ./own
    outputs: [{ path: own/ca.json, content: cert }]
`,
    );
    const { code, stdout } = await run(['config', 'check', '--json'], { cwd });
    expect(code).toBe(2);
    const { error } = JSON.parse(stdout) as { error: { faults: { line: number; message: string }[] } };
    expect(error.faults.map(({ line, message }) => `${line} ${message.replace(/"[^"]*"/, '…')}`)).toEqual([
      '5 the output … would replace this file',
      '7 two outputs have the path …',
      `8 the output … lies in the folder of the CA ${join(cwd, 'pki/ca')}`,
      `10 the output … lies in the folder of the CA ${join(cwd, 'own')}`,
    ]);
  });

  it('is found by config check where it would replace a passphrase, whichever stands first', async () => {
    const cwd = temporaryFolder();
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      `certificates:
  a.internal:
    outputs:
      - { path: one, content: p12, passphrase: "file:./one" }
      - { path: a.p12, content: p12, passphrase: "file:two" }
  b.internal:
    outputs:
      - { path: two, content: cert }
      - { path: three, content: cert }
      - { path: b.p12, content: p12, passphrase: "file:three" }
`,
    );
    const { code, stdout } = await run(['config', 'check', '--json'], { cwd });
    expect(code).toBe(2);
    const { error } = JSON.parse(stdout) as { error: { faults: { line: number; message: string }[] } };
    expect(error.faults.map(({ line, message }) => `${line} ${message}`)).toEqual(
      ['4 one', '8 two', '10 three'].map((one) => {
        const [line = '', file = ''] = one.split(' ');
        return `${line} the output "${join(cwd, file)}" would replace a passphrase`;
      }),
    );
  });

  it("is refused in the folder of a CA and of a store that are another's", async () => {
    const cwd = temporaryFolder();
    const others = temporaryFolder();
    await succeed(['issue', 'b.internal', '--create-ca'], { cwd: others });
    const places = ['ca/active/key.pem', 'certs/b.internal/current/key.pem'].map((one) => join(others, one));
    const before = places.map((one) => readFileSync(one, 'utf8'));
    const outputs = places.map((path) => ({ path, content: 'key' }));
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      JSON.stringify({ certificates: { 'a.internal': { outputs } } }),
    );
    const { code, stderr } = await run(['issue', '--all', '--create-ca'], { cwd });
    expect(code).toBe(1);
    expect(stderr.match(/ lies in /g)).toHaveLength(2);
    expect(places.map((one) => readFileSync(one, 'utf8'))).toEqual(before);
  });

  it('is found by config check where two certificates would write it, with its place', async () => {
    const cwd = temporaryFolder();
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      `certificates:
  a.internal:
    outputs:
      - { path: tls.pem, content: pair }
  b.internal:
    outputs:
      - { path: ./tls.pem, content: cert }
`,
    );
    const { code, stdout } = await run(['config', 'check', '--json'], { cwd });
    expect(code).toBe(2);
    const { error } = JSON.parse(stdout) as { error: { faults: object[] } };
    expect(error.faults).toMatchObject([
      { line: 7, column: 9, message: `two outputs have the path "${join(cwd, 'tls.pem')}"` },
    ]);
  });
});
