import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { startEmulator } from '../../support/aws/emulator.ts';
import { blocksOf, top } from '../../support/page.ts';
import { freePort } from '../../support/ports.ts';
import { layOut, type Recipe } from '../../support/recipe.ts';
import { describeWith, findTool } from '../../support/tools.ts';

const page = 'docs/recipes/sidecar.md';
const textOf = (file: string): string => blocksOf(page).find((block) => block.file === file)?.text ?? '';

interface Mount {
  name: string;
  mountPath: string;
  subPath?: string;
  readOnly?: boolean;
}

interface Container {
  name: string;
  restartPolicy?: string;
  command: string[];
  startupProbe: { exec: { command: string[] } };
  volumeMounts: Mount[];
}

interface PodSpec {
  shareProcessNamespace: boolean;
  initContainers: [Container];
  containers: [Container];
  volumes: { name: string; emptyDir?: object; configMap?: { name: string } }[];
}

/** The pod of the Deployment. */
function podSpec(): PodSpec {
  const documents = parseAllDocuments(textOf('orders.yaml')).map(
    (document) => document.toJS() as { kind: string; spec: { template: { spec: PodSpec } } },
  );
  const deployment = documents.find(({ kind }) => kind === 'Deployment');
  return deployment?.spec.template.spec ?? expect.fail('no Deployment');
}

/** Lays out what a kubelet mounts: folders that anybody may write to, and what the ConfigMap holds. */
function mount({ root }: Recipe, { volumes, initContainers, containers }: PodSpec): void {
  const [{ files }] = (parse(textOf('kustomization.yaml')) as { configMapGenerator: [{ files: string[] }] })
    .configMapGenerator;
  const isConfig = (name: string): boolean => volumes.some((one) => one.name === name && one.configMap);
  for (const { name, mountPath, subPath } of [...initContainers, ...containers].flatMap(
    (one) => one.volumeMounts,
  )) {
    const place = join(root, mountPath);
    mkdirSync(subPath === undefined ? place : dirname(place), { recursive: true });
    if (subPath === undefined) chmodSync(place, 0o2777);
    for (const file of isConfig(name) ? files : []) {
      if (subPath === undefined) cpSync(join(root, file), join(place, file));
      if (subPath === file) cpSync(join(root, file), place);
    }
  }
}

/** Does what the Dockerfile's last stage does, with this tree as what was built. Returns its ENV. */
async function build({ root, run, here }: Recipe): Promise<Record<string, string>> {
  const [, last = ''] = textOf('Dockerfile').split(/^FROM .*(?<!AS build)\n/m);
  const env: Record<string, string> = {};
  rmSync(join(root, 'usr/local/bin/certwright'));
  for (const [, word, rest = ''] of last.matchAll(/^([A-Z]+) (.*)$/gm)) {
    const [from = '', source = '', target = ''] = rest.split(' ');
    if (word === 'COPY' && from === '--from=build') {
      cpSync(source.replace('/src', top), join(root, target), { recursive: true });
    } else if (word === 'COPY') {
      cpSync(join(root, source), join(root, target));
    } else if (word === 'RUN') {
      // Only root gives files away.
      await run(here(process.getuid?.() === 0 ? rest : rest.replace(/-[og] \d+ /g, '')));
    } else if (word === 'ENV') {
      for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) env[name] = here(value);
    }
  }
  expect(last).toContain('ENTRYPOINT ["sh", "/usr/local/bin/certwright-sidecar"]');
  return env;
}

/** Starts a container's program. */
function start(recipe: Recipe, command: readonly string[], env: Record<string, string>): ChildProcess {
  const { NODE_EXTRA_CA_CERTS: _none, ...outer } = process.env;
  const PATH = `${recipe.root}/usr/local/bin:${process.env['PATH'] ?? ''}`;
  const [file = '', ...argv] = command.map(recipe.here);
  const child = spawn(findTool(file) ?? file, argv, { cwd: recipe.root, env: { ...outer, PATH, ...env } });
  child.stdout.resume();
  child.stderr.resume();
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function endOf(child: ChildProcess): Promise<number | null> {
  const ended = once(child, 'exit') as Promise<[number | null]>;
  child.kill('SIGTERM');
  return (await ended)[0];
}

describeWith(['bash', 'nginx'], page, () => {
  it('issues before the application starts, replaces, signals, and ends at once', async () => {
    const emulator = await startEmulator();
    onTestFinished(() => emulator.close());
    const ca = await emulator.createCa({
      revocation: { CrlConfiguration: { Enabled: true, ExpirationInDays: 7, S3BucketName: 'crls' } },
    });
    const port = await freePort();
    const recipe = layOut(page, {
      'arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555': ca,
      'listen 8443': `listen 127.0.0.1:${port}`,
      8443: port,
    });
    const spec = podSpec();
    const [sidecar] = spec.initContainers;
    const [app] = spec.containers;
    mount(recipe, spec);
    const built = await build(recipe);
    const env = { ...emulator.environment, ...built, CERTWRIGHT_INTERVAL: '0.3', CERTWRIGHT_RETRY: '0.3' };

    const sidecarProcess = start(recipe, ['sh', '/usr/local/bin/certwright-sidecar'], env);
    const probe = recipe.here(sidecar.startupProbe.exec.command.join(' '));
    await recipe.run(`until ${probe}; do sleep 0.1; done`);
    const appProcess = start(recipe, ['nginx', '-p', recipe.root, ...app.command.slice(1)], {});

    const exports = Object.entries(env).map(([name, value]) => `export ${name}='${value}'\n`);
    const shell = (script: string): Promise<string> => recipe.run(exports.join('') + script);
    recipe.stub(
      '/usr/local/bin/kubectl',
      'test "$1" = exec || exit 0\nwhile test "$1" != --; do shift; done\nshift\nexec "$@"\n',
    );
    const deployed = `"$CERTWRIGHT_STORE"/orders.internal/deploy/*.json`;
    await shell(`until grep -s '^  "generation": 1' ${deployed}; do sleep 0.1; done`);
    const said = await shell(recipe.scripts.at(-1) ?? '');
    expect(said).toMatch(/ok {2}client > server {2}the pair +accepted +accepted {2}HTTP 200/);
    expect(said).toMatch(/ok {2}client > server {2}a stranger's +refused +refused/);

    // Something else is wanted: what the sidecar does with it, nginx is seen to serve, whatever else cannot be issued.
    const config = built['CERTWRIGHT_CONFIG'] ?? '';
    const asked = readFileSync(config, 'utf8').replace('lifetime: 7d', 'lifetime: 6d');
    writeFileSync(
      config,
      asked.replace('certificates:', 'certificates:\n  other.internal: { ca: ./nowhere }'),
    );
    await shell(`until grep -s '^  "generation": 2' ${deployed}; do sleep 0.1; done`);
    expect(await shell('certwright rotate --dry-run')).toMatch(/orders\.internal +not due/);

    // In a folder, as a ConfigMap is mounted without subPath, anybody could have put it there.
    const folder = recipe.here('/etc/orders/certwright.yaml');
    const lax = await recipe.attempt(`certwright rotate --config ${folder} --force`, env);
    expect(lax.code).toBe(2);
    expect(lax.stderr).toContain('may be written by others');

    expect(await endOf(sidecarProcess)).toBe(0);
    await endOf(appProcess);
  });

  it('mounts the volume read-only where the application is, in both files', () => {
    const spec = podSpec();
    const [sidecar] = spec.initContainers;
    const [app] = spec.containers;
    expect(spec.shareProcessNamespace).toBe(true);
    expect(sidecar.restartPolicy).toBe('Always');
    expect(app.volumeMounts.find(({ name }) => name === 'tls')).toMatchObject({ readOnly: true });
    expect(app.volumeMounts.filter(({ subPath }) => subPath !== undefined)).toEqual([]);

    interface Service {
      volumes: string[];
      command: string[];
    }
    const { services } = parse(textOf('compose.yaml')) as {
      services: { certwright: Service; nginx: Service };
    };
    expect(services.nginx).toMatchObject({ pid: 'service:certwright', network_mode: 'service:certwright' });
    expect(services.nginx.command).toEqual(app.command);
    expect(services.nginx.volumes).toContain('tls:/var/lib/certwright:ro');
    expect(services.certwright.volumes).toContain('tls:/var/lib/certwright');
  });
});
