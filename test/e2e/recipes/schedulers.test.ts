import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { execute, type Ran } from '../../support/cli.ts';
import { readPrometheus } from '../../support/prometheus.ts';
import { blocksOf } from '../../support/page.ts';
import { layOut, serve, type Recipe, type Unit } from '../../support/recipe.ts';
import { describeWith } from '../../support/tools.ts';

const silent = { code: 0, stdout: '', stderr: '' };

describeWith(['bash', 'systemd-analyze'], 'docs/recipes/systemd.md', () => {
  const folder = 'etc/systemd/system';
  /** Values of a key, as systemd reads them. */
  const valuesOf = ({ root }: Recipe, unit: string, key: string): string[] =>
    [...readFileSync(join(root, folder, unit), 'utf8').matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(
      ([, value = '']) => value,
    );

  function recipe(): Recipe {
    const page = 'docs/recipes/systemd.md';
    const commands = (blocksOf(page)[0]?.text.match(/(?<=^ExecStart=).*$/gm) ?? []).join('\n');
    const units: Record<string, Unit> = {
      'nginx.service': { start: ':', reload: 'echo reload >> /run/reloads', pidfile: '/run/nginx.pid' },
      'certwright-rotate.service': { start: `cd /etc/certwright\n${commands}`, reload: 'false' },
    };
    const laid = layOut(page, {}, units);
    mkdirSync(join(laid.root, 'var/lib/prometheus/node-exporter'), { recursive: true });
    return laid;
  }

  it('has units that systemd takes', async () => {
    const laid = recipe();
    const { attempt } = laid;
    const files = ['certwright-rotate.service', 'certwright-rotate.timer', 'certwright-alert@.service'];
    expect(await attempt(`cd ${folder}; systemd-analyze verify --man=no ./${files.join(' ./')}`)).toEqual(
      silent,
    );
    const [calendar = ''] = valuesOf(laid, 'certwright-rotate.timer', 'OnCalendar');
    expect((await attempt(`systemd-analyze calendar '${calendar}'`)).code).toBe(0);
  });

  it('runs what the service starts: silent while all is well, a failure where a certificate is about to end', async () => {
    const laid = recipe();
    const { root, run, here } = laid;
    await run(laid.scripts[0] ?? '');
    const aws = awsAt(await serve((_, response) => response.writeHead(503).end()));
    // As a unit has it: no profile, no home.
    const service = async (): Promise<(number | string)[]> => {
      const codes: (number | string)[] = [];
      const again = valuesOf(laid, 'certwright-rotate.service', 'SuccessExitStatus');
      for (const command of valuesOf(laid, 'certwright-rotate.service', 'ExecStart')) {
        const { code, stdout } = await bare(here('cd /etc/certwright; ') + command, laid, undefined, aws);
        expect(stdout).toBe('');
        codes.push(code);
        if (code !== 0 && !again.includes(String(code))) break;
      }
      return codes;
    };
    expect(await service()).toEqual([0, 0]);
    const metrics = readFileSync(join(root, 'var/lib/prometheus/node-exporter/certwright.prom'), 'utf8');
    expect(readPrometheus(metrics).map(({ name }) => name)).toContain(
      'certwright_rotate_last_success_timestamp_seconds',
    );
    // Its authority cannot be reached: the next hour is soon enough, as long as nothing is about to end.
    const config = join(root, 'etc/certwright/certwright.yaml');
    const declared = readFileSync(config, 'utf8');
    const arn =
      'arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/0b6f2e3c-1f0a-4c57-9f0e-6d2f4c1f7a11';
    const atAws = declared.replace('corp: ./ca', `corp: ${arn}`);
    writeFileSync(config, atAws);
    expect(await service()).toEqual([75, 0]);
    writeFileSync(config, declared);
    await run('cd etc/certwright; certwright issue short.internal --lifetime 4d');
    writeFileSync(config, atAws);
    expect(await service()).toEqual([75, 3]);
    // A failure, and the alert's business.
    writeFileSync(config, `${declared}\nnonsense: 1\n`);
    expect(await service()).toEqual([2]);
  });

  it('alerts with what systemd knows of the unit', async () => {
    const laid = recipe();
    const [start = ''] = valuesOf(laid, 'certwright-alert@.service', 'ExecStart');
    const command = start.replaceAll('%i', 'certwright-rotate.service').replaceAll('%H', 'web-7');
    laid.stub('/usr/local/bin/systemctl', 'echo "asked $@"\n');
    laid.stub('/usr/local/bin/mail', 'echo "mailed $@"; cat\n');
    expect(await laid.run(command)).toBe(
      'mailed -s certwright-rotate.service failed on web-7 root\nasked status --full --no-pager certwright-rotate.service\n',
    );
  });
});

/** AWS on a bad day. */
const awsAt = (port: number): string[] => [
  `AWS_ENDPOINT_URL=http://127.0.0.1:${port}`,
  'AWS_MAX_ATTEMPTS=1',
  'AWS_ACCESS_KEY_ID=nobody',
  'AWS_SECRET_ACCESS_KEY=nobody',
];

/** Runs a command with the environment that cron and systemd give: this and no more. */
const bare = (command: string, { root }: Recipe, path?: string, env: readonly string[] = []): Promise<Ran> =>
  execute(
    'env',
    [
      '-i',
      `PATH=${path ?? '/usr/bin:/bin'}`,
      'HOME=/',
      'LOGNAME=root',
      'SHELL=/bin/sh',
      ...env,
      'sh',
      '-c',
      command,
    ],
    {
      cwd: root,
    },
  );

describe('docs/recipes/cron.md', () => {
  /** The file's commands, and its PATH, as cron reads them. */
  function crontab(laid: Recipe): { path: string; commands: string[] } {
    const text = readFileSync(join(laid.root, 'etc/cron.d/certwright'), 'utf8');
    expect(text).toMatch(/\n$/);
    const lines = text.trimEnd().split('\n');
    const variables = lines.filter((line) => /^[A-Z]+=/.test(line));
    const jobs = lines.filter((line) => !variables.includes(line));
    const read = jobs.map(
      (line) => /^(?:[\d*/,-]+ +){5} *root +([^%]+)$/.exec(line)?.[1] ?? `echo "no job: ${line}"`,
    );
    const path = /^PATH=(.*)$/m.exec(variables.join('\n'))?.[1] ?? '';
    return { path: laid.here(path), commands: read };
  }

  it('is silent while all is well, and says what fails', async () => {
    const laid = layOut('docs/recipes/cron.md');
    const { root, run } = laid;
    laid.stub('/usr/sbin/nginx', `echo "$@" >> ${root}/run/asked\n`);
    await run(laid.scripts[0] ?? '');
    expect(readFileSync(join(root, 'run/asked'), 'utf8')).toBe('-t -q\n-s reload\n');

    const { path, commands } = crontab(laid);
    const jobs = (): Promise<Ran[]> => Promise.all(commands.map((command) => bare(command, laid, path)));
    expect(await jobs()).toEqual([silent, silent]);

    // Another one is due. Two runs at once need no lock of their own.
    await run(
      'cd etc/certwright; sed -i "s/orders.internal:/&\\n    names: [orders.internal, localhost]/" certwright.yaml',
    );
    const [rotate = '', list = ''] = commands;
    expect(await Promise.all([bare(rotate, laid, path), bare(rotate, laid, path)])).toEqual([silent, silent]);
    const inspect = await run('cd etc/certwright; certwright rotate --dry-run');
    expect(inspect).toMatch(/orders\.internal +not due/);
    expect(await run('ls etc/certwright/certs/orders.internal/versions')).toBe('000001\n000002\n');

    laid.stub('/usr/sbin/nginx', 'echo "nginx: [emerg] no such thing" >&2; exit 1\n');
    await run('cd etc/certwright; certwright issue orders.internal --force');
    const failed = await bare(rotate, laid, path);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('nginx: [emerg] no such thing');
    rmSync(join(root, 'etc/certwright/certs'), { recursive: true });
    expect(await bare(list, laid, path)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no store/) as string,
    });
  });
});
