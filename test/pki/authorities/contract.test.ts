import { CreatePermissionCommand } from '@aws-sdk/client-acm-pca';
import { beforeAll } from 'vitest';
import type { Authority } from '../../../src/pki/authorities/authority.ts';
import { openAuthority } from '../../../src/pki/authorities/open.ts';
import { createDefaultCa } from '../../../src/pki/lifecycle/ca.ts';
import type { Profile } from '../../../src/pki/x509/profile.ts';
import { parseName } from '../../../src/pki/x509/subject-alternative-name.ts';
import { temporaryFolderForSuite } from '../../support/cli.ts';
import { awsOptions, emulatorForFile } from '../../support/aws/lent.ts';
import { pcaClient } from '../../support/aws/sdk.ts';
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
  await createDefaultCa(`${folder()}/ca`, undefined, now());
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
  await pcaClient(emulator().endpoint).send(
    new CreatePermissionCommand({
      CertificateAuthorityArn: root,
      Principal: 'acm.amazonaws.com',
      Actions: ['IssueCertificate', 'GetCertificate', 'ListPermissions'],
    }),
  );
});

const openPca = (ca: string, wishes = {}) =>
  openAuthority(ca, { ask, now, aws: awsOptions(emulator(), wishes) });

for (const [title, ca, keyTypes] of [
  ['AWS Private CA, a root on P-256', () => root, ['ec-p256', 'rsa-2048']],
  ['AWS Private CA, an issuing CA on RSA', () => issuing, ['ec-p384']],
] as const) {
  contractOf(title, () => ({
    open: () => openPca(ca()),
    now,
    names,
    usages,
    keyTypes,
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

const fixed: readonly { what: string; wishes: Partial<Profile>; code: 'unsupported' }[] = [
  { what: 'a URI', wishes: { names: [parseName('spiffe://corp/a')] }, code: 'unsupported' },
  {
    what: 'an IP address',
    wishes: { names: [parseName('a.internal'), parseName('10.0.0.7')] },
    code: 'unsupported',
  },
  {
    what: 'an e-mail address',
    wishes: { names: [parseName('a.internal'), parseName('a@b.internal')] },
    code: 'unsupported',
  },
  { what: 'a bare host name', wishes: { names: [parseName('localhost')] }, code: 'unsupported' },
  { what: 'another subject', wishes: { subject: [] }, code: 'unsupported' },
  { what: 'its own keys', wishes: { keyType: 'ed25519' }, code: 'unsupported' },
];

contractOf('ACM, private', () => ({
  open: () => openPca(`acm:${root}`),
  now,
  names: hosts,
  usages: ['mtls'],
  keyTypes: ['ec-p256', 'ec-p384'],
  refusals: [...fixed, { what: 'one purpose', wishes: { usage: 'client' }, code: 'unsupported' }],
  billed: () => emulator().stats.billed,
  loseAnswer: () => {
    emulator().script('RequestCertificate', { kind: 'reset', afterEffect: true });
  },
  refuse: async () => {
    emulator().refuse('RequestCertificate', 'AccessDeniedException', 'not authorized');
    return { authority: await openPca(`acm:${root}`), code: 'refused' };
  },
}));

/** The owner of the domains does what ACM asks for as soon as it is asked for. */
const approving = async (): Promise<Authority> => {
  const authority = await openPca('acm', { exportable: true });
  const { reference, makesKeys, sells, fixesLifetime, defaults, validity } = authority;
  return {
    ...{ reference, makesKeys, sells, fixesLifetime, defaults, validity },
    check: (profile) => authority.check(profile),
    issue: async (profile, key, journal) => {
      const first = await authority.issue(profile, key, journal);
      if (first.state === 'issued') return first;
      for (const arn of emulator().cloud.certificates.keys()) emulator().approve(arn);
      return authority.issue(profile, key, journal);
    },
  };
};

contractOf('ACM, public', () => ({
  open: approving,
  now,
  names: [['orders.example.com'], ['*.orders.example.com', 'orders.example.com']],
  usages: ['server'],
  keyTypes: ['ec-p256', 'ec-p384', 'rsa-2048'],
  refusals: [...fixed, { what: 'clients', wishes: { usage: 'mtls' }, code: 'unsupported' }],
  billed: () => emulator().stats.billed,
  loseAnswer: () => {
    emulator().script('RequestCertificate', { kind: 'reset', afterEffect: true });
  },
  refuse: async () => {
    emulator().refuse('RequestCertificate', 'AccessDeniedException', 'not authorized');
    return { authority: await openPca('acm', { exportable: true }), code: 'refused' };
  },
}));
