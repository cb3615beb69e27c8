import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { run, succeed, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;
let cwd = '';
let now = new Date();
beforeEach(() => {
  cwd = temporaryFolder();
  now = new Date();
});

const lent = (): Parameters<typeof run>[1] => ({
  cwd,
  now: () => now,
  env: { PATH: process.env['PATH'] ?? '' },
});
const certwright = (...argv: string[]): Promise<Ran> => run(argv, lent());
const done = (...argv: string[]): Promise<Ran> => succeed(argv, lent());

const put = (name: string, content: string, mode = 0o644): void => {
  writeFileSync(join(cwd, name), content);
  chmodSync(join(cwd, name), mode);
};
const read = (...path: string[]): string => readFileSync(join(cwd, ...path), 'utf8');
const inBundle = (name: string, file: string): string => read('certs', '_trust', name, 'current', file);

const outputs = `
      - { path: peers.pem, content: trust, bundle: peers }
      - { path: peers.crl, content: crl, bundle: peers }
      - { path: secret.yaml, content: kubernetes-secret, bundle: peers }
      - { path: own.pem, content: trust }`;
const project = (copies = outputs): void =>
  put(
    'certwright.yaml',
    `authorities: { shop: ./ca, partner: ./partner }
trust:
  peers: { authorities: [shop, partner] }
certificates:
  orders.internal:
    ca: shop
    outputs: ${copies}
`,
  );

const check = (): void => {
  expect(read('peers.pem')).toBe(inBundle('peers', 'ca.pem'));
  expect(read('peers.crl')).toBe(inBundle('peers', 'crl.pem'));
  const { data } = parse(read('secret.yaml')) as { data: Record<string, string> };
  expect(data['ca.crt']).toBe(Buffer.from(inBundle('peers', 'ca.pem')).toString('base64'));
  expect(read('own.pem')).toBe(inBundle('default', 'ca.pem'));
  expect(read('own.pem')).not.toBe(read('peers.pem'));
};

describe('outputs of a trust bundle', () => {
  it('are there after the first run, which makes the CA, and follow the bundle', async () => {
    await done('ca', 'init', '--ca', 'partner', '--name', 'Partner');
    project();
    await done('issue', '--all', '--create-ca');
    check();
    const before = read('peers.crl');
    await done('ca', 'crl', '--ca', 'partner', '--force');
    put('certwright.yaml', '');
    await done('rotate');
    check();
    expect(read('peers.crl')).not.toBe(before);
  });

  it('are there after issue NAME, which tells peers first', async () => {
    for (const ca of ['ca', 'partner']) await done('ca', 'init', '--ca', ca, '--name', ca);
    project();
    const { stdout } = await done('issue', 'orders.internal', '--json');
    expect(schemaErrors(stdout)).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({
      bundles: [{ name: 'peers', state: 'updated', generation: 1 }],
    });
    check();
  });

  it('of a bundle that is not there yet fail with the command that makes it', async () => {
    for (const ca of ['ca', 'partner']) await done('ca', 'init', '--ca', ca, '--name', ca);
    project('[{ path: partner.pem, content: trust, bundle: only }]');
    put(
      'certwright.yaml',
      read('certwright.yaml').replace('trust:\n', 'trust:\n  only: { authorities: [partner] }\n'),
    );
    const { code, stderr } = await certwright('issue', 'orders.internal');
    expect(code).toBe(4);
    expect(stderr).toContain('there is no trust bundle only in');
    expect(stderr).toContain('"certwright trust only" makes it');
    await done('trust', 'only');
    await done('rotate');
    expect(read('partner.pem')).toBe(inBundle('only', 'ca.pem'));
  });
});

describe('issue NAME', () => {
  const note =
    '#!/bin/sh\necho "$CERTWRIGHT_TRUST $CERTWRIGHT_GENERATION $(ls "$CERTWRIGHT_STORE/orders.internal")" >> "$CERTWRIGHT_STORE/../told"\n';
  const declare = (): void => {
    put('note.sh', note, 0o755);
    put(
      'certwright.yaml',
      'trust:\n  peers: { authorities: [./ca], deploy: { run: [./note.sh] } }\n  others: { authorities: [./partner] }\n',
    );
  };

  it('brings bundles that trust its CA up to date before the certificate is there', async () => {
    declare();
    await done('issue', 'orders.internal', '--create-ca');
    expect(read('told')).toBe('peers 1 \n');
    expect(existsSync(join(cwd, 'certs/_trust/others'))).toBe(false);
    put('certwright.yaml', '');
    await done('issue', 'orders.internal', '--if-due');
    expect(read('told')).toBe('peers 1 \n');
    now = new Date(now.getTime() + 20 * day);
    await done('issue', 'orders.internal', '--force');
    expect(read('told')).toContain('peers 2 ');
  });

  it('touches none where it refuses', async () => {
    declare();
    await done('issue', 'orders.internal', '--create-ca');
    now = new Date(now.getTime() + 20 * day);
    expect((await certwright('issue', 'orders.internal')).code).toBe(2);
    expect((await certwright('issue', 'billing.internal', '--lifetime', '99y')).code).toBe(2);
    expect(read('told')).toBe('peers 1 \n');
  });

  it('issues all the same where a hook of a bundle fails, and says so', async () => {
    declare();
    put('note.sh', '#!/bin/sh\nexit 7\n', 0o755);
    const { code, stderr } = await certwright('issue', 'orders.internal', '--create-ca');
    expect([code, stderr]).toEqual([4, expect.stringContaining('note.sh ended with 7')]);
    expect(existsSync(join(cwd, 'certs/orders.internal/current/cert.pem'))).toBe(true);
  });
});

describe('a service that reads outputs', () => {
  const state = async (...flags: string[]): Promise<string | undefined> => {
    const { stdout } = await certwright('rotate', '--json', ...flags);
    const { certificates } = JSON.parse(stdout) as { certificates: { name: string; state: string }[] };
    return certificates.find(({ name }) => name === 'orders.internal')?.state;
  };

  beforeEach(async () => {
    put('take.sh', '#!/bin/sh\ncd "$CERTWRIGHT_STORE/.." && tail -n 3 clients.crl >> took\n', 0o755);
    put(
      'certwright.yaml',
      `certificates:
  billing.internal: { usage: client }
  orders.internal:
    outputs: [{ path: clients.crl, content: crl }]
    deploy: { run: [./take.sh] }
`,
    );
    await done('issue', '--all', '--create-ca');
    expect(await state()).toBe('deployed');
    expect(await state()).toBe('not-due');
  });

  it('is told of another CRL, although its certificate is the same', async () => {
    const before = read('clients.crl');
    await done('revoke', 'billing.internal', '--yes');
    expect(await state('--dry-run')).toBe('to-deploy');
    expect(await state()).toBe('deployed');
    expect(read('clients.crl')).not.toBe(before);
    expect(read('took').endsWith(read('clients.crl').split('\n').slice(-4).join('\n'))).toBe(true);
    expect(await state()).toBe('not-due');
  });

  it('is told by the next run where another command has written it, or the hook has failed', async () => {
    await done('revoke', 'billing.internal', '--yes');
    await done('issue', '--all');
    const hook = read('take.sh');
    put('take.sh', '#!/bin/sh\nexit 1\n', 0o755);
    expect(await state()).toBe('deploy-pending');
    put('take.sh', hook, 0o755);
    expect(await state()).toBe('deployed');
    expect(await state()).toBe('not-due');
  });
});
