import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { emulatorForFile } from '../support/aws/lent.ts';
import { run, temporaryFolderForSuite } from '../support/cli.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/aws-permissions.md'), 'utf8');

interface Policy {
  Version: string;
  Statement: { Effect: string; Action: string | string[]; Resource: string }[];
}

/** The policies of the page, by the heading that they stand under. */
const policies = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section): [string, Policy] => {
      const [heading = ''] = section.split('\n');
      const [, json = ''] = /^```json\n([\s\S]*?)^```$/m.exec(section) ?? [];
      return [heading.replaceAll('`', ''), JSON.parse(json) as Policy];
    }),
);

const emulator = emulatorForFile({ certificatePolls: 1 });
const folder = temporaryFolderForSuite();
const services: Readonly<Record<string, string>> = { ACMPrivateCA: 'acm-pca', CertificateManager: 'acm' };
const called = new Set<string>();
let ca = '';

beforeAll(async () => {
  ca = await emulator().createCa({ grantsAcm: true });
  emulator().cloud.observe = (target) => {
    const [prefix = '', operation = ''] = target.split('.');
    called.add(`${services[prefix] ?? prefix}:${operation}`);
  };
});

const certwright = async (...argv: string[]): Promise<number | string> =>
  (await run(argv, { cwd: folder(), env: emulator().environment })).code;

const certificateOf = (type: string): string =>
  [...emulator().cloud.certificates.values()].find((one) => one.type === type)!.arn;

interface Case {
  heading: string;
  /** Every way in which the command calls AWS. */
  runs: () => Promise<void>;
  /** What is called only where AWS answers otherwise than the emulator does. */
  elsewhere?: readonly string[];
}

const cases: readonly Case[] = [
  {
    heading: 'issue --ca arn:aws:acm-pca:…',
    runs: async () => {
      expect(await certwright('issue', 'orders.internal', '--ca', ca)).toBe(0);
    },
    elsewhere: ['acm-pca:GetCertificateAuthorityCertificate'],
  },
  {
    heading: 'issue --ca acm:arn:aws:acm-pca:…',
    runs: async () => {
      expect(await certwright('issue', 'private.internal', '--ca', `acm:${ca}`)).toBe(0);
      emulator().refuse(
        'RequestCertificate',
        'ValidationException',
        'The signing certificate for the CA you specified in the request has expired',
      );
      expect(await certwright('issue', 'expired.internal', '--ca', `acm:${ca}`)).toBe(1);
    },
  },
  {
    heading: 'issue --ca acm',
    runs: async () => {
      const order = ['issue', 'www.shop.com', '--ca', 'acm', '--usage', 'server', '--exportable'];
      expect(await certwright(...order)).toBe(75);
      emulator().approve(certificateOf('AMAZON_ISSUED'));
      expect(await certwright(...order)).toBe(0);
    },
  },
  {
    heading: 'rotate of certificates of ACM',
    runs: async () => {
      expect(await certwright('rotate', 'private.internal', '--force')).toBe(0);
    },
    elsewhere: ['acm:ListCertificates', 'acm:RequestCertificate'],
  },
  {
    heading: 'import NAME --to acm',
    runs: async () => {
      expect(await certwright('import', 'orders.internal', '--to', 'acm')).toBe(0);
      expect(await certwright('issue', 'orders.internal', '--ca', ca, '--force')).toBe(0);
      for (const action of [...called]) if (action.startsWith('acm-pca:')) called.delete(action);
      expect(await certwright('import', 'orders.internal', '--to', 'acm')).toBe(0);
    },
  },
  {
    heading: 'inspect arn:…',
    runs: async () => {
      const [certificate = ''] = emulator().cloud.cas.get(ca)!.issued.keys();
      for (const arn of [ca, certificate, certificateOf('IMPORTED')])
        expect(await certwright('inspect', arn)).toBe(0);
    },
  },
  {
    heading: 'revoke',
    runs: async () => {
      const [certificate = ''] = emulator().cloud.cas.get(ca)!.issued.keys();
      for (const target of [certificate, certificateOf('AMAZON_ISSUED')])
        expect(await certwright('revoke', target, '--yes')).toBe(0);
    },
  },
  {
    heading: 'list --ca acm',
    runs: async () => {
      expect(await certwright('list', '--ca', 'acm')).toBe(0);
    },
  },
  {
    heading: 'list --ca arn:aws:acm-pca:… --audit-report',
    runs: async () => {
      expect(await certwright('list', '--ca', ca, '--audit-report', 's3://audit-bucket')).toBe(0);
    },
  },
];

describe('the policies in docs/aws-permissions.md', () => {
  test('are of all these commands', () => {
    expect([...policies.keys()]).toEqual(cases.map(({ heading }) => heading));
  });

  test.each(cases)('$heading calls what its policy allows, and needs all of it', async (one) => {
    called.clear();
    await one.runs();
    const { Version, Statement } = policies.get(one.heading)!;
    expect(Version).toBe('2012-10-17');
    const allowed = Statement.flatMap(({ Action }) => Action);
    expect([...called, ...(one.elsewhere ?? [])].sort()).toEqual(allowed.sort());
  });
});
