import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostileFiles } from '../support/hostile-files.ts';
import { spawnProgram, temporaryFolder } from '../support/cli.ts';
import { slowness } from '../support/slowness.ts';

interface Usage {
  userCPUTime: number;
  systemCPUTime: number;
  /** In KiB. */
  maxRSS: number;
}

/**
 * Loaded before the program: tells what the process has used when it ends. On Linux `maxRSS` also counts the process that
 * started this one, as it was before execve(2); VmHWM does not.
 */
const witness = `process.on('exit', () => {
  const { readFileSync, writeFileSync } = require('node:fs');
  const usage = process.resourceUsage();
  if (process.platform === 'linux') {
    usage.maxRSS = Number(/^VmHWM:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  }
  writeFileSync(process.env.USAGE, JSON.stringify(usage));
});`;

async function cost(
  bytes: Buffer,
  ...flags: string[]
): Promise<{ code: number | string; usage: Usage; stderr: string }> {
  const cwd = temporaryFolder();
  const report = join(cwd, 'usage.json');
  writeFileSync(join(cwd, 'witness.cjs'), witness);
  writeFileSync(join(cwd, 'file'), bytes);
  writeFileSync(join(cwd, 'passphrase'), 'guess\n');
  const { code, stderr } = await spawnProgram(
    ['inspect', '--file', 'file', '--passphrase-file', 'passphrase', ...flags],
    {
      cwd,
      timeout: 60_000,
      env: { ...process.env, NODE_OPTIONS: `--require ${join(cwd, 'witness.cjs')}`, USAGE: report },
    },
  );
  return { code, stderr, usage: JSON.parse(readFileSync(report, 'utf8')) as Usage };
}

describe('a hostile file of up to 10 MiB', () => {
  // JSON holds everything and so costs most; the text is what a person waits for.
  // When V8 collects garbage differs from run to run, by 20 MiB at the peak: one of three has to do.
  it.each(Object.entries(hostileFiles))(
    'costs at most a second and 256 MiB: %s',
    { retry: 2 },
    async (title, make) => {
      const bytes = make();
      expect(bytes.length).toBeLessThanOrEqual(10 * 1024 * 1024 + 64);
      const before = slowness();
      for (const flags of title.includes('names') ? [['--json'], []] : [['--json']]) {
        const { code, stderr, usage } = await cost(bytes, ...flags);
        expect([0, 2]).toContain(code);
        expect(stderr).not.toMatch(/not foreseen|\n {4}at /);
        // A second is the aim; half as much again for a neighbour that comes and goes.
        const seconds = (usage.userCPUTime + usage.systemCPUTime) / 1e6;
        expect(seconds / slowness(before)).toBeLessThan(1.5);
        expect(usage.maxRSS / 1024).toBeLessThan(256);
      }
    },
  );
});
