import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { keyTypes } from '../../src/pki/x509/key.ts';
import { usages } from '../../src/pki/x509/profile.ts';
import { execute, spawnProgram, temporaryFolderForSuite } from '../support/cli.ts';
import { describeWith } from '../support/tools.ts';

const purposes = { mtls: ['sslserver', 'sslclient'], server: ['sslserver'], client: ['sslclient'] } as const;
const others = { mtls: [], server: ['sslclient'], client: ['sslserver'] } as const;

/** One CA of each family of keys issues a certificate of every key type and usage. */
const authorities = ['ec-p384', 'rsa-2048', 'ed25519'] as const;

interface Issued {
  ca: string;
  keyType: string;
  usage: (typeof usages)[number];
  folder: string;
}

const certificates: Issued[] = authorities.flatMap((ca) =>
  keyTypes.flatMap((keyType) =>
    usages.map((usage) => ({ ca, keyType, usage, folder: `${ca}-${keyType}-${usage}` })),
  ),
);

describeWith(['openssl', 'certtool'], 'every certificate that is issued', () => {
  const cwd = temporaryFolderForSuite();
  const at = (...parts: string[]): string => join(cwd(), ...parts);

  beforeAll(async () => {
    for (const ca of authorities) {
      const made = await spawnProgram(
        ['ca', 'init', '--ca', ca, '--key-type', ca, '--permit-dns', 'internal'],
        { cwd: cwd() },
      );
      expect(made).toMatchObject({ code: 0 });
      const lists = join('issuers', '*', 'crl', 'current', 'crl.pem');
      await execute('sh', ['-c', `cat ${ca}/${lists} > ${ca}.crl.pem`], { cwd: cwd() });
    }
    for (const { ca, keyType, usage, folder } of certificates) {
      const flags = ['--ca', ca, '--key-type', keyType, '--usage', usage, '--out', folder];
      const names = [
        'orders.internal',
        '10.0.0.7',
        'fd00::7',
        'spiffe://corp/ns/shop/sa/orders',
        'ops@orders.internal',
      ];
      expect(await spawnProgram(['issue', ...names, ...flags], { cwd: cwd() })).toMatchObject({ code: 0 });
    }
  });

  it.each(certificates)(
    '$folder is accepted by openssl -x509_strict for its purposes alone, CRLs checked',
    async ({ ca, usage, folder }) => {
      const verify = (purpose: string) =>
        execute(
          'openssl',
          [
            'verify',
            '-x509_strict',
            '-crl_check_all',
            '-purpose',
            purpose,
            '-CAfile',
            at(folder, 'ca.pem'),
            '-CRLfile',
            at(`${ca}.crl.pem`),
            '-untrusted',
            at(folder, 'chain.pem'),
            at(folder, 'cert.pem'),
          ],
          {},
        );
      for (const purpose of purposes[usage]) expect(await verify(purpose)).toMatchObject({ code: 0 });
      for (const purpose of others[usage]) expect((await verify(purpose)).code).not.toBe(0);
    },
  );

  it.each(certificates)('$folder is accepted by certtool', async ({ folder }) => {
    const ran = await execute('certtool', [
      '--verify',
      '--load-ca-certificate',
      at(folder, 'ca.pem'),
      '--infile',
      at(folder, 'fullchain.pem'),
    ]);
    expect(ran.stdout).toContain('Chain verification output: Verified.');
    expect(ran.code).toBe(0);
  });

  it.each(certificates)('$folder is signed by its chain, in Node', ({ folder }) => {
    const pem =
      readFileSync(at(folder, 'fullchain.pem'), 'utf8') + readFileSync(at(folder, 'ca.pem'), 'utf8');
    const [leaf, issuing, root] =
      pem.match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g)?.map((one) => new X509Certificate(one)) ?? [];
    expect(leaf?.checkIssued(issuing!)).toBe(true);
    expect(leaf?.verify(issuing!.publicKey)).toBe(true);
    expect(issuing?.verify(root!.publicKey)).toBe(true);
    expect(leaf?.checkHost('orders.internal')).toBe('orders.internal');
    expect(leaf?.checkIP('10.0.0.7')).toBe('10.0.0.7');
  });
});

/** SPIFFE IDs name a trust domain, which need not have a dot. */
const excused = new Set(['e_ext_san_uri_host_not_fqdn_or_ip', 'e_ext_san_uri_format_invalid']);

describeWith(['zlint'], 'zlint by RFC 5280', () => {
  const cwd = temporaryFolderForSuite();

  it('finds no error in what is issued, nor in the CA', async () => {
    expect(await spawnProgram(['ca', 'init', '--permit-dns', 'internal'], { cwd: cwd() })).toMatchObject({
      code: 0,
    });
    for (const keyType of keyTypes) {
      for (const usage of usages) {
        const names = [
          'orders.internal',
          '10.0.0.7',
          'spiffe://corp/ns/shop/sa/orders',
          'ops@orders.internal',
        ];
        const out = `${keyType}-${usage}`;
        await spawnProgram(['issue', ...names, '--key-type', keyType, '--usage', usage, '--out', out], {
          cwd: cwd(),
        });
        const { stdout } = await execute(
          'sh',
          [
            '-c',
            `for f in ${out}/cert.pem ${out}/chain.pem ${out}/ca.pem; do zlint -includeSources RFC5280 "$f"; done`,
          ],
          { cwd: cwd() },
        );
        const results = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, { result: string }>);
        expect(results).toHaveLength(3);
        const errors = results.flatMap((one) =>
          Object.entries(one).filter(
            ([lint, { result }]) => ['error', 'fatal'].includes(result) && !excused.has(lint),
          ),
        );
        expect({ out, errors }).toEqual({ out, errors: [] });
      }
    }
  });
});
