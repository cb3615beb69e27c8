import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { awsFailure } from '../../src/pki/authorities/aws/failure.ts';
import { parseName } from '../../src/pki/x509/subject-alternative-name.ts';
import { certificatePem } from '../../src/pki/x509/pem-writer.ts';
import { authority, issue } from '../support/chains.ts';
import { spawnProgram, temporaryFolder, type Ran } from '../support/cli.ts';
import { leftovers } from '../support/invariants.ts';
import { listen, pairOf, pemOf } from '../support/tls-server.ts';

const now = Date.now();
const times = { notBefore: new Date(now - 3_600_000), notAfter: new Date(now + 86_400_000) };
const root = authority('Root', undefined, times);
const names = ['acm.example.test', '127.0.0.1'].map(parseName);
const pair = pemOf(pairOf(issue('acm.example.test', root, { ...times, names })));
const arn = 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012';

let endpoint: number;
let asked: string[];
let folder: string;

beforeEach(async () => {
  folder = temporaryFolder();
  writeFileSync(join(folder, 'root.pem'), certificatePem(root.certificate.der));
  asked = [];
  endpoint = await listen(
    createHttpsServer(pair, (_, answer) => {
      answer.writeHead(400, { 'Content-Type': 'application/x-amz-json-1.1' });
      answer.end('{"__type":"ResourceNotFoundException","message":"there is none"}');
    }),
  );
});

/** A proxy through which every name leads to the endpoint. */
const proxy = (status = 200): Promise<number> =>
  listen(
    createHttpServer().on('connect', ({ url = '', headers }, client: Socket) => {
      asked.push(`${url} ${headers['proxy-authorization'] ?? ''}`.trim());
      client.write(`HTTP/1.1 ${status} whatever\r\n\r\n`);
      if (status !== 200) return void client.end();
      const server = connect(endpoint, '127.0.0.1');
      server.on('error', () => client.destroy());
      client.on('error', () => server.destroy());
      client.pipe(server).pipe(client);
    }),
  );

const inspect = (env: Record<string, string>): Promise<Ran> =>
  spawnProgram(['inspect', arn], {
    env: {
      PATH: process.env['PATH'],
      NODE_EXTRA_CA_CERTS: join(folder, 'root.pem'),
      AWS_ENDPOINT_URL: 'https://acm.example.test',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_MAX_ATTEMPTS: '1',
      ...env,
    },
  });

describe('calls to AWS', () => {
  test('go through HTTPS_PROXY, with its password', async () => {
    const port = await proxy();
    const { code, stderr } = await inspect({ HTTPS_PROXY: `http://me:secret@127.0.0.1:${port}` });
    expect(stderr).toContain('ACM holds no');
    expect(code).toBe(2);
    expect(asked).toEqual([`acm.example.test:443 Basic ${Buffer.from('me:secret').toString('base64')}`]);
    expect(stderr).not.toContain('secret');
  });

  test('go past it where NO_PROXY says so, and an endpoint is named with its port', async () => {
    const port = await proxy();
    const { stderr } = await inspect({
      HTTPS_PROXY: `http://127.0.0.1:${port}`,
      NO_PROXY: '127.0.0.1',
      AWS_ENDPOINT_URL: `https://127.0.0.1:${endpoint}`,
    });
    expect(stderr).toContain('ACM holds no');
    expect(stderr).toContain(`speaking to https://127.0.0.1:${endpoint}, which is not AWS`);
    expect(asked).toEqual([]);
  });

  test('that a proxy refuses can be tried again', async () => {
    const port = await proxy(403);
    const { code, stderr } = await inspect({ HTTPS_PROXY: `http://127.0.0.1:${port}` });
    expect(code).toBe(75);
    expect(stderr).toContain('refuses the tunnel to acm.example.test:443: 403');
  });

  test('with a proxy that is none are bad usage', async () => {
    const { code, stderr } = await inspect({ HTTPS_PROXY: 'socks5://127.0.0.1:1' });
    expect(code).toBe(2);
    expect(stderr).toContain('HTTPS_PROXY names a proxy of kind socks5');
  });
});

/** An endpoint that has nothing, and notes the access key of each call. */
async function notingKeys(): Promise<{ keys: string[]; port: number }> {
  const keys: string[] = [];
  const port = await listen(
    createHttpServer(({ headers }, answer) => {
      keys.push(/Credential=(\w+)/.exec(headers.authorization ?? '')?.[1] ?? '');
      answer.writeHead(400, { 'Content-Type': 'application/x-amz-json-1.1' });
      answer.end('{"__type":"ResourceNotFoundException","message":"there is none"}');
    }),
  );
  return { keys, port };
}

test('a profile that is named counts for both services, over keys in the environment', async () => {
  const config = join(folder, 'credentials');
  writeFileSync(config, '[corp]\naws_access_key_id = CORPKEY\naws_secret_access_key = x\n');
  const { keys, port } = await notingKeys();
  const env = {
    PATH: process.env['PATH'],
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_SHARED_CREDENTIALS_FILE: config,
    AWS_CONFIG_FILE: join(folder, 'none'),
    AWS_ACCESS_KEY_ID: 'OTHERKEY',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
  const ca =
    'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/12345678-1234-1234-1234-123456789012';
  for (const target of [arn, ca]) {
    const { stderr } = await spawnProgram(['inspect', target, '--profile', 'corp'], { env });
    expect(stderr).not.toMatch(/warning|Multiple credential/i);
  }
  expect(keys).toEqual(['CORPKEY', 'CORPKEY']);
});

test('a CA that cannot be reached keeps nobody waiting once that is said', async () => {
  const env = {
    PATH: process.env['PATH'],
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_MAX_ATTEMPTS: '1',
  };
  const ca =
    'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/12345678-1234-1234-1234-123456789012';
  const argv = ['issue', 'orders.internal', '--ca', ca];
  // Less than the 25 seconds of what the SDK leaves behind.
  expect(await spawnProgram(argv, { cwd: folder, env, timeout: 20_000 })).toMatchObject({ code: 75 });
});

test('without credentials, all that was tried is said', async () => {
  const config = join(folder, 'config');
  writeFileSync(config, '[profile corp]\nregion = eu-west-1\n');
  const env = {
    PATH: process.env['PATH'],
    AWS_ENDPOINT_URL: `https://127.0.0.1:${endpoint}`,
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const without = await spawnProgram(['inspect', arn], { env });
  expect(without.code).toBe(1);
  expect(without.stderr).toContain('AWS_ACCESS_KEY_ID: not set; profile "default": not in');
  expect(without.stderr).toContain('instance: switched off by AWS_EC2_METADATA_DISABLED');
  const corp = await spawnProgram(['inspect', arn, '--profile', 'corp'], { env });
  expect(corp.stderr).toContain(`profile "corp" of ${config}: gives none (it has no keys`);
});

describe('a profile that gives no credentials', () => {
  /** Of a machine that would hand out some of its own. */
  const words = async (profile: string, more: Record<string, string> = {}): Promise<string> => {
    const port = await listen(
      createHttpServer((_, answer) => {
        answer.end(
          '{"AccessKeyId":"ANOTHER","SecretAccessKey":"x","Token":"x","Expiration":"2199-01-01T00:00:00Z"}',
        );
      }),
    );
    const config = join(folder, 'config');
    const program = join(folder, 'vault');
    writeFileSync(program, '#!/bin/sh\necho $1 "sealed: run vault login" >&2\nexit 3\n', { mode: 0o700 });
    writeFileSync(
      config,
      `[profile vault]\ncredential_process = ${program} here hunter2 # as root
[profile silent]\ncredential_process = true
[profile sso]\nsso_start_url = https://x\n`,
    );
    const env = {
      PATH: process.env['PATH'],
      AWS_CONFIG_FILE: config,
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
      AWS_ENDPOINT_URL: `https://127.0.0.1:${endpoint}`,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'x',
      ...more,
    };
    const { code, stderr } = await spawnProgram(['inspect', arn, '--profile', profile], { env });
    expect({ code, stderr }).toMatchObject({ code: 1 });
    return stderr;
  };

  test('since its program fails, says what that says, and nobody else is asked', async () => {
    const said = await words('vault');
    expect(said).toContain(
      'the credential_process of profile "vault" ends with 3: here sealed: run vault login',
    );
    expect(said).not.toContain('hunter2');
    expect(await words('silent')).toContain('prints no JSON');
  });

  test('since there is none is refused, and nobody else is asked', async () => {
    expect(await words('nope')).toContain('there is no profile "nope" in');
  });

  test('is told by what it has', async () => {
    const none = { AWS_CONTAINER_CREDENTIALS_FULL_URI: '', AWS_EC2_METADATA_DISABLED: 'true' };
    const said = await words('sso', none);
    expect(said).toContain('gives none (it is of SSO');
    expect(said).toContain('AWS_ACCESS_KEY_ID: set, but a profile is named');
  });
});

test('the program of a profile hands out credentials, also where nothing but the home folder says which', async () => {
  mkdirSync(join(folder, '.aws'));
  const config = join(folder, '.aws', 'config');
  const printed = '{"Version":1,"AccessKeyId":"FROMVAULT","SecretAccessKey":"x","SessionToken":"y"}';
  writeFileSync(config, `[profile vault]\ncredential_process = echo '${printed}'\nregion = eu-west-1\n`);
  const { keys, port } = await notingKeys();
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    AWS_CONFIG_FILE: '',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
  };
  const ca =
    'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/12345678-1234-1234-1234-123456789012';
  for (const target of [arn, ca]) await spawnProgram(['inspect', target, '--profile', 'vault'], { env });
  expect(keys).toEqual(['FROMVAULT', 'FROMVAULT']);
});

describe('what is configured wrongly is no fault of the network', () => {
  test.each(['notaurl', 'localhost:4566', 'ftp://127.0.0.1'])('an endpoint %s', async (url) => {
    for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_ACM']) {
      const { code, stderr } = await inspect({ [name]: url });
      expect(code).toBe(2);
      expect(stderr).toContain(`${name} "${url}" is not the URL of a server`);
    }
  });

  test('an endpoint of a profile', async () => {
    const config = join(folder, 'config');
    writeFileSync(config, '[default]\nendpoint_url = notaurl\n');
    const { code, stderr } = await inspect({ AWS_ENDPOINT_URL: '', AWS_CONFIG_FILE: config });
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toContain('endpoint_url of the profile');
  });

  test('https where nobody speaks it', async () => {
    const plain = await listen(createHttpServer());
    const { code, stderr } = await inspect({ AWS_ENDPOINT_URL: `https://127.0.0.1:${plain}` });
    expect(code).toBe(75);
    expect(stderr).toContain('the endpoint does not speak TLS');
    expect(stderr).not.toContain('routines');
  });

  test('a region that is none', () => {
    const error = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    expect(awsFailure(error, 'list', 'ACM')).toMatchObject({
      code: 'unreachable',
      hint: expect.stringMatching(/--region.*AWS_ENDPOINT_URL/) as string,
    });
  });
});

describe('a request that never left this machine is in no doubt', () => {
  test.each([
    ['for want of trust in the endpoint', { NODE_EXTRA_CA_CERTS: '' }, 75, 'NODE_EXTRA_CA_CERTS'],
    ['for want of a tunnel', { HTTPS_PROXY: 'refusing' }, 75, 'refuses the tunnel'],
    ['for a proxy that is none', { HTTPS_PROXY: 'socks5://127.0.0.1:1' }, 2, 'of kind socks5'],
    ['for a key with a line break', { AWS_SESSION_TOKEN: 'to\nken' }, 1, 'a line break'],
    ['for a region that is none', { AWS_REGION: 'eu-west-1\n' }, 2, 'AWS_REGION "eu-west-1\\n" is no region'],
  ])('%s', async (_, wrong: Record<string, string>, exit, words) => {
    const env: Record<string, string | undefined> = {
      PATH: process.env['PATH'],
      NODE_EXTRA_CA_CERTS: join(folder, 'root.pem'),
      AWS_ENDPOINT_URL: `https://127.0.0.1:${endpoint}`,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'eu-west-1',
      AWS_MAX_ATTEMPTS: '1',
      ...wrong,
    };
    if (wrong['HTTPS_PROXY'] === 'refusing') env['HTTPS_PROXY'] = `http://127.0.0.1:${await proxy(403)}`;
    const argv = ['issue', 'shop.example.com', '--ca', 'acm', '--usage', 'server'];
    const { code, stderr } = await spawnProgram(argv, { cwd: folder, env });
    expect({ code, stderr }).toEqual({ code: exit, stderr: expect.stringContaining(words) as string });
    expect(leftovers(folder)).toEqual([]);
    expect(existsSync(join(folder, 'certs/shop.example.com/pending/000001'))).toBe(false);
  });
});

test('a role that STS does not hand out is a matter of credentials, and not of who was to be asked', async () => {
  const port = await listen(
    createHttpServer((_, answer) => {
      answer.writeHead(403, { 'Content-Type': 'text/xml' });
      answer.end(
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error><RequestId>r</RequestId></ErrorResponse>',
      );
    }),
  );
  const config = join(folder, 'config');
  writeFileSync(
    config,
    '[profile base]\naws_access_key_id = test\naws_secret_access_key = x\n[profile role]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n',
  );
  const env = {
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
  };
  const { code, stdout } = await spawnProgram(['inspect', arn, '--profile', 'role', '--json'], { env });
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
  expect({ code, what: error.code }).toEqual({ code: 1, what: 'credentials' });
  expect(error.message).toContain('STS, which was asked for the credentials of a role, refuses');
  expect(error.hint).toContain('trust policy');
});
