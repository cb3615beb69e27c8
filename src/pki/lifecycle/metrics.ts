import { readIfThere, replace } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { crlsOfStore } from './list-crls.ts';
import { listStored, type StoredRow } from './list-stored.ts';

/** How a run of rotate has ended. */
export interface RunEnd {
  at: Date;
  /** Whether everything that was due is done. */
  succeeded: boolean;
}

interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

interface Metric {
  name: string;
  help: string;
  samples: readonly Sample[];
}

const lastRun = 'certwright_rotate_last_run_timestamp_seconds';
const lastSuccess = 'certwright_rotate_last_success_timestamp_seconds';

/** What each of these files begins with. */
const begin = '# HELP certwright_';

/**
 * What a power cut has left of them, nothing or zeros, keeps no run from its work.
 * @throws PkiError `bad-input` where the file is there and holds anything else, which would be lost.
 */
export function refuseOtherFile(file: string): void {
  const there = readIfThere(file);
  if (!there || there.subarray(0, begin.length).toString('latin1') === begin) return;
  if (there.every((byte) => byte === 0)) return;
  throw new PkiError('bad-input', `--metrics ${file} is there already, and holds no metrics of certwright`, {
    hint: 'name a file of its own, or remove that one',
  });
}

/**
 * Writes how a store stands, as Prometheus's textfile collector reads it, by one rename.
 * @param run of rotate, where it is one that has just ended: when one has succeeded last survives one that fails.
 */
export function writeMetrics(file: string, store: string, instance: string, now: Date, run?: RunEnd): void {
  const earlier = readIfThere(file)?.toString('utf8') ?? '';
  const metrics = [...metricsOf(store, instance, now), ...runMetrics(earlier, run)];
  replace(file, { data: metrics.map(metricText).join(''), mode: 0o644 }, 'later');
}

function runMetrics(earlier: string, run: RunEnd | undefined): Metric[] {
  const before = (name: string): number | undefined => {
    const [, value] = new RegExp(`^${name} (\\d+(?:\\.\\d+)?)$`, 'm').exec(earlier) ?? [];
    return value === undefined ? undefined : Number(value);
  };
  const one = (name: string, help: string, value: number | undefined): Metric => ({
    name,
    help,
    samples: value === undefined ? [] : [{ labels: {}, value }],
  });
  const ended = run && seconds(run.at);
  return [
    one(lastRun, 'When certwright rotate has ended last.', ended ?? before(lastRun)),
    one(
      lastSuccess,
      'When certwright rotate has ended last with nothing left undone.',
      run?.succeeded === true ? ended : before(lastSuccess),
    ),
  ];
}

function metricsOf(store: string, instance: string, now: Date): Metric[] {
  const { rows, broken } = listStored(store, instance);
  const crls = crlsOfStore(store, now);
  const each = (
    name: string,
    help: string,
    of: (row: StoredRow) => number | undefined,
    labels: (row: StoredRow) => Sample['labels'] = ({ name: certificate }) => ({ certificate }),
  ): Metric => ({
    name: `certwright_certificate_${name}`,
    help,
    samples: rows.flatMap((row) => {
      const value = of(row);
      return value === undefined ? [] : [{ labels: labels(row), value }];
    }),
  });
  return [
    each(
      'not_after_timestamp_seconds',
      'When the certificate in use ends.',
      ({ notAfter }) => seconds(notAfter),
      ({ name, authority }) => ({ certificate: name, authority: authority ?? '' }),
    ),
    each('not_before_timestamp_seconds', 'When the certificate in use begins.', ({ notBefore }) =>
      seconds(notBefore),
    ),
    each('due_timestamp_seconds', 'When its successor is due.', ({ due }) => seconds(due)),
    each(
      'last_success_timestamp_seconds',
      'When the certificate in use was made.',
      ({ made }) => made && seconds(made),
    ),
    each('generation', 'Which generation is in use.', ({ generation }) => generation),
    each(
      'failures',
      'How often in a row its successor was asked for in vain.',
      ({ failed }) => failed?.failures ?? 0,
    ),
    each(
      'deploy_pending',
      'Whether a service has not taken the certificate in use.',
      ({ deploy }) => deploy && Number(deploy.state !== 'done'),
    ),
    {
      name: 'certwright_certificates_unreadable',
      help: 'How many certificates of the store cannot be read.',
      samples: [{ labels: {}, value: broken.length }],
    },
    {
      name: 'certwright_crl_next_update_timestamp_seconds',
      help: 'When the CRLs of the trust bundle lapse; the first of them where an authority has several.',
      samples: earliest(crls.map(({ authority, nextUpdate }) => ({ authority, at: seconds(nextUpdate) }))),
    },
    {
      name: 'certwright_metrics_timestamp_seconds',
      help: 'When this file was written.',
      samples: [{ labels: {}, value: seconds(now) }],
    },
  ];
}

function earliest(ends: readonly { authority: string; at: number }[]): Sample[] {
  const authorities = [...new Set(ends.map(({ authority }) => authority))];
  return authorities.map((authority) => ({
    labels: { authority },
    value: Math.min(...ends.filter((one) => one.authority === authority).map(({ at }) => at)),
  }));
}

const seconds = (time: Date): number => time.getTime() / 1000;

/** The text format, version 0.0.4: a family stands together, and is left out where it has no sample. */
function metricText({ name, help, samples }: Metric): string {
  if (samples.length === 0) return '';
  const lines = samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${labelText(text)}"`);
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}

const labelText = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
