import { resolve } from 'node:path';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { keyTypes, type KeyType } from '../pki/x509/key.ts';
import { addAwsConnectionOptions, awsConnection, type AwsConnectionFlags } from './aws-connection.ts';
import { checkCaName } from './ca-input.ts';
import { confirm } from './confirm.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import {
  addOutputOptions,
  addStoreOption,
  isArn,
  oneOf,
  storePath,
  type Run,
  type StoreFlags,
} from './options.ts';
import { Output } from './output.ts';
import { caPassphrase } from './passphrase.ts';
import { printable } from './printable.ts';

interface CreateFlags extends StoreFlags, AwsConnectionFlags {
  on: 'acm-pca';
  type: 'root' | 'subordinate';
  name: string;
  parent?: string;
  pathLength: string;
  keyType?: KeyType;
  lifetime?: string;
  mode: 'general' | 'short-lived';
  crlBucket?: string;
  crlAcl?: 'public-read' | 'bucket-owner';
  crlCname?: string;
  ocsp?: boolean;
  permitAcm?: boolean;
  passphraseFile?: string;
  reissue?: boolean;
  yes?: boolean;
  wait?: string;
}

const help = `
Makes the CA, has its certificate signed by its parent (a root signs itself), installs it, and waits until it is ACTIVE.
A run that was interrupted is gone on with by the same command. The CA of a folder signs with its root.

Examples:
  certwright ca create --on acm-pca --type root --name "Corp Root" --region eu-west-1
  certwright ca create --on acm-pca --type subordinate --name "Corp Issuing" --parent ./ca --region eu-west-1 --permit-acm --yes
  certwright ca create --on acm-pca --type subordinate --name "Build" --parent "$ROOT" --mode short-lived --yes`;

export function registerCreate(command: Command, context: Context, run: Run): void {
  command
    .description('make a CA of AWS Private CA')
    .helpOption('-h, --help', 'show help')
    .requiredOption('--on <where>', 'where: acm-pca', oneOf('--on', ['acm-pca']))
    .requiredOption('--type <type>', 'root, subordinate', oneOf('--type', ['root', 'subordinate']))
    .requiredOption('--name <name>', 'common name of the CA')
    .option('--parent <ref>', 'what signs a subordinate CA: a folder, or the ARN of another CA')
    .option('--path-length <number>', 'how many CAs may stand below it, 0 to 3', '0')
    .option(
      '--key-type <type>',
      'rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384 (default ec-p384)',
      oneOf('--key-type', keyTypes),
    )
    .option('--lifetime <time>', 'default 10y for a root, 5y for others')
    .option(
      '--mode <mode>',
      'general, short-lived (certificates of 7 days at most)',
      oneOf('--mode', ['general', 'short-lived']),
      'general',
    )
    .option('--crl-bucket <bucket>', 'S3 bucket for its CRL')
    .option(
      '--crl-acl <acl>',
      'of the CRL: bucket-owner (default), public-read',
      oneOf('--crl-acl', ['public-read', 'bucket-owner']),
    )
    .option('--crl-cname <name>', "host in the CRL's URL, instead of the bucket's")
    .option('--ocsp', 'have AWS answer OCSP for it')
    .option('--permit-acm', 'let ACM issue from it and renew')
    .option(
      '--passphrase-file <file>',
      "file whose first line opens the parent's key (CERTWRIGHT_CA_PASSPHRASE)",
    )
    .option('--reissue', 'order its certificate, and pay, once more although that may have been done')
    .option('--yes', 'do not ask: it costs money by the month')
    .option('--wait <time>', 'how long to wait for each step (default 2m)')
    .option('--timeout <time>', 'how long one call to AWS may take (default 20s)');
  addAwsConnectionOptions(command);
  addStoreOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((flags: CreateFlags) => create(flags, context)));
}

async function create(flags: CreateFlags, context: Context): Promise<ExitCode> {
  checkFlags(flags);
  const output = new Output(context, flags);
  const connection = awsConnection(flags, context, output);
  const isRoot = flags.type === 'root';
  const wanted = {
    store: storePath(flags, context),
    name: checkCaName(flags.name),
    type: isRoot ? ('ROOT' as const) : ('SUBORDINATE' as const),
    keyType: flags.keyType ?? ('ec-p384' as const),
    mode: flags.mode === 'general' ? ('GENERAL_PURPOSE' as const) : ('SHORT_LIVED_CERTIFICATE' as const),
    crl: crlOf(flags),
    ocsp: flags.ocsp ?? false,
    parent:
      flags.parent === undefined || isArn(flags.parent) ? flags.parent : resolve(context.cwd, flags.parent),
    pathLength: Number(flags.pathLength),
    lifetime: parseDuration(flags.lifetime ?? (isRoot ? '10y' : '5y'), '--lifetime'),
    permitAcm: flags.permitAcm ?? false,
    reissue: flags.reissue ?? false,
  };
  const { caOrder, createPca } = await import('../pki/lifecycle/create-pca.ts');
  caOrder(wanted);
  for (const line of beforehand(flags)) output.note(line);
  await confirm('make it?', flags.yes ?? false, context);
  const world = {
    now: context.now,
    pid: context.pid,
    connection,
    ask: () => caPassphrase(flags.passphraseFile, context),
  };
  const { arn, made, journal, notAfter } = await output.progress(
    `making ${flags.name}`,
    createPca(wanted, world),
  );
  output.result({ schema: 'certwright.ca-create/1', arn, made, name: flags.name, notAfter, journal }, [
    made
      ? `${output.paint.green('made')} ${printable(flags.name)}`
      : `${printable(flags.name)} is made already`,
    `  ${printable(arn)}`,
    '',
    `next: certwright issue orders.internal --ca ${printable(arn)}`,
  ]);
  return exit.done;
}

function checkFlags(flags: CreateFlags): void {
  const refuse = (message: string, hint: string): PkiError => new PkiError('usage', message, { hint });
  if (flags.type === 'root' && flags.parent !== undefined)
    throw refuse('a root signs itself, and has no --parent', 'leave it out, or make a subordinate CA');
  if (flags.type === 'subordinate' && flags.parent === undefined)
    throw refuse('a subordinate CA needs a --parent', 'a folder (./ca), or the ARN of another CA');
  if (!/^[0-3]$/.test(flags.pathLength))
    throw refuse(
      `--path-length ${JSON.stringify(flags.pathLength)} is not 0, 1, 2 or 3`,
      'AWS has templates for these',
    );
  if (flags.mode === 'short-lived' && flags.permitAcm === true)
    throw refuse(
      'ACM issues from no CA for short-lived certificates',
      'leave out --permit-acm, or take --mode general',
    );
  if (flags.crlBucket === undefined && (flags.crlAcl ?? flags.crlCname) !== undefined)
    throw refuse('--crl-acl and --crl-cname go with --crl-bucket', 'name the bucket');
  if (flags.crlCname?.includes('/') === true)
    throw refuse('--crl-cname is a host name, without http:// and path', 'for example crl.example.com');
  if (flags.wait !== undefined) parseDuration(flags.wait, '--wait');
}

const crlOf = ({ crlBucket: bucket, crlAcl: acl, crlCname: cname }: CreateFlags) =>
  bucket === undefined
    ? null
    : {
        bucket,
        acl: acl === 'public-read' ? ('PUBLIC_READ' as const) : ('BUCKET_OWNER_FULL_CONTROL' as const),
        cname: cname ?? null,
      };

/** What it costs, and what is known to go wrong. */
function beforehand({ mode, crlBucket, crlAcl }: CreateFlags): string[] {
  const price = mode === 'short-lived' ? 50 : 400;
  const lines = [
    `AWS bills such a CA by the month, about $${price} when this was written, from now until it is deleted, and each certificate; today's price: https://aws.amazon.com/private-ca/pricing`,
  ];
  if (crlBucket === undefined) return lines;
  lines.push(
    `the policy of the bucket ${crlBucket} must let acm-pca.amazonaws.com do s3:PutObject, s3:PutObjectAcl, s3:GetBucketAcl and s3:GetBucketLocation, or AWS refuses to make the CA`,
    crlAcl === 'public-read'
      ? 'a public CRL needs a bucket without Block Public Access: with it, AWS refuses'
      : 'the CRL is readable by the owner of the bucket alone: let CloudFront hand it out, and name it with --crl-cname, or clients cannot fetch it',
  );
  return lines;
}
