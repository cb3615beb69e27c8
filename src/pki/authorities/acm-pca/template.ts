import { PkiError } from '../../errors.ts';
import type { Usage } from '../../x509/profile.ts';
import type { Arn } from '../aws/arn.ts';

/**
 * AWS Private CA decides a certificate's constraints and usages by a template
 * (https://docs.aws.amazon.com/privateca/latest/userguide/template-definitions.html).
 */
export interface Template {
  arn: string;
  name: string;
  /** Whether subject, names and usages are taken from the call rather than from the request. */
  fromCall: boolean;
}

const byUsage = {
  mtls: 'EndEntityCertificate/V1',
  server: 'EndEntityServerAuthCertificate/V1',
  client: 'EndEntityClientAuthCertificate/V1',
} as const satisfies Record<Usage, string>;

/** For a request that does not say what is wanted. */
const fromCall = 'BlankEndEntityCertificate_APIPassthrough/V1';

/** What a caller may use with whom the CA is shared by the default permission of Resource Access Manager. */
const sharedByDefault: readonly string[] = Object.values(byUsage);

/**
 * The template of a usage.
 * @param named name or ARN that was asked for instead
 * @param requestSays whether the request's own subject and names are the ones wanted
 * @throws PkiError `bad-input` for an ARN of another partition, or a name that is none
 */
export function templateFor(
  usage: Usage,
  named: string | undefined,
  requestSays: boolean,
  ca: Arn,
): Template {
  const name = named === undefined ? (requestSays ? byUsage[usage] : fromCall) : templateName(named, ca);
  return {
    name,
    arn: `arn:${ca.partition}:acm-pca:::template/${name}`,
    fromCall: /_API(CSR)?Passthrough\//.test(name),
  };
}

function templateName(named: string, ca: Arn): string {
  const [, partition, name = named] = /^arn:([^:]+):acm-pca:::template\/(.+)$/.exec(named) ?? [];
  if (partition !== undefined && partition !== ca.partition) {
    throw new PkiError(
      'bad-input',
      `--template ${JSON.stringify(named)} is of partition ${partition}, the CA of ${ca.partition}`,
      {
        hint: 'leave out all but the name: EndEntityCertificate/V1',
      },
    );
  }
  if (!/^[A-Za-z0-9_]+(\/V\d+)?$/.test(name)) {
    throw new PkiError('bad-input', `--template ${JSON.stringify(named)} is not the name of a template`, {
      hint: 'for example EndEntityClientAuthCertificate/V1',
    });
  }
  return name.includes('/') ? name : `${name}/V1`;
}

export const nameOf = (arn: string): string => arn.replace(/^.*:template\//, '');

/** Templates that make something else than a certificate for TLS. */
const forOther = /^(CodeSigning|OCSPSigning|SubordinateCA|BlankSubordinateCA|RootCA|BlankRootCA)/;

/**
 * Refuses a template that was named and is known to make something else than what is asked for: it would be paid for,
 * and not be installed.
 * @throws PkiError `unsupported`
 */
export function refuseUnlike({ name, fromCall: call }: Template, usage: Usage, requestSays: boolean): void {
  const family = name.replace(/(_(API|CSR|APICSR)Passthrough)?\/V\d+$/, '/V1');
  const refuse = (makes: string, hint: string): PkiError =>
    new PkiError('unsupported', `the template ${name} ${makes}`, { hint });
  const usages = Object.entries(byUsage);
  const [own] = usages.find(([, value]) => value === family) ?? [];
  if (forOther.test(name)) {
    throw refuse(
      'makes no certificate for TLS',
      `leave out --template: ${byUsage[usage]} is the usage's own`,
    );
  }
  if (own !== undefined && own !== usage) {
    throw refuse(
      `makes certificates of usage ${own}, not ${usage}`,
      `ask with --usage ${own}, or leave out --template`,
    );
  }
  if (!call && (name.startsWith('Blank') || !requestSays)) {
    throw refuse(
      'takes subject, names or usages from the request, which does not say what is asked for',
      `name one that takes them from the call, as ${fromCall}, or leave out --template`,
    );
  }
}

/** What a template sets, for people. */
export function explainTemplate({ name, fromCall: call }: Template): string[] {
  const usage = Object.entries(byUsage).find(([, value]) => value === name)?.[0];
  const sets =
    usage === undefined
      ? name.startsWith('Blank')
        ? 'basic constraints; usages come with the call'
        : 'basic constraints and usages of its own'
      : `basic constraints, key usage (digital signature, key encipherment) and the purposes of ${usage}`;
  return [
    `sets ${sets}, over whatever the request says`,
    call
      ? 'subject, names and usages come with the call, and win over the request'
      : 'subject and names come from the request',
    sharedByDefault.includes(name)
      ? 'a CA that is shared with you by Resource Access Manager allows it by default'
      : 'a CA that is shared with you by Resource Access Manager does not allow it by default (AccessDenied)',
  ];
}
