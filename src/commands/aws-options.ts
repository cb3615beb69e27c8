import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { meantForOthers, settingsOfAws } from '../pki/lifecycle/authority-reference.ts';
import type { OpenOptions } from '../pki/lifecycle/open-ca.ts';
import { validations, type StoredRequest, type Validation } from '../pki/lifecycle/request.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { addAwsConnectionOptions, awsConnection, type AwsConnectionFlags } from './aws-connection.ts';
import type { Context } from './context.ts';
import { isArn, oneOf } from './options.ts';
import type { Output } from './output.ts';

/** What a command that may have AWS issue can be told. */
export interface AwsFlags extends AwsConnectionFlags {
  template?: string;
  signingAlgorithm?: string;
  reissue?: boolean;
  exportable?: boolean;
  validation?: Validation;
  wait?: string;
}

export const addAwsOptions = (command: Command): Command =>
  addAwsConnectionOptions(command)
    .option('--template <name>', "AWS Private CA template, instead of the usage's own")
    .option('--signing-algorithm <name>', "AWS Private CA signing algorithm, instead of the CA's own")
    .option('--reissue', 'ask AWS, and pay, once more although an earlier request may have been answered')
    .option('--exportable', 'let a public certificate of ACM come with its key (billed)')
    .option(
      '--validation <how>',
      'how ACM validates public names: dns, email, http (CloudFront) (default dns)',
      oneOf('--validation', validations),
    )
    .option('--wait <time>', 'how long to wait for AWS (default 60s; for public names not at all)')
    .option('--timeout <time>', 'how long one call to AWS may take (default 20s)');

/**
 * @param reference the authority
 * @throws PkiError `usage` for a flag that would be passed over in silence
 */
export function refuseAwsFlags(flags: AwsFlags, reference: string): void {
  const refuse = (flag: string, who: string): never => {
    const authority = isArn(reference) ? reference : `a folder (${reference})`;
    throw new PkiError('usage', `${flag} is for ${who}, and the authority is ${authority}`, {
      hint: `leave out ${flag}, or name an authority of ${who} with --ca`,
    });
  };
  const ofAll = { '--reissue': flags.reissue, '--wait': flags.wait };
  const [flag] = Object.entries(ofAll).find(([, value]) => value !== undefined) ?? [];
  if (flag !== undefined && !isArn(reference)) refuse(flag, 'AWS');
  for (const setting of settingsOfAws.filter((one) => flags[one] !== undefined)) {
    const who = meantForOthers(setting, reference);
    if (who !== undefined) refuse(flagOf[setting], who);
  }
}

const flagOf = {
  template: '--template',
  signingAlgorithm: '--signing-algorithm',
  exportable: '--exportable',
  validation: '--validation',
} satisfies Record<(typeof settingsOfAws)[number], string>;

/** @throws PkiError `bad-time` */
export function checkAwsFlags(flags: Pick<AwsFlags, 'wait' | 'timeout'>): void {
  if (flags.wait !== undefined) parseDuration(flags.wait, '--wait');
  if (flags.timeout !== undefined) parseDuration(flags.timeout, '--timeout');
}

/** @param request says what of it is kept with the certificate, so that its successors are made alike */
export const awsOptions = (
  flags: AwsFlags,
  request: Pick<StoredRequest, 'template' | 'signingAlgorithm' | 'exportable' | 'validation'>,
  context: Context,
  output: Output,
): OpenOptions['aws'] => ({
  ...awsConnection(flags, context, output),
  template: request.template,
  signingAlgorithm: request.signingAlgorithm,
  reissue: flags.reissue ?? false,
  exportable: request.exportable,
  validation: request.validation ?? 'dns',
});
