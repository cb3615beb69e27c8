import { account, type Caller } from './caller.ts';
import { Clock } from './clock.ts';
import { Cloud, type Pace } from './cloud.ts';
import { activeCa, type CaWishes } from './acm-pca/active-ca.ts';
import { Faults, type Fault, type FaultSettings } from './faults.ts';
import { held } from './acm/held.ts';
import { Refusal } from './refusal.ts';
import { AwsServer } from './server.ts';
import { Stats } from './stats.ts';

export interface EmulatorOptions extends Partial<Pace> {
  /** 0, the default, for any. */
  port?: number;
  /** Where the emulator's own CAs are made. */
  region?: string;
}

/** AWS Private CA and ACM on loopback, for tests in this very process. */
export interface Emulator {
  readonly endpoint: string;
  readonly region: string;
  readonly clock: Clock;
  readonly stats: Stats;
  /** May be changed at any time. */
  readonly pace: Pace;
  /** Everything it holds, for what its answers do not show. */
  readonly cloud: Cloud;
  /** What `AWS_…` variables a program needs to talk to it. */
  readonly environment: Readonly<Record<string, string>>;
  setFaults(settings: Partial<FaultSettings>): void;
  /** Lets the n-th call of an operation from now on fail, 1 for the next. */
  script(operation: string, fault: Fault, nth?: number): void;
  /** An ACTIVE CA without the calls that it takes. @returns its ARN */
  createCa(wishes?: CaWishes): Promise<string>;
  /** Lets the n-th call of an operation from now on be refused by AWS, with this exception. */
  refuse(operation: string, code: string, message: string, nth?: number): void;
  /** Publishes a CNAME record, as the owner of the domain would. */
  publish(name: string, value: string): void;
  /** Does all that a public certificate's owner must, whatever the validation method. */
  approve(certificateArn: string): void;
  /** Lets a resource, named by its ARN, use a certificate. */
  associate(certificateArn: string, resource: string): void;
  close(): Promise<void>;
}

export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const {
    port = 0,
    region = 'eu-west-1',
    certificatePolls = 1,
    describePolls = 1,
    hiddenCalls = 0,
  } = options;
  const { crlDelay = 30 * 60_000, ocspDelay = 60 * 60_000 } = options;
  const pace = { certificatePolls, describePolls, hiddenCalls, crlDelay, ocspDelay };
  const cloud = new Cloud(new Clock(), new Stats(), pace);
  const faults = new Faults();
  const server = new AwsServer(cloud, faults);
  cloud.endpoint = await server.listen(port);
  const caller: Caller = { account, region, service: 'acm-pca' };
  return {
    endpoint: cloud.endpoint,
    region,
    clock: cloud.clock,
    stats: cloud.stats,
    pace: cloud.pace,
    cloud,
    environment: {
      AWS_ENDPOINT_URL: cloud.endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: 'emulator',
      AWS_SECRET_ACCESS_KEY: 'emulator',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    setFaults: (settings) => faults.set(settings),
    script: (operation, fault, nth) => faults.script(operation, fault, nth),
    refuse: (operation, code, message, nth) => faults.script(operation, new Refusal(code, message), nth),
    publish: (name, value) => void cloud.dns.set(name, value),
    approve: (arn) => {
      held(cloud, arn).approved = true;
    },
    associate: (arn, resource) => void held(cloud, arn).inUseBy.push(resource),
    createCa: async (wishes = {}) => activeCa(cloud, { ...caller, region: wishes.region ?? region }, wishes),
    close: async () => server.close(),
  };
}
