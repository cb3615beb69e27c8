import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { parse, YAMLSeq } from 'yaml';
import { startEmulator, type Emulator } from '../../support/aws/emulator.ts';
import { execute, spawnProgram, temporaryFolderForSuite } from '../../support/cli.ts';
import { nodeServer } from '../../support/mtls-servers.ts';
import { top } from '../../support/page.ts';
import { layOut, serve, type Recipe } from '../../support/recipe.ts';
import { describeWith } from '../../support/tools.ts';

const arn =
  'arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555';
const ofGitHub = 'docs/recipes/github-actions.md';
const ofGitLab = 'docs/recipes/gitlab.md';

interface Step {
  uses?: string;
  run?: string;
  env?: Record<string, string>;
}

interface Workflow {
  permissions: Record<string, string>;
  jobs: Record<string, { env: Record<string, string>; steps: Step[] }>;
}

interface Job {
  extends?: string;
  id_tokens?: Record<string, { aud: string }>;
  variables?: Record<string, string>;
  before_script?: string[];
  script?: (string | string[])[];
}

describeWith(['bash', 'npm', 'openssl'], 'pipelines', () => {
  const packed = temporaryFolderForSuite();
  let emulator: Emulator;
  let ca: string;

  beforeAll(async () => {
    emulator = await startEmulator();
    ca = await emulator.createCa({
      revocation: { CrlConfiguration: { Enabled: true, ExpirationInDays: 7, S3BucketName: 'crls' } },
    });
    const argv = ['pack', '--silent', '--ignore-scripts', '--pack-destination', packed()];
    expect(await execute('npm', argv, { cwd: top })).toMatchObject({ code: 0 });
  });
  afterAll(() => emulator.close());

  /** A page laid out, with certwright among the repository's files and a server that trusts a CA. */
  async function repository(page: string, authority: 'aws' | 'own'): Promise<Recipe & { backup: string }> {
    const recipe = layOut(page, { [arn]: ca });
    const { root } = recipe;
    const certwright = async (argv: readonly string[]): Promise<void> => {
      const env = { PATH: process.env['PATH'], ...emulator.environment };
      expect(await spawnProgram(argv, { cwd: root, env })).toMatchObject({ code: 0 });
    };
    let backup = '';
    if (authority === 'own') {
      // As the page makes the CA; gh only has to take what it is given.
      recipe.stub('/usr/local/bin/gh', `cat > "${root}/$3"\n`);
      await recipe.run(recipe.scripts[0] ?? '');
      backup = readFileSync(join(root, 'CA_BACKUP'), 'utf8');
      expect(backup.length).toBeLessThan(48 * 1024);
    }
    const reference = authority === 'aws' ? ca : join(root, 'ca');
    const passphrase = authority === 'aws' ? [] : ['--passphrase-file', 'ca.pass'];
    await certwright(['issue', 'orders.internal', '--ca', reference, ...passphrase]);
    const config = join(root, 'certwright.yaml');
    writeFileSync(
      config,
      `authorities: { corp: "${reference}" }\ntrust: { peers: { authorities: [corp] } }\n`,
    );
    await certwright(['trust', '--config', config]);
    const folder = join(root, 'server');
    mkdirSync(folder);
    for (const [from, to] of [
      ['orders.internal/current/fullchain.pem', 'server.pem'],
      ['orders.internal/current/key.pem', 'server-key.pem'],
      ['_trust/peers/current/ca.pem', 'ca.pem'],
      ['_trust/peers/current/crl.pem', 'crl.pem'],
    ] as const) {
      writeFileSync(join(folder, to), readFileSync(join(root, 'certs', from)));
    }
    const server = await nodeServer({ folder, mode: 'required' });
    onTestFinished(server.stop);
    // The checkout of the job: the workflow's files and the packed program.
    mkdirSync(join(root, 'checkout/vendor'), { recursive: true });
    for (const name of readdirSync(packed())) {
      writeFileSync(join(root, 'checkout/vendor', name), readFileSync(join(packed(), name)));
    }
    return {
      ...recipe,
      // Its name leads nowhere here.
      here: (text) =>
        recipe.here(text).replaceAll('"$SERVER"', `"$SERVER" --connect 127.0.0.1:${server.port}`),
      backup,
    };
  }

  /** Runs a script of a job with bash, in the checkout, with the job's environment and none of ours. */
  async function runJob(
    { root, here }: Recipe,
    script: string,
    env: Readonly<Record<string, string>>,
  ): Promise<string> {
    const prefix = join(root, 'npm');
    const resolved = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, here(value)]));
    const { code, stdout, stderr } = await execute('bash', ['-eo', 'pipefail', '-c', here(script)], {
      cwd: join(root, 'checkout'),
      env: {
        PATH: `${prefix}/bin:${process.env['PATH'] ?? ''}`,
        ...{ HOME: root, CI: 'true', NPM_CONFIG_PREFIX: prefix, TMPDIR: join(root, 'run') },
        ...resolved,
      },
      timeout: 240_000,
    });
    expect({ script, code, said: code === 0 ? '' : stdout + stderr }).toEqual({ script, code: 0, said: '' });
    return stdout;
  }

  /** What a job leaves for its readers, and what it must not leave. */
  function expectProof({ root }: Recipe, said: string): void {
    expect(said).toMatch(/ok {2}client > server {2}the pair +accepted +accepted/);
    expect(said).toMatch(/ok {2}client > server {2}no certificate +refused +refused/);
    expect(readFileSync(join(root, 'checkout/mtls.xml'), 'utf8')).toMatch(/<testsuite .*failures="0"/);
    expect(readdirSync(join(root, 'checkout')).sort()).toEqual(['mtls.xml', 'vendor']);
  }

  const known = [
    'actions/checkout@v4',
    'actions/setup-node@v4',
    'actions/upload-artifact@v4',
    'aws-actions/configure-aws-credentials@v4',
  ];

  /** Takes a workflow's only job through its steps, as a runner does. */
  async function runWorkflow(
    recipe: Recipe,
    file: string,
    secrets: Readonly<Record<string, string>>,
    afterLogin: Readonly<Record<string, string>>,
  ): Promise<string> {
    const workflow = parse(readFileSync(join(recipe.root, file), 'utf8')) as Workflow;
    const [job] = Object.values(workflow.jobs);
    const temp = join(recipe.root, 'run/runner');
    mkdirSync(temp, { recursive: true });
    const lines = join(temp, 'env');
    writeFileSync(lines, '');
    let env: Record<string, string> = { ...job?.env, RUNNER_TEMP: temp, GITHUB_ENV: lines };
    let said = '';
    for (const { uses, run = '', env: own = {} } of job?.steps ?? []) {
      if (uses !== undefined) {
        expect(known).toContain(uses);
        if (!uses.startsWith('aws-actions/')) continue;
        expect(workflow.permissions).toMatchObject({ 'id-token': 'write' });
        env = { ...env, ...afterLogin };
        continue;
      }
      const given = Object.entries(own).map(([name, value]) => [
        name,
        value.replace(/\$\{\{ secrets\.(\w+) \}\}/g, (_, secret: string) => secrets[secret] ?? ''),
      ]);
      said += await runJob(recipe, run, { ...env, ...(Object.fromEntries(given) as Record<string, string>) });
      for (const line of readFileSync(lines, 'utf8').split('\n').filter(Boolean)) {
        env[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
      }
    }
    return said;
  }

  it(`${ofGitHub} proves a server with a certificate of AWS Private CA`, async () => {
    const recipe = await repository(ofGitHub, 'aws');
    const said = await runWorkflow(recipe, '.github/workflows/mtls.yml', {}, emulator.environment);
    expectProof(recipe, said);
  });

  it(`${ofGitHub} proves a server with a certificate of a CA that comes from a secret`, async () => {
    const recipe = await repository(ofGitHub, 'own');
    const secrets = {
      CA_BACKUP: recipe.backup,
      CA_PASSPHRASE: readFileSync(join(recipe.root, 'CA_PASSPHRASE'), 'utf8').trim(),
    };
    expectProof(recipe, await runWorkflow(recipe, '.github/workflows/mtls-own-ca.yml', secrets, {}));
    expect(readdirSync(join(recipe.root, 'run/runner')).sort()).toEqual(['certs', 'env']);
  });

  /** One job of .gitlab-ci.yml as GitLab merges it with what it extends. */
  function gitLabJob({ root }: Recipe, name: string): Job & { whole: string } {
    const reference = { tag: '!reference', collection: 'seq' as const, nodeClass: YAMLSeq };
    const text = readFileSync(join(root, '.gitlab-ci.yml'), 'utf8');
    const jobs = parse(text, { customTags: [reference] }) as Record<string, Job>;
    const job = jobs[name] ?? expect.fail(`no job ${name}`);
    const base = jobs[job.extends ?? ''] ?? {};
    const follow = (line: string | string[]): string[] =>
      typeof line === 'string' ? [line] : (jobs[line[0] ?? '']?.script ?? []).flatMap(follow);
    const lines = [...(base.before_script ?? []), ...(job.script ?? []).flatMap(follow)];
    return { ...job, variables: { ...base.variables, ...job.variables }, whole: lines.join('\n') };
  }

  it(`${ofGitLab} proves a server with a certificate of AWS Private CA, by OIDC`, async () => {
    const recipe = await repository(ofGitLab, 'aws');
    const { whole, variables, id_tokens } = gitLabJob(recipe, 'mtls-pca');
    expect(Object.keys(id_tokens ?? {})).toEqual(['AWS_TOKEN']);
    const asked: URLSearchParams[] = [];
    const sts = await serve((request, response) => {
      void textOf(request).then((body) => {
        asked.push(new URLSearchParams(body));
        response.setHeader('Content-Type', 'text/xml').end(assumed);
      });
    });
    const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _key, ...aws } = emulator.environment;
    const env = { ...aws, AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${sts}`, ...variables, AWS_TOKEN: 'a.b.c' };
    expectProof(recipe, await runJob(recipe, whole, env));
    expect(asked[0]?.get('Action')).toBe('AssumeRoleWithWebIdentity');
    expect(asked[0]?.get('WebIdentityToken')).toBe('a.b.c');
    expect(asked[0]?.get('RoleArn')).toBe(variables?.['AWS_ROLE_ARN']);
  });

  it(`${ofGitLab} proves a server with a certificate of a CA that comes from a variable`, async () => {
    const recipe = await repository(ofGitLab, 'own');
    const { whole, variables } = gitLabJob(recipe, 'mtls-own-ca');
    const passphrase = readFileSync(join(recipe.root, 'ca.pass'), 'utf8').trim();
    const env = {
      ...variables,
      CA_BACKUP: join(recipe.root, 'CA_BACKUP'),
      CERTWRIGHT_CA_PASSPHRASE: passphrase,
    };
    expectProof(recipe, await runJob(recipe, whole, env));
    // npm of a newer Node.js leaves its compile cache beside it.
    const folder = readdirSync(join(recipe.root, 'run')).find((name) => name.startsWith('tmp.')) ?? '';
    expect(statSync(join(recipe.root, 'run', folder)).mode & 0o777).toBe(0o700);
  });
});

const assumed = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAEMULATOR</AccessKeyId>
<SecretAccessKey>emulator</SecretAccessKey><SessionToken>session</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>`;
