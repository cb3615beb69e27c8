import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder, readIfThere, removeAll, replace, temporaryBeside } from '../../src/pki/durable.ts';
import { sweepDrafts } from '../../src/pki/sweep.ts';
import { temporaryFolder } from '../support/cli.ts';

describe('what is taken away', () => {
  it('is a link, and not what it points to', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'versions'));
    writeFileSync(join(folder, 'versions/key.pem'), 'precious');
    symlinkSync('versions', join(folder, 'current'));
    removeAll(join(folder, 'current'));
    expect(readdirSync(folder)).toEqual(['versions']);
    expect(readdirSync(join(folder, 'versions'))).toEqual(['key.pem']);
  });

  it('is a folder with the folders in it, or nothing', () => {
    const folder = temporaryFolder();
    makeFolder(join(folder, 'a/b/c'));
    writeFileSync(join(folder, 'a/b/file'), '');
    removeAll(join(folder, 'a'));
    removeAll(join(folder, 'a'));
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('makeFolder', () => {
  it('takes a folder that is there, also by a link, and refuses a file and a link to nowhere', () => {
    const folder = temporaryFolder();
    makeFolder(folder);
    symlinkSync(folder, join(folder, 'link'));
    makeFolder(join(folder, 'link'));
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('nowhere', join(folder, 'dangling'));
    for (const path of ['file', 'file/below', 'dangling', 'dangling/below']) {
      expect(() => {
        makeFolder(join(folder, path));
      }).toThrow(`cannot create ${folder}/`);
    }
  });
});

describe('drafts', () => {
  const dead = (path: string): string => path.replace(/-\d+-\d+-/, '-4194305-1-');
  const elsewhere = (path: string): string => path.replace(/\.[0-9a-f]{8}-/, '.00000001-');

  it('of a dead run are swept, of a living one are not', () => {
    const folder = temporaryFolder();
    const living = temporaryBeside(join(folder, 'ca'));
    for (const path of [living, dead(living)]) mkdirSync(path);
    writeFileSync(join(folder, '.ca.of-somebody-else.tmp'), '');
    sweepDrafts(folder);
    expect([living, dead(living)].map((path) => existsSync(path))).toEqual([true, false]);
    expect(existsSync(join(folder, '.ca.of-somebody-else.tmp'))).toBe(true);
  });

  it('of another name stay where only one is swept', () => {
    const folder = temporaryFolder();
    const ours = dead(temporaryBeside(join(folder, 'ca')));
    const others = dead(temporaryBeside(join(folder, 'other')));
    for (const path of [ours, others]) writeFileSync(path, '');
    sweepDrafts(folder, 'ca');
    expect([ours, others].map((path) => existsSync(path))).toEqual([false, true]);
  });

  it('of a run out of sight are swept once they are old', () => {
    const folder = temporaryFolder();
    const [young, old] = [1, 2].map(() => elsewhere(temporaryBeside(join(folder, 'ca')))) as [string, string];
    for (const path of [young, old]) writeFileSync(path, '');
    const twoHoursAgo = Date.now() / 1000 - 7200;
    utimesSync(old, twoHoursAgo, twoHoursAgo);
    sweepDrafts(folder);
    expect([young, old].map((path) => existsSync(path))).toEqual([true, false]);
  });
});

describe('what is no regular file', () => {
  it('is neither replaced nor read', () => {
    const fifo = join(temporaryFolder(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    expect(() => {
      replace(fifo, { data: 'x', mode: 0o600 });
    }).toThrow('not a regular file');
    expect(() => readIfThere(fifo)).toThrow('not a regular file');
    expect(statSync(fifo).isFIFO()).toBe(true);
  });
});
