import { isAbsolute } from 'node:path';
import { PkiError } from '../errors.ts';
import {
  checkAcmArn,
  checkArgument,
  checkGroup,
  checkProgram,
  checkServer,
  checkTimeout,
  checkUnit,
  checkWhole,
  onFailures,
  serviceSignals,
  startTlsProtocols,
  type Confirm,
  type Deploy,
} from './plan.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The plan in a request.json, judged as one in certwright.yaml is: a person may have written it.
 * @throws PkiError `malformed`
 */
export function readPlan(json: unknown, file: string): Deploy {
  const wrong = (what: string, cause?: unknown): PkiError =>
    new PkiError('malformed', `${file}: ${what}`, {
      hint: '"certwright issue" writes it from certwright.yaml; docs/deploy.md describes it',
      cause,
    });
  try {
    const plan = planOf(objectOf(json, 'deploy'));
    checkWhole(plan, 'deploy');
    return plan;
  } catch (error) {
    if (error instanceof PkiError) throw wrong(error.message, error);
    throw error;
  }
}

function planOf(json: Json): Deploy {
  const [program, ...others] = texts(json, 'run', checkArgument) ?? [];
  if (json['run'] !== undefined) checkProgram(program ?? '', 'deploy.run');
  const timeout = text(json, 'timeout', checkTimeout);
  const acm = texts(json, 'acm', checkAcmArn);
  const onFailure = oneOf(json, 'onFailure', onFailures);
  const signal = oneOf(json, 'signal', serviceSignals);
  const pidfile = text(json, 'pidfile', absolute);
  const systemd = text(json, 'systemd', checkUnit);
  const rehearse = text(json, 'rehearse');
  const group = text(json, 'group', checkGroup);
  return {
    ...(program === undefined ? {} : { run: [program, ...others] }),
    ...(signal === undefined ? {} : { signal }),
    ...(pidfile === undefined ? {} : { pidfile }),
    ...(systemd === undefined ? {} : { systemd }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(acm === undefined ? {} : { acm }),
    ...(json['confirm'] === undefined ? {} : { confirm: confirmOf(objectOf(json['confirm'], 'confirm')) }),
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(rehearse === undefined ? {} : { rehearse }),
    ...(group === undefined ? {} : { group }),
  };
}

function confirmOf(json: Json): Confirm {
  const servers = texts(json, 'servers', checkServer) ?? [];
  if (servers.length === 0) throw new PkiError('malformed', 'deploy.confirm names no server');
  const name = text(json, 'name');
  const startTls = oneOf(json, 'startTls', startTlsProtocols);
  const client = text(json, 'client');
  const key = text(json, 'key', absolute);
  const timeout = text(json, 'timeout', checkTimeout);
  return {
    servers,
    ...(name === undefined ? {} : { name }),
    ...(startTls === undefined ? {} : { startTls }),
    ...(client === undefined ? {} : { client }),
    ...(key === undefined ? {} : { key }),
    ...(timeout === undefined ? {} : { timeout }),
  };
}

type Check = (value: string, label: string) => void;

const absolute: Check = (value, label) => {
  if (!isAbsolute(value)) throw new PkiError('malformed', `${label} is no absolute path`);
};

function objectOf(json: unknown, label: string): Json {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  throw new PkiError('malformed', `${label} is no object`);
}

function text(json: Json, key: string, check?: Check): string | undefined {
  const value = json[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') {
    throw new PkiError('malformed', `deploy.${key} is no text`);
  }
  check?.(value, `deploy.${key}`);
  return value;
}

function texts(json: Json, key: string, check: Check): string[] | undefined {
  const value = json[key];
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new PkiError('malformed', `deploy.${key} is no list`);
  return value.map((item: unknown) => {
    if (typeof item !== 'string') throw new PkiError('malformed', `deploy.${key} is no list of texts`);
    check(item, `deploy.${key}`);
    return item;
  });
}

function oneOf<T extends string>(json: Json, key: string, choices: readonly T[]): T | undefined {
  const value = json[key];
  const found = choices.find((one) => one === value);
  if (value === undefined || found !== undefined) return found;
  throw new PkiError('malformed', `deploy.${key} is none of ${choices.join(', ')}`);
}
