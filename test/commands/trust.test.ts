import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { certificatePem, encodePem } from '../../src/pki/x509/pem-writer.ts';
import { readCrl, revokedCertificates } from '../../src/pki/x509/crl.ts';
import { authority, crlOf, days, noon } from '../support/chains.ts';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

let cwd = '';
let now = noon;
beforeEach(async () => {
  cwd = temporaryFolder();
  now = noon;
  for (const ca of ['ca', 'new-ca']) await done('ca', 'init', '--ca', ca, '--name', ca);
});

const certwright = (...argv: string[]): Promise<Ran> =>
  run(argv, { cwd, now: () => now, env: { PATH: process.env['PATH'] ?? '' } });

async function done(...argv: string[]): Promise<Ran> {
  const ran = await certwright(...argv);
  expect(ran.stderr).not.toContain('certwright:');
  expect(ran.code).toBe(0);
  return ran;
}

const put = (name: string, content: string, mode = 0o644): void => {
  writeFileSync(join(cwd, name), content);
  chmodSync(join(cwd, name), mode);
};
const read = (...path: string[]): string => readFileSync(join(cwd, ...path), 'utf8');
const inBundle = (name: string, file: string): string => read('certs', '_trust', name, 'current', file);
const generation = (name: string): string => readlinkSync(join(cwd, 'certs', '_trust', name, 'current'));
const crls = (name: string): ReturnType<typeof readCrl>[] =>
  [...inBundle(name, 'crl.pem').matchAll(/-----BEGIN X509 CRL-----([^-]*)/g)].map(([, base64 = '']) =>
    readCrl(Buffer.from(base64, 'base64')),
  );
const blocks = (pem: string): number => pem.match(/-----BEGIN/g)?.length ?? 0;

interface Bundle {
  name: string;
  state: string;
  generation: number;
  warnings: string[];
  deploy: { state: string; attempts?: number; error?: { code: string } } | null;
  error: { code: string; message: string } | null;
  exitCode: number;
}

/** What a run says in JSON, which follows its schema. */
async function kept(...argv: string[]): Promise<{ code: number | string; bundles: Bundle[] }> {
  const { code, stdout } = await certwright('trust', ...argv, '--json');
  expect(schemaErrors(stdout)).toEqual([]);
  return { code, bundles: (JSON.parse(stdout) as { bundles: Bundle[] }).bundles };
}

const config = (trust: string): void => {
  put('certwright.yaml', `authorities:\n  old: ./ca\n  new: ./new-ca\ntrust:\n${trust}`);
};

describe('certwright trust', () => {
  it('gathers roots, CAs and CRLs of several authorities, and files of others', async () => {
    const partner = authority('Partner', undefined, { notAfter: days(300) });
    put('partner.pem', certificatePem(partner.certificate.der));
    put('partner.crl', encodePem('X509 CRL', crlOf(partner, []).der));
    config('  peers: { authorities: [old, new], roots: [partner.pem], crls: [partner.crl] }\n');
    const { code, bundles } = await kept();
    expect(code).toBe(0);
    expect(bundles).toMatchObject([
      { name: 'peers', state: 'updated', generation: 1, deploy: null, error: null },
    ]);
    expect(blocks(inBundle('peers', 'ca.pem'))).toBe(3);
    expect(blocks(inBundle('peers', 'chain.pem'))).toBe(2);
    expect(crls('peers')).toHaveLength(5);
    expect(inBundle('peers', 'ca.pem')).toContain(read('partner.pem'));
  });

  it('makes a new version only where something changed, and goes on without the file', async () => {
    config('  peers: { authorities: [old] }\n');
    await done('trust');
    expect((await kept()).bundles).toMatchObject([{ state: 'unchanged', generation: 1 }]);
    await done('issue', 'orders.internal', '--ca', 'old');
    put('certwright.yaml', '');
    await done('revoke', 'orders.internal', '--yes');
    await done('trust');
    expect(generation('peers')).toBe('versions/000002');
    expect(crls('peers').flatMap((crl) => [...revokedCertificates(crl)])).toHaveLength(1);
  });

  it('signs the CRL of a CA that no certificate uses before it lapses', async () => {
    config('  peers: { authorities: [new] }\n');
    await done('trust');
    now = days(20);
    await done('trust');
    expect(generation('peers')).toBe('versions/000002');
    const [first] = crls('peers');
    expect(first?.nextUpdate?.getTime()).toBeGreaterThan(days(40).getTime());
  });

  it('keeps five versions', async () => {
    for (let at = 0; at < 7; at += 1) {
      const extra = authority(`Extra ${at}`, undefined, { notAfter: days(300) });
      put('extra.pem', certificatePem(extra.certificate.der));
      config('  peers: { roots: [extra.pem] }\n');
      await done('trust');
    }
    const versions = readdirSync(join(cwd, 'certs', '_trust', 'peers', 'versions')).sort();
    expect(versions).toEqual(['000003', '000004', '000005', '000006', '000007']);
    expect(generation('peers')).toBe('versions/000007');
  });

  it('leaves out a root that has ended, and says so', async () => {
    const ended = authority('Ended', undefined, { notAfter: days(-1) });
    put('ended.pem', certificatePem(ended.certificate.der));
    config('  peers: { authorities: [old], roots: [ended.pem] }\n');
    const { bundles } = await kept();
    expect(bundles[0]?.warnings).toEqual([expect.stringContaining('Ended ended')]);
    expect(blocks(inBundle('peers', 'ca.pem'))).toBe(1);
  });

  it('adds what is declared for the default bundle to the CA of the store', async () => {
    await done('issue', 'orders.internal', '--ca', './ca');
    expect(blocks(inBundle('default', 'ca.pem'))).toBe(1);
    config('  default: { authorities: [new] }\n');
    await done('trust');
    expect(blocks(inBundle('default', 'ca.pem'))).toBe(2);
    expect(crls('default')).toHaveLength(4);
    await done('issue', 'billing.internal', '--ca', './ca');
    expect(blocks(inBundle('default', 'ca.pem'))).toBe(2);
  });

  it('leaves a bundle as it is where one of its authorities cannot be read, and does the others', async () => {
    config('  peers: { authorities: [old] }\n  strangers: { authorities: [new] }\n');
    await done('trust');
    put('certwright.yaml', read('certwright.yaml').replace('./new-ca', './gone'));
    const { code, bundles } = await kept();
    expect(code).toBe(4);
    expect(bundles).toMatchObject([
      { name: 'peers', state: 'unchanged', exitCode: 0 },
      { name: 'strangers', state: 'stale', generation: 1, error: { code: 'not-found' }, exitCode: 2 },
    ]);
    expect(crls('strangers')).toHaveLength(2);
  });

  it('refuses a bundle that is not declared', async () => {
    config('  peers: { authorities: [old] }\n');
    const { code, stderr } = await certwright('trust', 'others');
    expect(stderr).toContain('trust bundle "others" is not declared');
    expect(stderr).toContain('there are: peers');
    expect(code).toBe(2);
    put('certwright.yaml', '');
    expect((await certwright('trust')).code).toBe(2);
  });

  it('refuses a file in the place of the store', async () => {
    config('  peers: { authorities: [old] }\n');
    rmSync(join(cwd, 'certs'), { recursive: true, force: true });
    put('certs', '');
    const { code, stderr } = await certwright('trust');
    expect(stderr).toContain(`${join(cwd, 'certs')} is not a folder`);
    expect(code).toBe(2);
  });

  it('does not deny the bundle of the store itself, which needs no declaration', async () => {
    await done('issue', 'orders.internal');
    const { code, stderr } = await certwright('trust', 'default');
    expect(stderr).toContain('trust bundle "default" is not declared\n  "certwright rotate" keeps it fresh');
    expect(code).toBe(2);
  });
});

describe('what follows when a bundle changes', () => {
  const hook = `#!/bin/sh
cat > "$CERTWRIGHT_STORE/../told.json"
echo "$CERTWRIGHT_TRUST $CERTWRIGHT_GENERATION" >> "$CERTWRIGHT_STORE/../told"
test -s "$CERTWRIGHT_CRL" && test -s "$CERTWRIGHT_CA_CERT" && test ! -e "$CERTWRIGHT_STORE/../broken"
`;
  const told = (): string => (existsSync(join(cwd, 'told')) ? read('told') : '');

  beforeEach(() => {
    put('hook.sh', hook, 0o755);
    config('  peers: { authorities: [old], deploy: { run: [./hook.sh] } }\n');
  });

  it('is told once for each version, with its files', async () => {
    const { bundles } = await kept();
    expect(bundles).toMatchObject([{ state: 'updated', deploy: { state: 'done' } }]);
    await done('trust');
    expect(told()).toBe('peers 1\n');
    const { trust } = JSON.parse(read('told.json')) as { trust: { name: string; roots: string } };
    expect(trust).toMatchObject({ name: 'peers', generation: 1 });
    expect(readFileSync(trust.roots, 'utf8')).toBe(inBundle('peers', 'ca.pem'));
  });

  it('is remembered where it fails, and tried again', async () => {
    put('broken', '');
    const failed = await kept();
    expect(failed.code).toBe(1);
    expect(failed.bundles).toMatchObject([
      { state: 'updated', deploy: { state: 'pending', attempts: 1, error: { code: 'hook-failed' } } },
    ]);
    expect((await kept()).bundles).toMatchObject([{ state: 'unchanged', deploy: { attempts: 2 } }]);
    put('certwright.yaml', '');
    chmodSync(join(cwd, 'broken'), 0o600);
    rmSync(join(cwd, 'broken'));
    expect((await kept()).bundles).toMatchObject([{ state: 'unchanged', deploy: { state: 'done' } }]);
    expect((await kept()).bundles).toMatchObject([{ state: 'unchanged', deploy: null }]);
    expect(told()).toBe('peers 1\n'.repeat(3));
  });

  it('is not run from a file that others may write', async () => {
    chmodSync(join(cwd, 'certwright.yaml'), 0o666);
    const { bundles } = await kept();
    expect(bundles).toMatchObject([{ state: 'updated', deploy: { error: { code: 'lax-permissions' } } }]);
    expect(told()).toBe('');
  });
});

describe('faults of the section trust', () => {
  it.each([
    ['  Peers: { authorities: [old] }', '"Peers" cannot be the name of a bundle'],
    ['  peers: { authorites: [old] }', 'unknown key "authorites"'],
    ['  peers: { authorities: [cord] }', '"cord" is not declared under authorities'],
    ['  peers: { authorities: [acm] }', 'ACM has no roots to give'],
    ['  peers: { crls: [x.crl] }', 'trust peers trusts nobody'],
    ['  peers: [old]', 'must be a mapping, not a list'],
    ['  peers: { roots: ["~/x.pem"] }', 'names no file'],
    ['  peers: { roots: x.pem }', 'must be a list'],
    [
      '  peers: { authorities: [old], deploy: { confirm: "127.0.0.1:1" } }',
      'deploy.confirm is for certificates',
    ],
    ['  peers: { authorities: [old] }\n  peers: { authorities: [new] }', 'peers'],
  ])('%s', async (trust, message) => {
    config(`${trust}\n`);
    const { code, stderr } = await certwright('config', 'check');
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe('config check', () => {
  it('says what bundles are declared', async () => {
    put('hook.sh', '', 0o755);
    config('  peers: { authorities: [old, new], roots: [x.pem], deploy: { run: [./hook.sh] } }\n');
    const { stdout } = await done('config', 'check');
    expect(stdout).toContain(
      'trust peers\n  authorities ca, new-ca\n  roots       x.pem\n  deploy      run ',
    );
    const json = (await done('config', 'check', '--json')).stdout;
    expect(schemaErrors(json)).toEqual([]);
    expect(JSON.parse(json)).toMatchObject({
      trust: { peers: { authorities: [join(cwd, 'ca'), join(cwd, 'new-ca')] } },
    });
  });
});

describe('other commands', () => {
  const declare = (ca: string): void => {
    put(
      'note.sh',
      '#!/bin/sh\necho "$CERTWRIGHT_TRUST $CERTWRIGHT_GENERATION $(ls "$CERTWRIGHT_STORE")" >> "$CERTWRIGHT_STORE/../told"\n',
      0o755,
    );
    config('  peers: { authorities: [old, new], deploy: { run: [./note.sh] } }\n');
    put('certwright.yaml', `${read('certwright.yaml')}certificates:\n  orders.internal: { ca: ${ca} }\n`);
  };
  const trustOf = async (...argv: string[]): Promise<{ state: string; generation: number }[]> => {
    const { stdout } = await done(...argv, '--json');
    expect(schemaErrors(stdout)).toEqual([]);
    const { trust, bundles } = JSON.parse(stdout) as Record<
      'trust' | 'bundles',
      { state: string; generation: number }[]
    >;
    return Array.isArray(trust) ? trust : bundles;
  };

  it('issue --all brings the roots to peers before the first certificate', async () => {
    declare('old');
    expect(await trustOf('issue', '--all')).toMatchObject([{ state: 'updated', generation: 1 }]);
    expect(read('told')).toBe('peers 1 _trust\n');
  });

  it('issue --all makes a CA first and trusts it then', async () => {
    put(
      'certwright.yaml',
      'authorities:\n  shop: ./shop\ntrust:\n  peers: { authorities: [shop] }\ncertificates:\n  orders.internal: { ca: shop }\n',
    );
    expect(await trustOf('issue', '--all', '--create-ca')).toMatchObject([
      { state: 'updated', generation: 1 },
    ]);
    expect(crls('peers')).toHaveLength(2);
  });

  it('rotate, revoke and ca crl keep what is declared in the store, without the file', async () => {
    declare('new');
    await done('issue', '--all');
    put('certwright.yaml', '');
    expect(await trustOf('rotate')).toMatchObject([{ state: 'unchanged', generation: 1 }]);
    expect(await trustOf('revoke', 'orders.internal', '--yes')).toMatchObject([
      { state: 'updated', generation: 2 },
    ]);
    expect(await trustOf('ca', 'crl', '--ca', 'new-ca', '--force')).toMatchObject([
      { state: 'updated', generation: 3 },
    ]);
    now = days(40);
    expect(await trustOf('rotate')).toMatchObject([{ state: 'updated', generation: 4 }]);
    expect(read('told').match(/peers \d/g)).toEqual(['peers 1', 'peers 2', 'peers 3', 'peers 4']);
  });

  it('rotate --dry-run says which bundles would change, whom it would tell and whose CRLs it would sign', async () => {
    declare('new');
    await done('issue', '--all');
    await done('issue', 'billing.internal', '--ca', 'old', '--lifetime', '60d');
    const before = [read('told'), inBundle('peers', 'crl.pem'), inBundle('default', 'crl.pem')];
    const looked = async (): Promise<{ trust: Bundle[]; signing: string[] }> => {
      const { stdout } = await done('rotate', '--dry-run', '--json');
      expect(schemaErrors(stdout)).toEqual([]);
      return JSON.parse(stdout) as { trust: Bundle[]; signing: string[] };
    };
    expect(await looked()).toMatchObject({
      trust: [
        { name: 'default', state: 'unchanged', deploys: [] },
        { name: 'peers', state: 'unchanged', deploys: [] },
      ],
      signing: [],
    });
    put('certwright.yaml', read('certwright.yaml').replace('note.sh]', 'note.sh, now]'));
    now = days(16);
    const { stdout } = await done('rotate', '--dry-run');
    expect(stdout).toContain('would sign the CRLs of ca anew\nwould sign the CRLs of new-ca anew\n');
    expect(stdout).toContain('trust default  would update  generation 1, certs/_trust/default/current\n');
    expect(stdout).toMatch(/^trust peers {2}would update {2}generation 1, \S+; then run \S+note.sh now$/m);
    expect(await looked()).toMatchObject({ signing: [join(cwd, 'ca'), join(cwd, 'new-ca')] });
    expect([read('told'), inBundle('peers', 'crl.pem'), inBundle('default', 'crl.pem')]).toEqual(before);
    rmSync(join(cwd, 'new-ca'), { recursive: true });
    expect((await certwright('rotate', '--dry-run')).stderr).toContain(
      'trust peers was not brought up to date',
    );
    expect((await certwright('rotate', '--dry-run', 'orders.internal')).stderr).not.toContain('trust peers');
  });

  it('a hook that fails does not undo a revocation, and is said', async () => {
    declare('old');
    await done('issue', '--all');
    put('note.sh', '#!/bin/sh\nexit 7\n', 0o755);
    const { code, stderr } = await certwright('revoke', 'orders.internal', '--yes');
    expect(stderr).toContain('note.sh ended with 7');
    expect(code).toBe(4);
    expect(crls('peers').flatMap((crl) => [...revokedCertificates(crl)])).toHaveLength(1);
  });
});
