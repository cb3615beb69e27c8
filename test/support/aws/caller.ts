import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from './refusal.ts';

/** Who calls which service where, as the signature's credential scope says. */
export interface Caller {
  account: string;
  region: string;
  service: 'acm' | 'acm-pca';
}

/** The account of every access key that is not itself an account's twelve digits. */
export const account = '123456789012';

/** The signature itself is not checked: any secret key will do. */
export function callerOf(headers: IncomingHttpHeaders): Caller {
  const { authorization } = headers;
  if (authorization === undefined) {
    throw new Refusal('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  // Signature version 4: Credential=KEY/DATE/REGION/SERVICE/aws4_request
  const scope = /^AWS4-HMAC-SHA256 .*Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request/.exec(
    authorization,
  );
  const [, accessKey = '', , region, service] = scope ?? [];
  if (region === undefined) {
    throw new Refusal(
      'IncompleteSignatureException',
      `Authorization header requires 'Credential' parameter. Authorization=${authorization.slice(0, 20)}`,
    );
  }
  if (service !== 'acm' && service !== 'acm-pca') {
    throw new Refusal(
      'InvalidSignatureException',
      `Credential should be scoped to correct service: 'acm-pca'.`,
    );
  }
  return { account: /^\d{12}$/.test(accessKey) ? accessKey : account, region, service };
}

/** Whether what an ARN names is in the caller's account and region. */
export function isOwn(arn: string, { account: mine, region: here }: Caller): boolean {
  const [, , , region, owner] = arn.split(':');
  return region === here && owner === mine;
}
