import { afterAll, beforeAll } from 'vitest';
import { openAuthority } from '../../../src/pki/authorities/open.ts';
import { awsOptionsIn } from '../../support/aws/lent.ts';
import { describeWithMoto, startMoto, type Moto } from '../../support/moto.ts';
import { pcaClient } from '../../support/aws/sdk.ts';
import { contractOf } from '../../pki/authorities/contract.ts';
import { bootstrap } from './compare.ts';

/** All certificates of moto live for a year, whatever is asked for. */
const lifetime = 365 * 86_400_000;

/*
 * What AWS Private CA is to this program, on an emulator that somebody else wrote. It knows one template for leaves and
 * loses no answers; ACM's certificates there are signed by nobody, so the contract cannot be tried with them.
 */
describeWithMoto('with moto', (program) => {
  let moto: Moto;
  let root = '';
  let environment: Record<string, string> = {};
  let before: NodeJS.ProcessEnv = {};

  beforeAll(async () => {
    moto = await startMoto(program);
    root = await bootstrap(pcaClient(moto.endpoint));
    environment = {
      AWS_ENDPOINT_URL: moto.endpoint,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    before = { ...process.env };
    Object.assign(process.env, environment);
  });

  afterAll(async () => {
    process.env = before;
    await moto.close();
  });

  contractOf('AWS Private CA', () => ({
    open: () =>
      openAuthority(root, {
        ask: () => Promise.reject(new Error('no passphrase is asked for')),
        now: () => new Date(),
        aws: awsOptionsIn(environment),
      }),
    now: () => new Date(),
    names: [
      ['orders.internal'],
      ['*.orders.internal', 'orders.internal'],
      ['orders.internal', '10.0.0.7', 'spiffe://corp/ns/shop/sa/orders'],
    ],
    usages: ['mtls'],
    keyTypes: ['ec-p256', 'ec-p384', 'rsa-2048'],
    refusals: [
      { what: 'URLs of its own', wishes: { crlUrls: ['http://crl.internal/a'] }, code: 'unsupported' },
    ],
    billed: () => undefined,
    lifetime,
    forgetsTokens: true,
  }));
});
