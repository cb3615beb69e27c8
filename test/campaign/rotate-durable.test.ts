import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { execute, program, temporaryFolder, type Ran } from '../support/cli.ts';
import { makeDueStore } from '../support/due-store.ts';
import { canTrace } from '../support/strace.ts';

/*
 * Many rotations at a time, seen by strace(1) with its children: what a power cut may not take must be synced before
 * anybody is led to it.
 */

const names = Array.from({ length: 40 }, (_, index) => `host${index}.internal`);
const traced = 'openat,write,link,rename,fsync,syncfs';

/** The places in a trace of the system calls that match. */
const placesOf = (lines: readonly string[], pattern: RegExp): number[] =>
  lines.flatMap((line, index) => (pattern.test(line) ? [index] : []));

/** Runs with a program called sync in the place of the system's, or with none. */
async function rotateWith(cwd: string, sync: string | undefined): Promise<Ran> {
  const tools = join(cwd, 'tools');
  mkdirSync(tools);
  if (sync !== undefined) writeFileSync(join(tools, 'sync'), sync, { mode: 0o755 });
  const argv = [program, 'rotate', '--jobs', String(names.length), '--quiet'];
  return execute(process.execPath, argv, { cwd, env: { ...process.env, PATH: tools } });
}

const generationsIn = (cwd: string): string[] => [
  ...new Set(names.map((name) => readlinkSync(join(cwd, 'certs', name, 'current')))),
];

describe('forty rotations at a time', () => {
  it('go on by one fsync for each file where there is no sync(8), or it knows no file systems', async () => {
    for (const sync of [undefined, '#!/bin/sh\nexit 2\n']) {
      const cwd = temporaryFolder();
      await makeDueStore(cwd, names, { copies: [], hook: false });
      expect(await rotateWith(cwd, sync)).toMatchObject({ code: 0 });
      expect(generationsIn(cwd)).toEqual(['versions/000002']);
    }
  });

  it('fail where the file system tells that it has lost what was written, and the next run makes them', async () => {
    const cwd = temporaryFolder();
    await makeDueStore(cwd, names, { copies: [], hook: false });
    const ran = await rotateWith(
      cwd,
      '#!/bin/sh\necho "sync: error syncing: Input/output error" >&2\nexit 1\n',
    );
    // Whoever comes to a sync with few others has it file by file: how many do is a matter of the machine.
    expect([0, 1, 4]).toContain(ran.code);
    const failed = names.filter((name) => ran.stderr.includes(`${name}: cannot sync the file system`));
    const standing = names.filter(
      (name) => readlinkSync(join(cwd, 'certs', name, 'current')) === 'versions/000001',
    );
    expect(standing.filter((name) => !failed.includes(name))).toEqual([]);
    expect(ran.stderr.includes('Input/output error')).toBe(ran.code !== 0);
    const again = await execute(process.execPath, [program, 'rotate'], { cwd, env: process.env });
    expect(again).toMatchObject({ code: 0 });
    expect(generationsIn(cwd)).toEqual(['versions/000002']);
  });
});

describe.skipIf(!canTrace())('forty rotations at a time (strace)', () => {
  it('are durable by few syncs, each generation and record before a link leads to it', async () => {
    const cwd = temporaryFolder();
    await makeDueStore(cwd, names, { copies: [], hook: false });
    const file = join(cwd, 'trace');
    const strace = [
      '-f',
      '-qq',
      '-y',
      '-s',
      '4096',
      '-o',
      file,
      '-e',
      `trace=${traced}`,
      '-e',
      'signal=none',
    ];
    const argv = [process.execPath, program, 'rotate', '--jobs', String(names.length)];
    const ran = await execute('strace', [...strace, ...argv], { cwd, env: process.env });
    expect(ran).toMatchObject({ code: 0 });
    const lines = readFileSync(file, 'latin1').split('\n');
    const begins = placesOf(lines, /\bsyncfs\(/);
    const ends = placesOf(lines, /\bsyncfs\(.*= 0$|syncfs resumed>.*= 0$/);
    expect(ends).toHaveLength(begins.length);
    expect(begins.length).toBeLessThan(names.length);
    // What few come to at the same time is synced file by file; no other call of that thread comes before its end.
    const isSynced = (path: string, from: number, to: number): boolean =>
      begins.some((begin, index) => begin > from && (ends[index] ?? Infinity) < to) ||
      placesOf(lines, new RegExp(`fsync\\(\\d+<[^>]*${path}>`)).some((place) => place > from && place < to);
    for (const name of names) {
      const folder = `/certs/${name}`;
      const [claim = -1] = placesOf(lines, new RegExp(`rename\\(.*${folder}/versions/000002"`));
      const [move = -1] = placesOf(lines, new RegExp(`rename\\(.*"[^"]*${folder}/current"\\)`));
      const written = placesOf(lines, new RegExp(`write\\(.*${folder}/pending/000002/\\.ready`)).at(-1) ?? -1;
      expect(Math.min(claim, move, written), name).toBeGreaterThan(-1);
      const ready = `${folder}/pending/000002/\\.ready[^/]*`;
      for (const path of [ready, `${ready}/key\\.pem`, `${ready}/cert\\.pem`]) {
        expect.soft([path, isSynced(path, written, claim)]).toEqual([path, true]);
      }
      expect.soft([name, isSynced(`${folder}/versions`, claim, move)]).toEqual([name, true]);
      expect.soft([name, isSynced(folder, move, lines.length)]).toEqual([name, true]);
    }
    const records = placesOf(lines, /write\(.*\/issued\/\..*\.pem\./);
    const links = placesOf(lines, /link\(.*\/issued\/\./);
    expect(links.length).toBeGreaterThanOrEqual(names.length);
    for (const link of links) {
      const record = /"([^"]+)"/.exec(lines[link] ?? '')?.[1] ?? '';
      const at = records.find((place) => lines[place]?.includes(`<${record}>`) === true) ?? Infinity;
      expect
        .soft([record, isSynced(record.slice(record.lastIndexOf('/')), at, link)])
        .toEqual([record, true]);
    }
  });
});
