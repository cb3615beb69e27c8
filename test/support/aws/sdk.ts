import { ACMClient } from '@aws-sdk/client-acm';
import { ACMPCAClient } from '@aws-sdk/client-acm-pca';

// Node 20 is old for the clients; their notice is not what is tested.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

/** Where an official client finds the emulator, or moto. It does not try again, so that tests see each answer.
 * An access key of twelve digits is an account's. */
const settings = (endpoint: string, region: string, accessKeyId: string) => ({
  endpoint,
  region,
  credentials: { accessKeyId, secretAccessKey: 'test' },
  maxAttempts: 1,
});

export const pcaClient = (endpoint: string, region = 'eu-west-1', accessKeyId = 'test'): ACMPCAClient =>
  new ACMPCAClient(settings(endpoint, region, accessKeyId));

export const acmClient = (endpoint: string, region = 'eu-west-1', accessKeyId = 'test'): ACMClient =>
  new ACMClient(settings(endpoint, region, accessKeyId));

/** The name of the exception that a call ends in; `undefined` where it succeeds. */
export async function refusalOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}
