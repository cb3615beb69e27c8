import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { schemaErrors } from '../support/schemas.ts';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';

interface Fault {
  file: string;
  line: number;
  column: number;
  code: string;
  message: string;
  hint: string;
}

/** A folder with this certwright.yaml in it. */
function folderWith(yaml: string | Buffer): string {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'certwright.yaml'), yaml);
  return cwd;
}

const check = (cwd: string, args: readonly string[] = [], lent: Omit<Lent, 'cwd'> = {}): Promise<Ran> =>
  run(['config', 'check', ...args, '--json'], { cwd, ...lent });

async function faultsIn(yaml: string | Buffer): Promise<Fault[]> {
  const { code, stdout } = await check(folderWith(yaml));
  expect(code).toBe(2);
  expect(schemaErrors(stdout)).toEqual([]);
  const { error } = JSON.parse(stdout) as { error: { code: string; faults: Fault[] } };
  expect(error.code).toBe('bad-config');
  return error.faults;
}

const places = (faults: readonly Fault[]): string[] =>
  faults.map(({ line, column, message }) => `${line}:${column} ${message}`);

const hintsIn = async (yaml: string): Promise<string[]> => (await faultsIn(yaml)).map(({ hint }) => hint);

describe('config check', () => {
  it('says what the file means, with every default written out', async () => {
    const cwd = folderWith(`authorities: { corp: ./ca, prod: acm }
defaults: { ca: corp, lifetime: 12h, owner: 0 }
certificates:
  Orders.Internal:
  web_1:
    names: [Web.internal, 10.0.0.7, web.internal]
    notAfter: 2027-01-31
  www.example.com:
    ca: prod
    exportable: true
`);
    const { code, stdout } = await check(cwd);
    expect(code).toBe(0);
    expect(schemaErrors(stdout)).toEqual([]);
    const document = JSON.parse(stdout) as { certificates: Record<string, unknown>[] };
    expect(document).toMatchObject({
      schema: 'certwright.config-check/1',
      file: join(cwd, 'certwright.yaml'),
      authorities: { corp: join(cwd, 'ca'), prod: 'acm' },
      defaults: { ca: join(cwd, 'ca'), lifetime: '12h', owner: '0' },
    });
    expect(document.certificates).toMatchObject([
      {
        name: 'orders.internal',
        names: ['orders.internal'],
        lifetime: '12h',
        usage: 'mtls',
        keyType: 'ec-p256',
        authority: join(cwd, 'ca'),
        owner: '0',
      },
      {
        name: 'web_1',
        names: ['web.internal', '10.0.0.7'],
        notAfter: '2027-01-31',
        authority: join(cwd, 'ca'),
      },
      { name: 'www.example.com', authority: 'acm', exportable: true },
    ]);
    // An end excludes a lifetime, and ACM decides itself.
    expect(document.certificates.map(({ lifetime }) => lifetime)).toEqual(['12h', undefined, undefined]);
  });

  it('shows the same to a person', async () => {
    const cwd = folderWith('certificates: { orders.internal: { mode: "0640", clamp: true } }\n');
    const { code, stdout } = await run(['config', 'check'], { cwd });
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'valid certwright.yaml: 0 authorities, 1 certificate',
      '',
      'orders.internal',
      '  names      orders.internal',
      '  authority  ca',
      '  usage      mtls',
      '  key        ec-p256',
      '  valid      for 30d, cut to what the authority has left',
      '  files      mode 0640',
      '',
    ]);
  });

  it('shows also when a successor is made, and whom it must get on with', async () => {
    const cwd = folderWith(`certificates:
  a.internal:
    renewAt: 66%
    spread: 6h
    reissueOnExposure: true
    window: { days: [sat, sun], from: "02:00", to: "05:00", timeZone: UTC }
    deploy: { systemd: nginx.service, rehearse: ./peer }
  b.internal:
    window: { from: "02:00" }
    deploy: { run: [./reload], rehearse: a.internal }
`);
    const { stdout } = await run(['config', 'check'], { cwd });
    expect(stdout).toContain(`
  due        at 66%, spread over 6h, when others could read its key
  window     sat sun 02:00-05:00 UTC
  rehearse   with peer
  deploy     systemctl reload-or-try-restart nginx.service
`);
    expect(stdout).toContain(`
  window     sun mon tue wed thu fri sat 02:00-24:00
  rehearse   with a.internal
`);
  });

  it('finds the file by argument, flag, environment and folder', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'etc'));
    writeFileSync(join(cwd, 'etc/tls.yaml'), 'authorities: { corp: ./ca }\n');
    const file = { file: join(cwd, 'etc/tls.yaml'), authorities: { corp: join(cwd, 'etc/ca') } };
    for (const ran of [
      await check(cwd, ['etc/tls.yaml']),
      await check(cwd, ['--config', 'etc/tls.yaml']),
      await check(cwd, [], { env: { CERTWRIGHT_CONFIG: 'etc/tls.yaml' } }),
    ]) {
      expect(JSON.parse(ran.stdout)).toMatchObject(file);
    }
    const both = await check(cwd, ['etc/tls.yaml', '--config', 'etc/tls.yaml']);
    expect(both.code).toBe(2);
    const none = await check(cwd, [], { env: { CERTWRIGHT_CONFIG: '' } });
    expect(JSON.parse(none.stdout)).toMatchObject({ error: { code: 'not-found' } });
  });

  it('refuses a file that is not there, is a folder, or a link that leads nowhere', async () => {
    const cwd = temporaryFolder();
    symlinkSync('nowhere', join(cwd, 'certwright.yaml'));
    expect(JSON.parse((await check(cwd)).stdout)).toMatchObject({ error: { code: 'not-found' } });
    expect(JSON.parse((await check(cwd, ['.'])).stdout)).toMatchObject({ error: { code: 'unreadable' } });
  });
});

describe('what is wrong in the file', () => {
  const broken = `authorities: { corp: ./ca }
defualts: {}
certificates:
  orders.internal:
    lifetme: 30d
    key-type: ec-p256
    names: [orders.internal, a b]
    ca: cord
    usage: [mtls]
`;

  it('is shown all at once, each with its place, its words and the way out', async () => {
    const { code, stdout, stderr } = await run(['config', 'check'], { cwd: folderWith(broken) });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      'certwright: certwright.yaml has 6 faults',
      'certwright.yaml:2:1 unknown key "defualts"',
      '  did you mean "defaults"?',
      'certwright.yaml:5:5 unknown key "lifetme"',
      '  did you mean "lifetime"?',
      'certwright.yaml:6:5 unknown key "key-type"',
      '  did you mean "keyType"?',
      'certwright.yaml:7:30 name "a b" holds a space or a control character',
      expect.stringContaining('a name is a host name'),
      'certwright.yaml:8:9 ca "cord" is not declared under authorities',
      '  did you mean "corp"?',
      'certwright.yaml:9:12 usage must be text, not a list',
      '  one of: mtls, server, client',
      '',
    ]);
  });

  it('is a list in JSON', async () => {
    const faults = await faultsIn(broken);
    expect(faults).toHaveLength(6);
    expect(faults[0]).toEqual({
      file: 'certwright.yaml',
      line: 2,
      column: 1,
      code: 'usage',
      message: 'unknown key "defualts"',
      hint: 'did you mean "defaults"?',
    });
    expect(faults[3]?.code).toBe('bad-name');
  });

  it('stops issue before anything is touched', async () => {
    const cwd = folderWith(broken);
    const { code } = await run(['issue', 'other.internal', '--create-ca'], { cwd });
    expect(code).toBe(2);
    expect(await run(['inspect', '.'], { cwd })).toMatchObject({
      stdout: expect.not.stringContaining('CA') as string,
    });
  });

  it('uses the words of the flags', async () => {
    const cwd = temporaryFolder();
    const words = async (...flags: string[]): Promise<string> =>
      (await run(['issue', 'a.internal', ...flags], { cwd })).stderr;
    const pairs: readonly (readonly [string, readonly string[]])[] = [
      ['lifetime: 90', ['--lifetime', '90']],
      ['notAfter: tomorrow', ['--not-after', 'tomorrow']],
      ['usage: both', ['--usage', 'both']],
      ['subject: orders', ['--subject', 'orders']],
      ['crlUrls: [pki.internal]', ['--crl-url', 'pki.internal']],
    ];
    for (const [yaml, flags] of pairs) {
      const [fault] = await faultsIn(`certificates: { a.internal: { ${yaml} } }`);
      const spoken = await words(...flags);
      const label = yaml.split(':')[0] ?? '';
      expect(spoken).toContain(
        fault?.message.replace(label, flags[0] ?? '').replace(/^--subject part/, 'subject part'),
      );
      expect(spoken).toContain(fault?.hint);
    }
  });

  it('is what its authority would pass over; defaults are for whom they fit', async () => {
    const yaml = `authorities: { public: acm, ours: ./ca }
defaults: { ca: public, template: EndEntityCertificate/V1 }
certificates:
  www.example.com: { exportable: true }
  a.internal: { ca: ours, signingAlgorithm: SHA256WITHRSA, exportable: false }
  shop.example.com: { template: EndEntityCertificate/V1 }
`;
    const cwd = folderWith(yaml);
    const { stdout } = await check(cwd);
    const { error } = JSON.parse(stdout) as { error: { faults: Fault[] } };
    expect(places(error.faults)).toEqual([
      `5:27 signingAlgorithm is for AWS Private CA, and the authority is ${join(cwd, 'ca')}`,
      '6:23 template is for AWS Private CA, and the authority is acm',
    ]);
  });

  it('is a key or a certificate given twice', async () => {
    expect(
      places(
        await faultsIn(`certificates:
  orders.internal: { usage: mtls, usage: client }
  orders.internal:
  "*.Shop.internal":
  "*.shop.internal":
  b.internal: { lifetime: 1d, lifetime: 2d }
`),
      ),
    ).toEqual([
      '2:35 "usage" is given twice',
      '3:3 "orders.internal" is given twice',
      '3:3 certificate "orders.internal" is declared twice',
      '5:3 certificate "*.shop.internal" is declared twice',
      '6:31 "lifetime" is given twice',
    ]);
  });

  it('is everything about an output at once', async () => {
    expect(
      places(
        await faultsIn(`certificates:
  web_1:
    names: [web.internal]
    outputs:
      - content: cert
        namespace: x
        alias: x
        encryption: legacy
        name: y
      - content: kubernetes-secret
        mode: "0666"
        constructor: x
`),
      ),
    ).toEqual([
      '5:9 an output has no path',
      '6:9 namespace does not go with cert',
      '7:9 alias does not go with cert',
      '8:9 encryption does not go with cert',
      '9:9 name does not go with cert',
      '10:9 an output has no path',
      '10:9 "web_1" is no name that Kubernetes takes',
      '11:15 mode 0666 is not for a private key',
      '12:9 unknown key "constructor"',
    ]);
  });

  it('is a list without anything in it, and a program at no certain place', async () => {
    const faults = await faultsIn(`certificates:
  a.internal: { deploy: { run: [], confirm: [] } }
  b.internal: { deploy: { acm: [], confirm: { nme: x } } }
  c.internal: { deploy: { run: [bin/reload] } }
`);
    expect(places(faults)).toEqual([
      '2:32 deploy.run is empty',
      '2:45 deploy.confirm is empty',
      '3:32 deploy.acm is empty',
      '3:45 deploy.confirm has no servers',
      '3:47 unknown key "nme"',
      '4:33 deploy.run "bin/reload" is no program',
    ]);
    expect(faults[5]?.hint).toBe(
      'an absolute path, one that begins with ./ or ../, or a name that is found in PATH',
    );
  });

  it('is a number where text is meant, with the quotes that it needs', async () => {
    const hints = await hintsIn('defaults: { mode: 0600 }\ncertificates: { 8443: {} }\n');
    expect(hints).toEqual(['write it in quotes: "0600"', 'write it in quotes']);
  });

  it('is syntax, told once a line', async () => {
    expect(places(await faultsIn('certificates:\n\ta: 1\n'))[0]).toMatch(/^2:1 tabs are not allowed/);
    expect(places(await faultsIn('defaults: { lifetime: "30d }\n'))[0]).toMatch(
      /^\d:\d+ missing closing "quote/,
    );
    expect(places(await faultsIn('defaults: {}\n---\ndefaults: {}\n'))).toEqual([
      '2:1 a second YAML document begins here',
    ]);
  });

  it('is an alias that explodes, stands for itself or for nothing', async () => {
    const list = (name: string, of: string): string =>
      `  - &${name} [${Array(10).fill(`*${of}`).join(', ')}]\n`;
    const bomb = `defaults:\n  - &a [x, x, x, x, x, x, x, x, x, x]\n${['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((of, at, all) => list(all[at + 1] ?? 'z', of)).join('')}`;
    const begun = performance.now();
    expect(places(await faultsIn(bomb))).toEqual([
      '1:1 it stands for more than 1000000 values, with its aliases written out',
    ]);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(places(await faultsIn('defaults: &d { ca: *d }\n'))[0]).toBe('1:20 *d stands for itself');
    expect(places(await faultsIn('defaults: { ca: *d }\n'))[0]).toBe('1:17 there is no anchor &d before it');
  });

  it('is nesting without end, bytes that are no text, a file without end', async () => {
    expect(places(await faultsIn('['.repeat(50_000)))[0]).toMatch(/^1:\d+ it is nested too deeply/);
    expect(places(await faultsIn(`defaults: ${'['.repeat(40)}${']'.repeat(40)}`))).toEqual([
      '1:11 defaults must be a mapping, not a list',
      '1:43 it is nested too deeply',
    ]);
    expect(places(await faultsIn(Buffer.from([0xff, 0xfe, 0x61])))).toEqual(['1:1 it is not UTF-8']);
    const large = await check(folderWith(Buffer.alloc(5 * 1024 * 1024, '#')));
    expect(JSON.parse(large.stdout)).toMatchObject({ error: { code: 'unsupported' } });
  });

  it('is told without a key or a passphrase that stands in its place', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const base64 = pem.split('\n')[1]?.slice(16) ?? '';
    const secret = 'hunter2secret';
    const texts = [
      ...[pem, `Bag Attributes\n    friendlyName: x\n${pem}`, `a: ${pem}`, `\t${pem}`],
      ...[
        `defaults: { ca: "${pem.replaceAll('\n', '\\n')}" }\n`,
        `defaults: |\n  ${pem.split('\n').join('\n  ')}`,
      ],
      ...[secret, `a ${secret}`, `${secret}: a`, `- ${secret}`, `"${secret}`, `{${secret}`, `| ${secret}`],
      ...[`*${secret}`, `&${secret} a`, `!${secret} a`, `!${secret}! a`, `!<${secret}> a`, `%${secret}`],
    ];
    for (const text of texts) {
      const { code, stdout, stderr } = await run(['config', 'check'], { cwd: folderWith(`${text}\n`) });
      expect({ text, code }).toEqual({ text, code: 2 });
      expect(`${stdout}${stderr}`).not.toContain(secret);
      expect(`${stdout}${stderr}`).not.toContain(base64);
    }
  });

  it('is a list of servers without one, and a number that means nobody', async () => {
    const yaml = 'defaults: { owner: 4294967295, deploy: { confirm: [] } }\n';
    expect(places(await faultsIn(yaml))).toEqual([
      '1:20 owner "4294967295" is no name of an account',
      '1:51 deploy.confirm is empty',
    ]);
  });

  it('is a wildcard without quotes', async () => {
    const [named] = await hintsIn('certificates: { web: { names: [*.a.internal] } }\n');
    expect(named).toBe('put a wildcard in quotes: "*.a.internal"');
    const [key] = await hintsIn('certificates:\n  *.a.internal: {}\n');
    expect(key).toMatch(/^put a wildcard.* in quotes/);
  });

  it('is shown without what steers a terminal', async () => {
    const { stderr } = await run(['config', 'check'], {
      cwd: folderWith('certificates: { "\\e[31mred": {} }\n'),
    });
    expect(stderr).toContain('\\u001b[31mred');
    expect(stderr).not.toContain('\u001b');
  });
});

describe('issue beside a config file', () => {
  const yaml = `authorities: { corp: ./pki/ca }
defaults: { ca: corp, lifetime: 12h }
certificates:
  orders.internal:
    names: [orders.internal, 10.0.0.7]
    usage: server
  web_1: { names: [web.internal] }
`;

  interface Stored {
    names: string[];
    usage: string;
    lifetime: string;
    authority: string;
  }
  const stored = (cwd: string, name: string): Stored =>
    JSON.parse(readFileSync(join(cwd, 'certs', name, 'request.json'), 'utf8')) as Stored;

  /** `web_1` is no folder's name. */
  const folderOf = (cwd: string, name: string): string =>
    readdirSync(join(cwd, 'certs')).find((entry) => entry.startsWith(`${name}~`)) ?? name;

  async function issue(cwd: string, ...args: string[]): Promise<{ code: unknown; warnings: string[] }> {
    const { code, stdout } = await run(['issue', ...args, '--create-ca', '--json'], { cwd });
    return { code, warnings: (JSON.parse(stdout) as { warnings?: string[] }).warnings ?? [] };
  }

  it('takes a declared certificate as it is declared', async () => {
    const cwd = folderWith(yaml);
    expect(await issue(cwd, 'Orders.internal')).toEqual({ code: 0, warnings: [] });
    expect(stored(cwd, 'orders.internal')).toMatchObject({
      names: ['orders.internal', '10.0.0.7'],
      usage: 'server',
      lifetime: '12h',
      authority: '../pki/ca',
    });
    expect(await issue(cwd, 'web_1')).toEqual({ code: 0, warnings: [] });
    expect(stored(cwd, folderOf(cwd, 'web_1')).names).toEqual(['web.internal']);
  });

  it('gives the defaults to one that is not declared', async () => {
    const cwd = folderWith(yaml);
    expect(await issue(cwd, 'other.internal')).toEqual({ code: 0, warnings: [] });
    expect(stored(cwd, 'other.internal')).toMatchObject({
      usage: 'mtls',
      lifetime: '12h',
      authority: '../pki/ca',
    });
  });

  it('lets the command line win, and says so', async () => {
    const cwd = folderWith(yaml);
    const { warnings } = await issue(
      cwd,
      'orders.internal',
      'orders.example',
      '--usage',
      'client',
      '--lifetime',
      '12h',
    );
    expect(warnings).toEqual([
      'usage client (command line) in place of server (certwright.yaml)',
      'names orders.internal, orders.example (command line) in place of orders.internal, 10.0.0.7 (certwright.yaml)',
    ]);
    expect(stored(cwd, 'orders.internal')).toMatchObject({
      names: ['orders.internal', 'orders.example'],
      usage: 'client',
    });
    const end = await issue(cwd, 'web_1', '--not-after', '2999-01-01', '--clamp');
    expect(end).toEqual({
      code: 0,
      warnings: ['lifetime none (command line) in place of 12h (certwright.yaml)'],
    });
  });

  it('wins over request.json, and says in what it differs', async () => {
    const cwd = folderWith(yaml);
    await issue(cwd, 'orders.internal');
    writeFileSync(join(cwd, 'certwright.yaml'), yaml.replace('usage: server', 'lifetime: 6h'));
    const { code, warnings } = await issue(cwd, 'orders.internal', '--if-due');
    expect({ code, warnings }).toEqual({
      code: 0,
      warnings: [
        'changed since it was issued: usage server -> mtls',
        'changed since it was issued: lifetime 12h -> 6h',
      ],
    });
    expect(stored(cwd, 'orders.internal').lifetime).toBe('6h');
  });

  it('knows the aliases wherever an authority is named', async () => {
    const cwd = folderWith('authorities: { corp: ./pki/ca }\n');
    await issue(cwd, 'a.internal', '--ca', 'corp');
    await run(['issue', 'b.internal'], { cwd, env: { CERTWRIGHT_CA: 'corp' } });
    for (const name of ['a.internal', 'b.internal']) expect(stored(cwd, name).authority).toBe('../pki/ca');
  });

  it('does not let CERTWRIGHT_CA move what the file places', async () => {
    const cwd = folderWith(yaml);
    await run(['issue', 'orders.internal', '--create-ca'], { cwd, env: { CERTWRIGHT_CA: './elsewhere' } });
    expect(stored(cwd, 'orders.internal').authority).toBe('../pki/ca');
  });
});
