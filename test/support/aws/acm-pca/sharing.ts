import type { Caller } from '../caller.ts';
import type { Call, Cloud } from '../cloud.ts';
import { Refusal } from '../refusal.ts';
import { ownerOf, type CertificateAuthority } from './certificate-authority.ts';
import { templateArn } from './template.ts';

/** What a CA's owner can let another account do; revoking is not among it (AWS Private CA user guide, PcaRevokeCert). */
const shareable = [
  'DescribeCertificateAuthority',
  'GetCertificate',
  'GetCertificateAuthorityCertificate',
  'IssueCertificate',
  'ListPermissions',
  'ListTags',
];

/** The templates that Resource Access Manager's permissions for a shared CA allow, one each. */
const sharedTemplates = [
  'EndEntityCertificate',
  'EndEntityClientAuthCertificate',
  'EndEntityServerAuthCertificate',
];

type OneOrMore = string | readonly string[];

/** The parts of a resource policy that are looked at. */
interface Statement {
  Effect?: string;
  Principal?: { AWS?: OneOrMore };
  Action?: OneOrMore;
  Condition?: { StringEquals?: { 'acm-pca:TemplateArn'?: OneOrMore } };
}

const list = (value: OneOrMore | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

function statementsOf(policy: string): Statement[] {
  const { Statement: found } = JSON.parse(policy) as { Statement?: Statement | Statement[] };
  return found === undefined ? [] : [found].flat();
}

/** @throws Refusal InvalidPolicyException for what is no policy, or would share more than can be shared */
export function checkPolicy(policy: string): void {
  const invalidPolicy = (why: string): Refusal => new Refusal('InvalidPolicyException', why);
  let statements: Statement[];
  try {
    statements = statementsOf(policy);
  } catch {
    throw invalidPolicy('The resource policy is not JSON');
  }
  const odd = statements
    .flatMap(({ Action }) => list(Action))
    .find((action) => !shareable.includes(action.replace(/^acm-pca:/, '')));
  if (odd !== undefined) throw invalidPolicy(`The resource policy cannot allow ${odd}`);
}

/** Whether the CA's policy lets an account do this. */
export function isSharedWith(
  { policy }: CertificateAuthority,
  account: string,
  action: string,
  template?: string,
): boolean {
  if (policy === undefined) return false;
  return statementsOf(policy).some(({ Effect, Principal, Action, Condition }) => {
    const templates = list(Condition?.StringEquals?.['acm-pca:TemplateArn']);
    return (
      Effect === 'Allow' &&
      list(Principal?.AWS).some((one) => one === account || one === `arn:aws:iam::${account}:root`) &&
      list(Action).includes(`acm-pca:${action}`) &&
      (action !== 'IssueCertificate' ||
        templates.length === 0 ||
        (template !== undefined && templates.includes(template)))
    );
  });
}

/**
 * A stranger is told nothing but that it may not, whether it is the CA or the template that is not shared.
 * @throws Refusal AccessDeniedException
 */
export function requireShared(ca: CertificateAuthority, { caller, input, operation }: Call): void {
  const asked = input.members['TemplateArn'];
  const template = typeof asked === 'string' ? asked : templateArn(caller.region, 'EndEntityCertificate');
  if (ownerOf(ca) === caller.account || isSharedWith(ca, caller.account, operation, template)) return;
  throw new Refusal(
    'AccessDeniedException',
    `User: arn:aws:iam::${caller.account}:user/emulator is not authorized to perform: acm-pca:${operation} on resource: ${ca.arn} because no resource-based policy allows the acm-pca:${operation} action`,
  );
}

/** The CAs of others in the caller's region that it may see. */
export function sharedWith(cloud: Cloud, { account, region }: Caller): CertificateAuthority[] {
  return [...cloud.cas.values()].filter(
    (ca) =>
      ca.arn.split(':')[3] === region &&
      ownerOf(ca) !== account &&
      isSharedWith(ca, account, 'DescribeCertificateAuthority'),
  );
}

/** The policy by which Resource Access Manager shares a CA with an account. */
export function sharedPolicy(arn: string, account: string): string {
  const [, , , region = ''] = arn.split(':');
  const allow = { Effect: 'Allow', Principal: { AWS: account }, Resource: arn };
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        ...allow,
        Action: shareable
          .filter((action) => action !== 'IssueCertificate')
          .map((action) => `acm-pca:${action}`),
      },
      {
        ...allow,
        Action: 'acm-pca:IssueCertificate',
        Condition: {
          StringEquals: {
            'acm-pca:TemplateArn': sharedTemplates.map((name) => templateArn(region, name)),
          },
        },
      },
    ],
  });
}
