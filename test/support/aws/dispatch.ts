import { acmOperations } from './acm/operations.ts';
import { acmPcaOperations } from './acm-pca/operations.ts';
import type { Caller } from './caller.ts';
import type { Cloud, Operation } from './cloud.ts';
import { Input, type Json } from './input.ts';
import { Refusal } from './refusal.ts';

interface Service {
  name: Caller['service'];
  operations: Readonly<Record<string, Operation>>;
}

/** By what stands before the dot in X-Amz-Target. */
const services: Readonly<Record<string, Service>> = {
  ACMPrivateCA: { name: 'acm-pca', operations: acmPcaOperations },
  CertificateManager: { name: 'acm', operations: acmOperations },
};

export interface Target {
  operation: string;
  run: Operation;
}

/** @throws Refusal UnknownOperationException for what does not exist, or is not emulated */
export function targetOf(header: string, caller: Caller): Target {
  const [prefix = '', operation = ''] = header.split('.');
  const service = services[prefix];
  const run = service?.operations[operation];
  if (!service || !run) throw new Refusal('UnknownOperationException', `Operation ${header} is not emulated`);
  if (service.name !== caller.service) {
    throw new Refusal(
      'InvalidSignatureException',
      `Credential should be scoped to correct service: '${service.name}'.`,
      403,
    );
  }
  return { operation, run };
}

export async function dispatch(
  cloud: Cloud,
  caller: Caller,
  { operation, run }: Target,
  body: string,
): Promise<Json> {
  return run({ cloud, caller, operation, input: new Input(parse(body)) });
}

function parse(body: string): Json {
  try {
    return JSON.parse(body === '' ? '{}' : body) as Json;
  } catch {
    throw new Refusal('SerializationException', 'The request body is not JSON');
  }
}
