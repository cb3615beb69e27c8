import { cpSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeWith } from '../support/tools.ts';
import { execute, run, succeed, temporaryFolder, temporaryFolderForSuite } from '../support/cli.ts';

/*
 * Paths on the command line that are missing, closed in a circle, or lead through a file: each is for the caller to mend
 * (exit 2), is named, and nothing is touched before it is found out.
 */

const cwd = temporaryFolderForSuite();

beforeAll(async () => {
  const lent = { cwd: cwd() };
  await succeed(['issue', 'a.internal', '--create-ca'], lent);
  await succeed(['issue', 'plain', '--out', 'plain'], lent);
  await succeed(['ca', 'backup', 'ca.tar'], lent);
  await succeed(['ca', 'init', '--ca', 'rooted', '--csr-out', 'rooted.csr'], lent);
  writeFileSync(join(cwd(), 'file'), 'x\n');
  symlinkSync('loop', join(cwd(), 'loop'));
  // As openssl keeps a CA.
  mkdirSync(join(cwd(), 'demoCA/private'), { recursive: true });
  const issuer = join(cwd(), 'ca/active');
  cpSync(join(issuer, 'cert.pem'), join(cwd(), 'demoCA/cacert.pem'));
  cpSync(join(issuer, 'key.pem'), join(cwd(), 'demoCA/private/cakey.pem'));
});

/** Every file, link and folder, with what would show that it was written. */
const picture = (): string[] =>
  readdirSync(cwd(), { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { mtimeMs, ino } = lstatSync(join(cwd(), name));
      return `${name} ${ino} ${mtimeMs}`;
    });

async function refused(line: string, words: string): Promise<void> {
  const before = picture();
  const { code, stdout, stderr } = await run(line.split(' '), { cwd: cwd() });
  expect({ code, stdout, first: stderr.split('\n')[0] }).toEqual({
    code: 2,
    stdout: '',
    first: expect.stringContaining(words) as string,
  });
  expect(stderr).not.toContain('half done');
  // The way out.
  expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  expect(picture()).toEqual(before);
}

describe('what was named and is not there is not passed over', () => {
  it.each([
    ['ca restore ca.tar --ca restored --store nowhere', '/nowhere for --store'],
    ['ca crl --store nowhere', '/nowhere for --store'],
    ['revoke plain/cert.pem --yes --store nowhere', '/nowhere for --store'],
    ['ca adopt demoCA --ca adopted --certs nowhere', '/nowhere for --certs'],
    ['ca adopt demoCA --ca adopted --certs file', '/file, named for --certs, is not a folder'],
    ['ca adopt demoCA --ca adopted --certs file/x', 'a part of the path is not a folder'],
  ])('%s', refused);

  it('while the store that is looked for by itself may be missing', async () => {
    await succeed(['ca', 'restore', '../ca.tar', '--ca', 'ca'], { cwd: join(cwd(), 'demoCA') });
  });
});

describe('a passphrase file is looked at before it is needed', () => {
  it.each([
    ...['issue b.internal', 'rotate', 'revoke a.internal', 'trust', 'ca crl', 'ca adopt demoCA --ca adopted'],
    ...['adopt b --cert plain/cert.pem', 'ca passwd', 'ca request --csr-out new.csr', 'ca doctor'],
  ])('%s', (line) => refused(`${line} --passphrase-file nowhere`, '/nowhere: it is not there'));

  it.each([
    ['issue b.internal --out b --key-passphrase-file nowhere', 'it is not there'],
    ['ca passwd --new-passphrase-file nowhere', 'it is not there'],
    [
      'verify-mtls --server plain --client plain --server-passphrase-file nowhere',
      '/nowhere: it is not there',
    ],
    ['verify-mtls h:1 --cert plain --probe --ca ca --ca-passphrase-file nowhere', 'it is not there'],
    ['rotate --passphrase-file demoCA', '/demoCA: it is a folder'],
    ['rotate --passphrase-file file/x', 'a part of the path is not a folder'],
  ])('%s', refused);
});

describeWith(['mkfifo'], 'a passphrase file', () => {
  it('is opened once: a pipe gives what it holds only once', async () => {
    const folder = temporaryFolder();
    await execute('mkfifo', ['pass'], { cwd: folder });
    const written = execute('sh', ['-c', 'echo secret >pass'], { cwd: folder });
    await succeed(['ca', 'init', '--passphrase-file', 'pass'], { cwd: folder });
    expect(await written).toMatchObject({ code: 0 });
  });
});

describe('a file as --store', () => {
  it.each([
    ...['list', 'rotate', 'rotate a.internal', 'trust', 'revoke a.internal', 'remove a.internal --yes'],
    ...['inspect a.internal', 'inspect plain/cert.pem', 'adopt b --cert plain/cert.pem', 'ca crl'],
    ...['verify-mtls h:1 --cert a.internal', 'verify-mtls --server a.internal --client a.internal'],
    ...['bundle --target nginx default', 'ca restore ca.tar --ca restored'],
  ])('%s', (line) => refused(`${line} --store file`, '/file is not a folder'));
});

describe('what is to be read', () => {
  it.each([
    ['inspect file/x', 'a part of the path is not a folder'],
    ['inspect loop', 'too many symbolic links'],
    ['inspect --file loop', 'too many symbolic links'],
    ['revoke file/x', 'a part of the path is not a folder'],
    ['list --store file/x', 'a part of the path is not a folder'],
    ['list --store loop', 'too many symbolic links'],
  ])('%s', refused);
});

describe('a place to write to', () => {
  it.each([
    'ca crl --force --out',
    'bundle --target nginx default --out',
    'bundle --target nginx default --out out.pem --crl-out',
    'verify-mtls --server a.internal --client plain --junit',
    'ca request --ca rooted --csr-out',
    'ca init --ca another --csr-out',
    'ca init --ca another --offline-root',
    'rotate --metrics',
    'list --metrics',
    'ca backup',
    'issue b.internal --cert-out b.pem --key-out',
    'issue b.internal --key-out b.key --cert-out',
  ])('%s', async (line) => {
    await refused(`${line} nowhere/x`, '/nowhere');
    await refused(`${line} file/x`, '/file');
    await refused(`${line} file/x/y`, 'a part of the path is not a folder');
    await refused(`${line} loop`, 'too many symbolic links');
    await refused(`${line} /dev/null`, '/dev/null is not a regular file');
  });

  it('a folder for --out of issue lies below no file', async () => {
    await refused('issue b.internal --out file', '/file is not a folder');
    await refused('issue b.internal --out file/x', 'a part of the path is not a folder');
  });
});

describe('where there is no CA', () => {
  it.each([
    ...['list', 'ca show', 'ca crl', 'ca doctor', 'ca log', 'ca request --csr-out new.csr'],
    ...['adopt b --cert plain/cert.pem', 'verify-mtls h:1 --cert plain --probe'],
  ])('%s does not name a flag that it has not', async (line) => {
    const { code, stderr } = await run([...line.split(' '), '--ca', 'nowhere'], { cwd: cwd() });
    expect(code).toBe(2);
    expect(stderr).toContain('there is no CA in');
    // Of rotate and trust, which say the same, no flag says which CA: certwright.yaml does.
    expect(stderr).toMatch(/"certwright ca init", or name the folder of one\n$/);
  });

  it('issue does, in a dry run too', async () => {
    await refused('issue b.internal --ca nowhere', 'there is no CA in');
    for (const more of [[], ['--dry-run']]) {
      const { stderr } = await run(['issue', 'b.internal', '--ca', 'nowhere', ...more], { cwd: cwd() });
      expect(stderr).toContain('or add --create-ca');
    }
  });
});

it.each(['list', 'trust', 'rotate'])('%s refuses a --timeout that is none', (line) =>
  refused(`${line} --timeout soon`, '--timeout "soon"'),
);
