import { PkiError } from '../../errors.ts';
import type { AwsConnection } from './options.ts';

/**
 * The region that was named: the flag, then AWS_REGION, then AWS_DEFAULT_REGION (which the SDK for JavaScript does not
 * read). `undefined` leaves it to the profile.
 * @param arn its region counts where there is one, and one that was named must be the same
 * @throws PkiError `usage` where they differ, or it is none
 */
export function regionOf(
  options: Pick<AwsConnection, 'env' | 'region'>,
  arn: { region: string } | undefined,
): string | undefined {
  const { env } = options;
  const sources = [
    ['--region', options.region],
    ['AWS_REGION', env['AWS_REGION']],
    ['AWS_DEFAULT_REGION', env['AWS_DEFAULT_REGION']],
  ] as const;
  const named = sources.find(([, value]) => value !== undefined && value !== '');
  if (!named) return arn?.region;
  const [source, region = ''] = named;
  // It becomes a part of a host's name.
  if (!/^[a-z0-9-]{1,63}$/i.test(region)) {
    throw new PkiError('usage', `${source} ${JSON.stringify(region)} is no region`, {
      hint: 'for example eu-west-1',
    });
  }
  if (arn && region !== arn.region) {
    throw new PkiError('usage', `${source} is ${JSON.stringify(region)}, and the ARN is of ${arn.region}`, {
      hint: `leave ${source} out, or name the authority of that region`,
    });
  }
  return region;
}
