import { statusOf } from '../acm-pca/certificate-authority.ts';
import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { Refusal } from '../refusal.ts';
import { tagsOf } from '../tags.ts';
import { newCertificateArn, type AcmCertificate } from './certificate.ts';
import { checkRoom } from './quota.ts';
import { isPrivateName, validationOf, type DomainValidation } from './validation.ts';

const oneHour = 3_600_000;
/** Names in one certificate, by default. */
const mostNames = 10;
/** What a new key can be; others can only be imported. */
const requestable = ['RSA_2048', 'EC_prime256v1', 'EC_secp384r1'] as const;

const domainPattern =
  /^(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])$/;

const parameter = (why: string): Refusal => new Refusal('InvalidParameterException', why);

/** The same token within an hour is the same certificate, whatever else the request says. */
export async function requestCertificate(call: Call): Promise<Json> {
  const { cloud, caller, input } = call;
  const token = input.optionalText('IdempotencyToken', { max: 32, pattern: /^\w+$/ });
  const act = async (): Promise<string> => {
    const made = madeBy(call);
    cloud.certificates.set(made.arn, made);
    return made.arn;
  };
  return {
    CertificateArn: await cloud.tokens.once(
      ['RequestCertificate', caller.account, caller.region],
      token,
      oneHour,
      act,
    ),
  };
}

function madeBy(call: Call): AcmCertificate {
  const { cloud, caller, input } = call;
  const domainName = input.text('DomainName', { max: 253, pattern: domainPattern });
  const others = input.texts('SubjectAlternativeNames', { min: 1, max: 100 });
  const names = [...new Set([domainName, ...others].map((name) => name.toLowerCase()))];
  const caArn = input.optionalText('CertificateAuthorityArn', { min: 20, max: 2048 });
  const keyAlgorithm = input.optionalChoice('KeyAlgorithm', requestable) ?? 'RSA_2048';
  const exporting = input
    .optionalStructure('Options')
    ?.optionalChoice('Export', ['ENABLED', 'DISABLED'] as const);
  const method = input.optionalChoice('ValidationMethod', ['DNS', 'EMAIL', 'HTTP'] as const);
  if (domainName.length > 64)
    throw parameter(`The first domain name can have at most 64 characters: ${domainName}`);
  const odd = others.find((name) => name.length > 253 || !domainPattern.test(name));
  if (odd !== undefined) throw parameter(`The domain name ${odd} is not valid`);
  if (names.length > mostNames)
    throw new Refusal(
      'LimitExceededException',
      `Error: the certificate has too many domains; the limit is ${mostNames}`,
    );
  checkRoom(cloud, caller);
  if (caArn !== undefined) checkCa(call, caArn, keyAlgorithm);
  if (caArn === undefined && method === 'HTTP')
    throw parameter('HTTP validation is for certificates that CloudFront manages');
  return {
    arn: newCertificateArn(caller),
    type: caArn === undefined ? 'AMAZON_ISSUED' : 'PRIVATE',
    status: 'PENDING_VALIDATION',
    domainName,
    names,
    keyAlgorithm,
    key: undefined,
    certificate: undefined,
    chain: [],
    caArn,
    failure: caArn === undefined && names.some(isPrivateName) ? 'INVALID_PUBLIC_DOMAIN' : undefined,
    validations: caArn === undefined ? validationsOf(call, names, method === 'EMAIL' ? 'EMAIL' : 'DNS') : [],
    approved: false,
    exportable: caArn === undefined && exporting === 'ENABLED',
    exported: false,
    paid: false,
    createdAt: cloud.clock.now(),
    issuedAt: undefined,
    importedAt: undefined,
    revoked: undefined,
    renewal: undefined,
    inUseBy: [],
    tags: tagsOf(input, 'InvalidTagException'),
    polls: cloud.pace.describePolls,
    hidden: cloud.pace.hiddenCalls,
  };
}

function validationsOf(
  { input, caller }: Call,
  names: readonly string[],
  method: 'DNS' | 'EMAIL',
): DomainValidation[] {
  const chosen = new Map(
    input
      .structures('DomainValidationOptions', { min: 1, max: 100 })
      .map((one) => [one.text('DomainName'), one.text('ValidationDomain')]),
  );
  for (const [domain, mailTo] of chosen) {
    if (!names.includes(domain) || !(domain === mailTo || domain.endsWith(`.${mailTo}`))) {
      throw new Refusal(
        'InvalidDomainValidationOptionsException',
        `The validation domain ${mailTo} is not a superdomain of a requested name`,
      );
    }
  }
  return names.map((name) => validationOf(name, method, caller.account, chosen.get(name)));
}

function checkCa({ cloud, caller }: Call, arn: string, keyAlgorithm: string): void {
  if (!/^arn:[\w-]+:acm-pca:[\w-]+:\d{12}:certificate-authority\/[\w-]+$/.test(arn))
    throw new Refusal('InvalidArnException', `The arn ${arn} is not a valid certificate authority arn`);
  const ca = cloud.cas.get(arn);
  if (!ca || arn.split(':')[3] !== caller.region)
    throw parameter(`Could not find certificate authority ${arn}`);
  if (ca.usageMode === 'SHORT_LIVED_CERTIFICATE')
    throw parameter('ACM cannot issue certificates signed by a private CA with short-lived mode');
  if (statusOf(ca, cloud.clock.now()) === 'EXPIRED')
    throw parameter('The signing certificate for the CA you specified in the request has expired.');
  if (ca.keyAlgorithm.slice(0, 2) !== keyAlgorithm.slice(0, 2))
    throw parameter(`Key algorithm ${keyAlgorithm} does not match the CA's key algorithm ${ca.keyAlgorithm}`);
}
