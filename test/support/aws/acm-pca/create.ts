import { publicKeyDer } from '../../../../src/pki/x509/key.ts';
import { isOwn, type Caller } from '../caller.ts';
import type { Call, Cloud } from '../cloud.ts';
import type { Input, Json } from '../input.ts';
import { Refusal } from '../refusal.ts';
import { newCaArn, partitionOf, type CertificateAuthority } from './certificate-authority.ts';
import { encodeCsrExtensions } from './csr-extensions.ts';
import { crlOf, ocspOf } from './revocation-configuration.ts';
import {
  checkSigningAlgorithm,
  generateKeyOf,
  keyAlgorithms,
  signingAlgorithms,
} from './signing-algorithm.ts';
import { encodeSubject } from './subject.ts';
import { tagsOf } from '../tags.ts';

const fiveMinutes = 300_000;
/** Default quota of AWS Private CA, per account and region; deleted ones count until they are gone. */
const mostCas = 200;

export async function createCertificateAuthority({ cloud, caller, input }: Call): Promise<Json> {
  const token = input.optionalText('IdempotencyToken', { max: 36 });
  const scope = ['CreateCertificateAuthority', caller.account, caller.region];
  const act = async (): Promise<string> => {
    const ca = await createCa(cloud, caller, input);
    return ca.arn;
  };
  return { CertificateAuthorityArn: await cloud.tokens.once(scope, token, fiveMinutes, act) };
}

/** A CA without a certificate; its key is of the kind that was asked for. */
export async function createCa(cloud: Cloud, caller: Caller, input: Input): Promise<CertificateAuthority> {
  const configuration = input.structure('CertificateAuthorityConfiguration');
  const keyAlgorithm = configuration.choice('KeyAlgorithm', keyAlgorithms);
  const signingAlgorithm = configuration.choice('SigningAlgorithm', signingAlgorithms);
  const subject = encodeSubject(configuration.structure('Subject'));
  const type = input.choice('CertificateAuthorityType', ['ROOT', 'SUBORDINATE'] as const);
  checkSigningAlgorithm(signingAlgorithm, keyAlgorithm);
  const revocation = input.optionalStructure('RevocationConfiguration');
  const ca: Omit<CertificateAuthority, 'key' | 'publicKey'> = {
    arn: newCaArn(caller),
    type,
    keyAlgorithm,
    signingAlgorithm,
    configuration: configuration.members,
    subject,
    csrExtensions: encodeCsrExtensions(configuration.optionalStructure('CsrExtensions')),
    usageMode:
      input.optionalChoice('UsageMode', ['GENERAL_PURPOSE', 'SHORT_LIVED_CERTIFICATE'] as const) ??
      'GENERAL_PURPOSE',
    keyStorage: keyStorageOf(input, caller.region),
    state: 'PENDING_CERTIFICATE',
    createdAt: cloud.clock.now(),
    changedAt: cloud.clock.now(),
    restorable: undefined,
    certificate: undefined,
    chain: [],
    crl: crlOf(revocation),
    ocsp: ocspOf(revocation),
    issued: new Map(),
    revoked: new Map(),
    permissions: [],
    policy: undefined,
    tags: tagsOf(input, 'InvalidTagException'),
    reports: new Map(),
  };
  if (mine(cloud, caller).length >= mostCas)
    throw new Refusal('LimitExceededException', `You have reached the limit of ${mostCas} private CAs`);
  const key = await generateKeyOf(keyAlgorithm);
  const made = { ...ca, key, publicKey: publicKeyDer(key) };
  cloud.cas.set(made.arn, made);
  return made;
}

/** Every CA of the caller's account and region that is not gone for good. */
export function mine(cloud: Cloud, caller: Caller): CertificateAuthority[] {
  const now = cloud.clock.now();
  return [...cloud.cas.values()].filter(
    ({ arn, restorable }) => isOwn(arn, caller) && !(restorable && restorable.until < now),
  );
}

const standards = ['FIPS_140_2_LEVEL_2_OR_HIGHER', 'FIPS_140_2_LEVEL_3_OR_HIGHER', 'CCPC_LEVEL_1_OR_HIGHER'];

function keyStorageOf(input: Input, region: string): string {
  const wanted = partitionOf(region) === 'aws-cn' ? 'CCPC_LEVEL_1_OR_HIGHER' : 'FIPS_140_2_LEVEL_3_OR_HIGHER';
  const asked =
    input.optionalChoice('KeyStorageSecurityStandard', standards) ?? 'FIPS_140_2_LEVEL_3_OR_HIGHER';
  if ((asked === 'CCPC_LEVEL_1_OR_HIGHER') !== (wanted === 'CCPC_LEVEL_1_OR_HIGHER')) {
    throw new Refusal(
      'InvalidArgsException',
      `KeyStorageSecurityStandard ${asked} is not supported in region ${region}`,
    );
  }
  return asked;
}
