import { beforeAll } from 'vitest';
import { openAuthority } from '../../../src/pki/authorities/open.ts';
import { createDefaultCa } from '../../../src/pki/lifecycle/ca.ts';
import { temporaryFolderForSuite } from '../../support/cli.ts';
import { awsOptions, emulatorForFile } from '../../support/aws/lent.ts';
import { contractOf } from './contract.ts';

const emulator = emulatorForFile();
const folder = temporaryFolderForSuite();
const now = (): Date => new Date();
const ask = (): Promise<Buffer> => Promise.reject(new Error('no passphrase is asked for'));

const hosts = [['orders.internal'], ['*.orders.internal', 'orders.internal']];
const names = [
  ...hosts,
  ['orders.internal', '10.0.0.7', '2001:db8::7', 'spiffe://corp/ns/shop/sa/orders', 'ops@orders.internal'],
];
const usages = ['mtls', 'server', 'client'] as const;
const keyTypes = ['ec-p256', 'ec-p384', 'rsa-2048', 'ed25519'] as const;
const inAYear = (years: number): Date => new Date(Date.now() + years * 366 * 86_400_000);

beforeAll(async () => {
  await createDefaultCa(`${folder()}/ca`, now());
});

contractOf('a CA in a folder', () => ({
  open: () => openAuthority(`${folder()}/ca`, { ask, now, aws: awsOptions(emulator()) }),
  now,
  names,
  usages,
  keyTypes,
  refusals: [{ what: 'a life beyond its own', wishes: { notAfter: inAYear(80) }, code: 'outlives-issuer' }],
  billed: () => undefined,
}));

let root = '';
let issuing = '';
beforeAll(async () => {
  root = await emulator().createCa();
  issuing = await emulator().createCa({ parent: root, name: 'Issuing', keyAlgorithm: 'RSA_2048', years: 5 });
});

const openPca = (ca: string, wishes = {}) =>
  openAuthority(ca, { ask, now, aws: awsOptions(emulator(), wishes) });

for (const [title, ca] of [
  ['AWS Private CA, a root on P-256', () => root],
  ['AWS Private CA, an issuing CA on RSA', () => issuing],
] as const) {
  contractOf(title, () => ({
    open: () => openPca(ca()),
    now,
    names,
    usages,
    keyTypes: ['ec-p256', 'ec-p384', 'rsa-2048'],
    refusals: [
      { what: 'URLs of its own', wishes: { crlUrls: ['http://crl.internal/a'] }, code: 'unsupported' },
      { what: 'OCSP of its own', wishes: { ocspUrls: ['http://ocsp.internal'] }, code: 'unsupported' },
    ],
    billed: () => emulator().stats.billed,
    loseAnswer: () => {
      emulator().script('IssueCertificate', { kind: 'reset', afterEffect: true });
    },
    refuse: async () => ({ authority: await openPca(ca(), { template: 'NoSuchTemplate' }), code: 'refused' }),
  }));
}
