import { held } from './acm/held.ts';
import type { Cloud, Pace } from './cloud.ts';
import { faultKinds, type Faults, type FaultSettings } from './faults.ts';
import type { Json } from './input.ts';

type Answer = [status: number, body: Json];

/**
 * The emulator's own paths:
 * `GET /_emulator/stats`, `PUT /_emulator/faults`, `PUT /_emulator/clock` with `{"to": "2027-01-31T12:00:00Z"}` or
 * `{"advanceSeconds": 300}`, `PUT /_emulator/dns` with CNAME records as `{"name.": "value."}`,
 * `PUT /_emulator/pace` with what it waits for, see Pace, `PUT /_emulator/approval` with `{"certificate": ARN}`, `PUT /_emulator/use` with `{"certificate": ARN, "by": ARN}`.
 */
export function control(cloud: Cloud, faults: Faults, method: string, path: string, body: string): Answer {
  const handler = handlers[`${method} ${path}`];
  if (!handler) return [404, { error: `no ${method} ${path}` }];
  try {
    return [200, handler(cloud, faults, JSON.parse(body === '' ? '{}' : body) as Json)];
  } catch (error) {
    return [400, { error: error instanceof Error ? error.message : String(error) }];
  }
}

const handlers: Readonly<Record<string, (cloud: Cloud, faults: Faults, body: Json) => Json>> = {
  'GET /_emulator/stats': ({ stats, clock }) => ({
    calls: stats.calls,
    billed: stats.billed,
    throttled: stats.throttled,
    faults: stats.faults,
    refusals: stats.refusals,
    clock: clock.now().toISOString(),
  }),
  'PUT /_emulator/faults': (_, faults, body) => {
    faults.set(settingsOf(body));
    return { ...faults.settings };
  },
  'PUT /_emulator/pace': ({ pace }, _, body) => {
    for (const [name, value] of Object.entries(body)) {
      if (!(name in pace) || !count(value)) throw new Error(`no pace ${name} of ${String(value)}`);
      pace[name as keyof Pace] = Number(value);
    }
    return { ...pace };
  },
  'PUT /_emulator/dns': ({ dns }, _, records) => {
    for (const [name, value] of Object.entries(records)) dns.set(name, String(value));
    return Object.fromEntries(dns);
  },
  'PUT /_emulator/approval': (cloud, _, { certificate }) => {
    held(cloud, String(certificate)).approved = true;
    return {};
  },
  'PUT /_emulator/use': (cloud, _, { certificate, by }) => {
    held(cloud, String(certificate)).inUseBy.push(String(by));
    return {};
  },
  'PUT /_emulator/clock': ({ clock }, _, { to, advanceSeconds }) => {
    if (typeof to === 'string' && !Number.isNaN(Date.parse(to))) clock.set(new Date(to));
    else if (typeof advanceSeconds === 'number') clock.advance(advanceSeconds * 1000);
    else throw new Error('expected {"to": time} or {"advanceSeconds": number}');
    return { clock: clock.now().toISOString() };
  },
};

const share = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1;
const count = (value: unknown): boolean => typeof value === 'number' && value >= 0;

const checks: Record<keyof FaultSettings, (value: unknown) => boolean> = {
  rate: share,
  afterEffect: share,
  kinds: (value) => Array.isArray(value) && value.every((kind) => faultKinds.includes(kind as '500')),
  seed: count,
  timeoutMs: count,
  issuePerSecond: count,
  rates: (value) => typeof value === 'boolean',
};

function settingsOf(body: Json): Partial<FaultSettings> {
  for (const [name, value] of Object.entries(body)) {
    if (!(name in checks)) throw new Error(`no setting ${name}; there are ${Object.keys(checks).join(', ')}`);
    if (!checks[name as keyof FaultSettings](value))
      throw new Error(`${name} cannot be ${JSON.stringify(value)}; kinds are ${faultKinds.join(', ')}`);
  }
  return body;
}
