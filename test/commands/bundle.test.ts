import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { privateKeyPem } from '../../src/pki/x509/key.ts';
import { certificatePem, encodePem } from '../../src/pki/x509/pem-writer.ts';
import { authority, crlOf, days, issue, noon, type Entity } from '../support/chains.ts';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const root = authority('Root');
const issuing = authority('Issuing', root);
const leaf = issue('client.internal', issuing);

const pem = (...entities: Entity[]): string =>
  entities.map(({ certificate }) => certificatePem(certificate.der)).join('');
const crlPem = (...ders: Buffer[]): string => ders.map((der) => encodePem('X509 CRL', der)).join('');

let cwd = '';
beforeEach(() => {
  cwd = temporaryFolder();
});

const put = (name: string, content: string | Buffer): void => {
  writeFileSync(join(cwd, name), content);
};
const read = (name: string): string => readFileSync(join(cwd, name), 'utf8');
const bundle = (...argv: string[]): Promise<Ran> => run(['bundle', ...argv], { cwd, now: () => noon });

interface Document {
  accepted: boolean;
  certificates: { subject: string; root: boolean; depth: number }[];
  crls: { issuer: string; revoked: number }[];
  findings: { severity: string; rule: string; adjustable: boolean }[];
}

/** What a run says in JSON, which follows its schema and agrees with the exit code. */
async function judged(...argv: string[]): Promise<Document & { rules: string[] }> {
  const { code, stdout, stderr } = await bundle(...argv, '--json');
  expect(stderr).toBe('');
  expect(schemaErrors(stdout)).toEqual([]);
  const document = JSON.parse(stdout) as Document;
  expect(code).toBe(document.accepted ? 0 : 3);
  const rules = document.findings.map(({ severity, rule }) => `${severity} ${rule}`);
  return { ...document, rules };
}

describe('certwright bundle', () => {
  it('prints the CAs alone, each before its issuer and once', async () => {
    put('all.pem', pem(root, leaf, root, issuing));
    const { code, stdout, stderr } = await bundle('--target', 'apigateway', 'all.pem');
    expect(stdout).toBe(pem(issuing, root));
    expect(stderr).toContain('client.internal');
    expect(stderr).toContain('is no CA and is left out');
    expect(code).toBe(0);
  });

  it('writes CAs and CRLs, whatever they were read from', async () => {
    put('root.der', root.certificate.der);
    put('issuing.pem', `Bag Attributes\r\n\r\n${pem(issuing).replaceAll('\n', '\r\n')}`);
    put('root.crl', crlOf(root, []).der);
    put('issuing.crl', crlOf(issuing, [leaf]).der);
    const argv = [
      '--target',
      'nginx',
      'root.der',
      'issuing.pem',
      '--crl',
      'root.crl',
      '--crl',
      'issuing.crl',
    ];
    const { code, stdout } = await bundle(...argv, '--out', 'ca.pem', '--crl-out', 'crl.pem');
    expect(code).toBe(0);
    expect(stdout).toContain('nginx takes this: 2 CAs, 2 CRLs');
    expect(read('ca.pem')).toBe(pem(issuing, root));
    expect(read('crl.pem')).toBe(
      crlPem(crlOf(root, []).der, crlOf(issuing, [leaf]).der).length > 0 ? read('crl.pem') : '',
    );
    const checked = await judged('--target', 'nginx', '--check', 'ca.pem', '--crl', 'crl.pem');
    expect(checked.rules).toEqual([]);
    expect(checked.crls.map(({ revoked }) => revoked)).toEqual([0, 1]);
  });

  it('writes the CRLs of a load balancer one at a time', async () => {
    put('ca.pem', pem(issuing, root));
    put('crl.pem', crlPem(crlOf(root, []).der, crlOf(issuing, [leaf]).der));
    const argv = [
      '--target',
      'alb',
      'ca.pem',
      '--crl',
      'crl.pem',
      '--out',
      'out.pem',
      '--crl-out',
      'list.pem',
    ];
    expect((await judged(...argv)).accepted).toBe(true);
    for (const file of ['list.pem', 'list-2.pem'])
      expect(read(file).match(/BEGIN X509 CRL/g)).toHaveLength(1);
    expect((await judged('--target', 'alb', '--check', 'out.pem', '--crl', 'crl.pem')).rules).toEqual([
      'warning crl-file',
    ]);
  });

  it('writes nothing that the target would refuse', async () => {
    put('ca.pem', pem(issuing));
    const { code, stdout, stderr } = await bundle('--target', 'apigateway', 'ca.pem', '--out', 'out.pem');
    expect(code).toBe(3);
    expect(stdout).toContain('apigateway does not take it: 1 fault, nothing is written');
    expect(stderr).toContain('no-root: no root in the bundle certifies Issuing');
    expect(existsSync(join(cwd, 'out.pem'))).toBe(false);
    expect((await bundle('--target', 'apigateway', 'ca.pem')).stdout).toBe('');
  });

  it('writes CAs and CRLs to two files, however they are named, or nothing', async () => {
    put('ca.pem', pem(root, issuing));
    put('crl.pem', crlPem(crlOf(root, []).der) + crlPem(crlOf(issuing, []).der));
    const gather = (target: string, out: string, crlOut: string): Promise<Ran> =>
      bundle('--target', target, 'ca.pem', '--crl', 'crl.pem', '--out', out, '--crl-out', crlOut);
    for (const [target, out, crlOut] of [
      ['nginx', 'x.pem', './x.pem'],
      ['alb', 'y-2.pem', 'y.pem'],
    ] as const) {
      const { code, stderr } = await gather(target, out, crlOut);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringContaining(`would both be written to ${join(cwd, out)}`) as string,
      });
    }
    expect(readdirSync(cwd).sort()).toEqual(['ca.pem', 'crl.pem']);
    expect(await gather('nginx', 'x.pem', 'y.pem')).toMatchObject({ code: 0 });
  });

  it('never writes over a private key', async () => {
    put('ca.pem', pem(root));
    put('key.pem', privateKeyPem(root.key));
    const { code, stderr } = await bundle('--target', 'nginx', 'ca.pem', '--out', 'key.pem');
    expect(stderr).toContain('key.pem holds a private key');
    expect(code).toBe(2);
    const crls = ['--crl', 'crl.pem', '--crl-out', 'out-crl.pem'];
    put('crl.pem', crlPem(crlOf(root, []).der));
    expect((await bundle('--target', 'nginx', 'ca.pem', ...crls, '--out', 'key.pem')).code).toBe(2);
    writeFileSync(join(cwd, 'key.der'), root.key.export({ format: 'der', type: 'pkcs8' }));
    expect((await bundle('--target', 'nginx', 'ca.pem', '--out', 'key.der')).code).toBe(2);
    expect(existsSync(join(cwd, 'out-crl.pem'))).toBe(false);
  });

  it('writes nothing where a file was named for CRLs and there are none', async () => {
    put('ca.pem', pem(root));
    const named = ['--out', 'out.pem', '--crl-out', 'crl.pem'];
    const { code, stderr } = await bundle('--target', 'nginx', 'ca.pem', ...named);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('there is no CRL for --crl-out') as string,
    });
    expect(readdirSync(cwd)).toEqual(['ca.pem']);
  });

  it('takes a trust bundle of the store, and a certificate of it, by name', async () => {
    const now = (): Date => new Date('2027-01-20T12:00:00Z');
    await run(['issue', 'orders.internal', '--create-ca'], { cwd, now });
    for (const name of ['default', 'orders.internal']) {
      // Only a trust bundle has CRLs.
      const crlOut = name === 'default' ? ['--crl-out', 'default.crl'] : [];
      const argv = ['bundle', '--target', 'nginx', name, '--out', `${name}.pem`, ...crlOut, '--json'];
      const { code, stdout } = await run(argv, { cwd, now });
      expect(code).toBe(0);
      const { certificates, crls } = JSON.parse(stdout) as Document;
      expect(certificates.map(({ root: isRoot }) => isRoot)).toEqual([false, true]);
      expect(crls).toHaveLength(name === 'default' ? 2 : 0);
    }
  });

  it.each([
    [['--target', 'iis', 'ca.pem'], 'nginx, apigateway, alb'],
    [['--target', 'alb', 'gone.pem'], 'neither a file nor a trust bundle'],
    [['--target', 'alb', 'ca.pem', '--check', '--out', 'x'], 'exclude each other'],
    [['--target', 'alb', 'ca.pem', '--json'], 'add --out FILE'],
    [['--target', 'alb', 'leaf.pem'], 'no CA among what is named'],
    [['--target', 'alb', 'broken.pem'], 'broken.pem: block 1'],
    [['ca.pem'], '--target'],
  ])('refuses %j', async (argv, message) => {
    put('ca.pem', pem(root));
    put('leaf.pem', pem(leaf));
    put('broken.pem', pem(root).slice(0, 200));
    const { code, stdout, stderr } = await bundle(...argv);
    expect(stdout + stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe('the rules of a target', () => {
  const ec = (namedCurve: string): Entity['key'] => generateKeyPairSync('ec', { namedCurve }).privateKey;
  const lower = [2, 3, 4, 5].reduce((chain, at) => [...chain, authority(`CA ${at}`, chain.at(-1))], [root]);
  const renamed = authority('Root');
  const cases: [string, string, string[], () => string | Buffer][] = [
    ['a blank line', 'alb', ['fault blank-line'], () => `${pem(issuing)}\n${pem(root)}`],
    ['a blank line, which OpenSSL takes', 'nginx', [], () => `${pem(issuing)}\n${pem(root)}`],
    ['a comment', 'alb', [], () => `# our root\n${pem(root)}`],
    ['a comment with a hyphen', 'alb', ['fault text-outside'], () => `# our-root\n${pem(root)}`],
    [
      'what openssl -text prints',
      'apigateway',
      ['fault text-outside'],
      () => `Certificate:\n    Data:\n${pem(root)}`,
    ],
    ['lines of Windows', 'alb', ['fault line-ending'], () => pem(root).replaceAll('\n', '\r\n')],
    ['a byte order mark', 'nginx', ['fault byte-order-mark'], () => `\ufeff${pem(root)}`],
    ['DER', 'alb', ['fault not-pem'], () => root.certificate.der],
    [
      'another label',
      'alb',
      ['fault label'],
      () => pem(root).replaceAll(' CERTIFICATE', ' X509 CERTIFICATE'),
    ],
    ['a certificate twice', 'alb', ['fault duplicate'], () => pem(root, root)],
    ['a leaf', 'nginx', ['fault not-a-ca'], () => pem(root, issuing, leaf)],
    ['a private key', 'nginx', ['fault private-key'], () => pem(root) + privateKeyPem(root.key)],
    ['a CA without its root', 'apigateway', ['fault no-root'], () => pem(issuing)],
    ['a CA without its root, at a load balancer', 'alb', ['warning no-root'], () => pem(issuing)],
    [
      'a CA that has ended',
      'apigateway',
      ['fault not-valid-now'],
      () => pem(authority('Old', undefined, { notAfter: days(-1) })),
    ],
    [
      'a CA of tomorrow',
      'alb',
      ['fault not-valid-now'],
      () => pem(authority('New', undefined, { notBefore: days(1) })),
    ],
    [
      'a CA that ends soon',
      'alb',
      ['warning ends-soon'],
      () => pem(authority('Old', undefined, { notAfter: days(20) })),
    ],
    [
      'P-521',
      'apigateway',
      ['fault key'],
      () => pem(authority('Wide', undefined, { key: ec('P-521'), notAfter: days(300) })),
    ],
    [
      'P-521, at a load balancer',
      'alb',
      [],
      () => pem(authority('Wide', undefined, { key: ec('P-521'), notAfter: days(300) })),
    ],
    [
      'Ed25519',
      'alb',
      ['fault key'],
      () =>
        pem(
          authority('Ed', undefined, { key: generateKeyPairSync('ed25519').privateKey, notAfter: days(300) }),
        ),
    ],
    ['five CAs in a path', 'alb', ['fault depth'], () => pem(...lower)],
    ['four CAs in a path', 'apigateway', [], () => pem(...lower.slice(0, 4))],
    ['two CAs of one name', 'apigateway', ['fault two-issuers'], () => pem(root, renamed)],
    ['two CAs of one name, at a load balancer', 'alb', [], () => pem(root, renamed)],
    [
      'a CA that may not sign',
      'alb',
      ['fault not-a-ca'],
      () => pem(authority('Mute', undefined, { keyUsage: ['cRLSign'], notAfter: days(300) })),
    ],
  ];

  it.each(cases)('%s (%s): %j', async (_, target, rules, content) => {
    put('store.pem', content());
    // The CAs here end in thirty days to the hour, unless they say otherwise.
    expect((await judged('--target', target, '--check', 'store.pem')).rules).toEqual(rules);
  });

  it('twenty-six CAs are more than a load balancer takes, unless AWS has raised the quota', async () => {
    put('store.pem', pem(...Array.from({ length: 26 }, (_, at) => authority(`Root ${at}`))));
    expect((await judged('--target', 'alb', '--check', 'store.pem')).findings).toMatchObject([
      { rule: 'too-many', adjustable: true },
    ]);
    expect((await judged('--target', 'alb', '--check', 'store.pem', '--raised-quotas')).accepted).toBe(true);
  });
});

describe('the CRLs of a target', () => {
  const check = (target: string, crl: string | Buffer): ReturnType<typeof judged> => {
    put('ca.pem', pem(issuing, root));
    put('crl.pem', crl);
    return judged('--target', target, '--check', 'ca.pem', '--crl', 'crl.pem');
  };

  it('are nothing that API Gateway knows', async () => {
    expect((await check('apigateway', crlPem(crlOf(root, []).der))).rules).toEqual(['fault no-crls']);
  });

  it('must be those of every CA for nginx, where there is one', async () => {
    expect((await check('nginx', crlPem(crlOf(issuing, []).der))).rules).toEqual(['fault crl-missing']);
    expect((await check('alb', crlPem(crlOf(issuing, []).der))).rules).toEqual([]);
  });

  it('must be PEM, fresh, complete and of a CA that is there', async () => {
    expect((await check('alb', crlOf(root, []).der)).rules).toEqual(['fault not-pem']);
    const outdated = crlOf(issuing, [], { thisUpdate: days(-9), nextUpdate: days(-2) });
    expect((await check('alb', crlPem(outdated.der))).rules).toEqual(['fault crl-outdated']);
    const stranger = crlOf(authority('Stranger'), []);
    expect((await check('alb', crlPem(stranger.der))).rules).toEqual(['fault crl-stranger']);
    expect((await check('alb', crlPem(crlOf(root, []).der) + pem(root))).rules).toEqual([
      'fault other-content',
      'fault label',
      'warning crl-file',
    ]);
  });

  it('must not list negative serial numbers at a load balancer', async () => {
    const odd = { ...leaf, certificate: { ...leaf.certificate, serial: Buffer.from('01020304', 'hex') } };
    const { der } = crlOf(root, [odd]);
    der[der.indexOf(Buffer.from('020401020304', 'hex')) + 2] = 0x81;
    expect((await check('alb', crlPem(der))).rules).toContain('fault crl-serial');
    expect((await check('nginx', crlPem(der))).rules).not.toContain('fault crl-serial');
  });
});
