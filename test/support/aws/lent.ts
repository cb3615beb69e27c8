import { setMaxListeners } from 'node:events';
import { afterAll, beforeAll } from 'vitest';
import type { AwsOptions } from '../../../src/pki/authorities/aws/options.ts';
import { startEmulator, type Emulator, type EmulatorOptions } from './emulator.ts';

const signal = new AbortController().signal;
setMaxListeners(0, signal);

/** How an authority speaks to the emulator, as quickly as it goes. */
export const awsOptions = (emulator: Emulator, wishes: Partial<AwsOptions> = {}): AwsOptions =>
  awsOptionsIn(emulator.environment, wishes);

/** How an authority speaks to whatever endpoint an environment names. */
export const awsOptionsIn = (env: AwsOptions['env'], wishes: Partial<AwsOptions> = {}): AwsOptions => ({
  env,
  region: undefined,
  template: undefined,
  signingAlgorithm: undefined,
  reissue: false,
  exportable: false,
  validation: 'dns',
  wait: undefined,
  timeout: 20_000,
  signal,
  say: () => undefined,
  ...wishes,
});

/**
 * An emulator for all tests of a file, at which everything that this process says to AWS arrives: the SDK takes
 * endpoint and credentials from the process's environment.
 */
export function emulatorForFile(options: EmulatorOptions = {}): () => Emulator {
  let emulator: Emulator | undefined;
  let before: NodeJS.ProcessEnv = {};
  beforeAll(async () => {
    emulator = await startEmulator({ certificatePolls: 0, describePolls: 0, ...options });
    before = { ...process.env };
    Object.assign(process.env, emulator.environment, {
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    });
  });
  afterAll(async () => {
    process.env = before;
    await emulator?.close();
  });
  return () => {
    if (!emulator) throw new Error('the emulator has not started yet');
    return emulator;
  };
}
