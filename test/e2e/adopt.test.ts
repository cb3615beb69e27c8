import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { readIndex, serialOf } from '../../src/pki/lifecycle/adopt/index-txt.ts';
import { execute, spawnProgram, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';
import { describeWith } from '../support/tools.ts';

describeWith(['openssl'], 'ca adopt', () => {
  let cwd = '';
  const certwright = (...argv: string[]): Promise<Ran> => spawnProgram(argv, { cwd });

  async function openssl(...argv: string[]): Promise<string> {
    const ran = await execute('openssl', argv, { cwd });
    expect({ argv, code: ran.code, stderr: ran.code === 0 ? '' : ran.stderr }).toEqual({
      argv,
      code: 0,
      stderr: '',
    });
    return ran.stdout;
  }

  const config = (dir: string, certificate: string, key: string, newCerts: string): string => `
[ca]
default_ca = it
[it]
dir = ${dir}
certificate = $dir/${certificate}
private_key = $dir/${key}
database = $dir/index.txt
new_certs_dir = $dir/${newCerts}
serial = $dir/serial
crlnumber = $dir/crlnumber
default_md = sha256
default_days = 90
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical,CA:true
subjectKeyIdentifier = hash
keyUsage = critical,keyCertSign,cRLSign
`;

  /** A CA that openssl keeps: c0 to c3 issued, c1 and c2 revoked. */
  async function opensslCa(
    dir: string,
    certificate: string,
    key: string,
    newCerts: string,
    pass?: string,
  ): Promise<void> {
    for (const folder of ['private', newCerts]) mkdirSync(join(cwd, dir, folder), { recursive: true });
    writeFileSync(join(cwd, 'ca.cnf'), config(dir, certificate, key, newCerts));
    writeFileSync(join(cwd, dir, 'index.txt'), '');
    writeFileSync(join(cwd, dir, 'serial'), '0A\n');
    writeFileSync(join(cwd, dir, 'crlnumber'), 'F000000000\n');
    await openssl(
      ...['req', '-x509', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '3650'],
      ...['-config', 'ca.cnf', '-extensions', 'v3_ca', '-subj', '/CN=Old CA', '-out', join(dir, certificate)],
      ...['-keyout', join(dir, key), ...(pass === undefined ? ['-nodes'] : ['-passout', `pass:${pass}`])],
    );
    const passin = pass === undefined ? [] : ['-passin', `pass:${pass}`];
    for (const name of ['c0', 'c1', 'c2', 'c3']) {
      await openssl(
        ...[
          'req',
          '-new',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-config',
          'ca.cnf',
        ],
        ...['-subj', `/CN=${name}.internal`, '-keyout', `${name}.key`, '-out', `${name}.csr`],
      );
      const ca = ['ca', '-batch', '-notext', '-config', 'ca.cnf', ...passin];
      await openssl(...ca, '-in', `${name}.csr`, '-out', `${name}.pem`);
    }
    const revoke = ['ca', '-config', 'ca.cnf', ...passin, '-revoke'];
    await openssl(...revoke, 'c1.pem', '-crl_reason', 'keyCompromise');
    await openssl(...revoke, 'c2.pem', '-crl_compromise', '20260101000000Z');
    await openssl('ca', '-config', 'ca.cnf', ...passin, '-gencrl', '-out', join(dir, 'crl.pem'));
  }

  const listing = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => `${file} ${statSync(file).mtimeMs} ${readFileSync(file, 'latin1')}`);

  const verify = (certificate: string): Promise<Ran> => {
    const issuer = join(cwd, 'ca', readlinkSync(join(cwd, 'ca/active')));
    const crl = join(issuer, 'crl/current/crl.pem');
    const argv = ['verify', '-crl_check', '-CAfile', join(issuer, 'cert.pem'), '-CRLfile', crl, certificate];
    return execute('openssl', argv, { cwd });
  };

  beforeEach(() => {
    cwd = temporaryFolder();
  });

  it('refuses a CRL whose number cannot go on: peers would take no next one for newer', async () => {
    await opensslCa('demoCA', 'cacert.pem', 'private/cakey.pem', 'newcerts');
    writeFileSync(join(cwd, 'demoCA/crlnumber'), 'F0000000000000\n');
    await openssl('ca', '-config', 'ca.cnf', '-gencrl', '-out', 'demoCA/crl.pem');
    rmSync(join(cwd, 'demoCA/crlnumber'));
    const { code, stderr } = await certwright('ca', 'adopt', 'demoCA');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('has the number f0000000000000, which cannot go on') as string,
    });
    expect(existsSync(join(cwd, 'ca'))).toBe(false);
  });

  it("takes over openssl's own CA: its records, its revocations, the number of its CRL; and touches nothing", async () => {
    await opensslCa('demoCA', 'cacert.pem', 'private/cakey.pem', 'newcerts');
    const before = listing(join(cwd, 'demoCA'));
    const ran = await certwright('ca', 'adopt', 'demoCA', '--json');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(schemaErrors(ran.stdout)).toEqual([]);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      kind: 'openssl',
      name: 'Old CA',
      issued: 4,
      revoked: 2,
      missing: [],
    });
    // openssl has used F000000000 for its CRL.
    expect((JSON.parse(ran.stdout) as { crlNumber: number }).crlNumber).toBe(0xf000000001);
    expect(listing(join(cwd, 'demoCA'))).toEqual(before);

    expect(await verify('c0.pem')).toMatchObject({ code: 0 });
    for (const revoked of ['c1.pem', 'c2.pem'])
      expect((await verify(revoked)).stderr).toContain('certificate revoked');
    expect(await certwright('ca', 'doctor')).toMatchObject({ code: 0 });
    const { entries } = JSON.parse((await certwright('ca', 'log', '--only', 'revoked', '--json')).stdout) as {
      entries: { subject: string; reason: string }[];
    };
    expect(entries.map(({ subject, reason }) => `${subject} ${reason}`).sort()).toEqual([
      'c1.internal keyCompromise',
      'c2.internal keyCompromise',
    ]);

    expect(await certwright('issue', 'new.internal')).toMatchObject({ code: 0 });
    expect(await verify('certs/new.internal/current/cert.pem')).toMatchObject({ code: 0 });
    expect(await certwright('revoke', 'c3.pem', '--yes')).toMatchObject({ code: 0 });
    expect((await verify('c3.pem')).stderr).toContain('certificate revoked');
  });

  it('takes over a CA of easy-rsa with an encrypted key', async () => {
    await opensslCa('pki', 'ca.crt', 'private/ca.key', 'certs_by_serial', 'secret');
    // easy-rsa moves what it has revoked.
    mkdirSync(join(cwd, 'pki/revoked/certs_by_serial'), { recursive: true });
    renameSync(join(cwd, 'pki/certs_by_serial/0B.pem'), join(cwd, 'pki/revoked/certs_by_serial/0B.crt'));
    const closed = await certwright('ca', 'adopt', '.');
    expect(closed.code).toBe(2);
    expect(closed.stderr).toContain('passphrase');
    expect(readdirSync(cwd)).not.toContain('ca');
    writeFileSync(join(cwd, 'pass'), 'secret\n');
    const ran = await certwright('ca', 'adopt', '.', '--passphrase-file', 'pass', '--json');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(ran.stdout)).toMatchObject({ kind: 'easy-rsa', issued: 4, revoked: 2, missing: [] });
    const issuer = join(cwd, 'ca', readlinkSync(join(cwd, 'ca/active')));
    expect(readFileSync(join(issuer, 'key.pem'))).toEqual(readFileSync(join(cwd, 'pki/private/ca.key')));
    expect(await certwright('issue', 'new.internal', '--passphrase-file', 'pass')).toMatchObject({ code: 0 });
    expect((await verify('c1.pem')).stderr).toContain('certificate revoked');
  });

  it('says what the index names and the folders lack, and refuses a key of another', async () => {
    await opensslCa('demoCA', 'cacert.pem', 'private/cakey.pem', 'newcerts');
    renameSync(join(cwd, 'demoCA/newcerts/0A.pem'), join(cwd, 'elsewhere.pem'));
    const other = await certwright('ca', 'adopt', 'demoCA', '--key', 'c0.key');
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('is not the key');
    const ran = await certwright('ca', 'adopt', 'demoCA');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toContain(
      '1 certificates of the index are nowhere in its folders, and not on record: 0a',
    );
    expect(await certwright('ca', 'adopt', 'demoCA')).toMatchObject({ code: 2 });
  });

  it('takes over a CA of step, whose database it cannot read', async () => {
    await opensslCa('root', 'cacert.pem', 'private/cakey.pem', 'newcerts');
    for (const folder of ['config', 'certs', 'secrets'])
      mkdirSync(join(cwd, 'step', folder), { recursive: true });
    await openssl(
      ...[
        'req',
        '-new',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-config',
        'ca.cnf',
      ],
      ...[
        '-subj',
        '/CN=Step Intermediate CA',
        '-keyout',
        'step/secrets/intermediate_ca_key',
        '-out',
        'i.csr',
      ],
    );
    const sign = ['ca', '-batch', '-notext', '-config', 'ca.cnf', '-extensions', 'v3_ca', '-in', 'i.csr'];
    await openssl(...sign, '-out', 'step/certs/intermediate_ca.crt');
    cpSync(join(cwd, 'root/cacert.pem'), join(cwd, 'step/certs/root_ca.crt'));
    const paths = { root: '/root/.step/certs/root_ca.crt', crt: '/root/.step/certs/intermediate_ca.crt' };
    writeFileSync(
      join(cwd, 'step/config/ca.json'),
      JSON.stringify({ ...paths, key: '/root/.step/secrets/intermediate_ca_key', db: { type: 'badgerv2' } }),
    );
    const ran = await certwright('ca', 'adopt', 'step');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toContain('(badger) cannot be read');
    expect(await certwright('issue', 'new.internal')).toMatchObject({ code: 0 });
    const checked = [
      'inspect',
      'certs/new.internal/current/fullchain.pem',
      '--trust',
      'step/certs/root_ca.crt',
    ];
    expect(await certwright(...checked)).toMatchObject({ code: 0 });
    expect(await certwright('ca', 'doctor')).toMatchObject({ code: 0 });
  });
});

describeWith([], "openssl's index.txt", () => {
  it('is read with every form of revocation', () => {
    const text = [
      'V\t270101000000Z\t\t0A\tunknown\t/CN=a',
      'R\t20500101000000Z\t260101000000Z,superseded\t00FF\tunknown\t/CN=b',
      'R\t270101000000Z\t260101000000Z,CAkeyTime,20250101000000Z\t0B\tunknown\t/CN=c',
      'R\t270101000000Z\t260101000000Z\t0C\tunknown\t/CN=d',
      'E\t200101000000Z\t\t0D\tunknown\t/CN=e',
      '',
    ].join('\n');
    expect(readIndex(text, 'index.txt').map(({ serial, revoked }) => [serial, revoked?.reason])).toEqual([
      ['0a', undefined],
      ['ff', 'superseded'],
      ['0b', 'cACompromise'],
      ['0c', 'unspecified'],
      ['0d', undefined],
    ]);
    expect(serialOf('ABC')).toBe('0abc');
  });

  it.each([
    'R\t270101000000Z\t\t0A\tx\t/CN=a',
    'X\t270101000000Z\t\t0A\tx\t/CN=a',
    'V\tnever\t\t0A\tx\t/CN=a',
    'hello',
  ])('refuses %j: a revocation that is passed over would be lost', (line) => {
    expect(() => readIndex(`${line}\n`, 'index.txt')).toThrow('index.txt:1 is no line');
  });
});
