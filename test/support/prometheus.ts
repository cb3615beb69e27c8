/** A sample of a text file for Prometheus. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/**
 * Reads the text format 0.0.4 as strictly as promtool does: HELP, then TYPE, then its samples; no family twice, no
 * sample twice, no escape but the three.
 * @throws Error that names the line.
 */
export function readPrometheus(text: string): Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let family = '';
  let awaiting: 'help' | 'type' | 'sample' = 'help';
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (why: string): Error => new Error(`${why}: ${JSON.stringify(line)}`);
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      if (awaiting === 'type' || seen.has(name) || !metricName.test(name)) throw fail('HELP out of place');
      if (awaiting === 'sample' && !samples.some((one) => one.name === family))
        throw fail('no sample before');
      if (!/[.]$/.test(rest)) throw fail('HELP is no sentence');
      seen.add(name);
      family = name;
      awaiting = 'type';
    } else if (kind === 'TYPE') {
      if (awaiting !== 'type' || name !== family || rest !== 'gauge') throw fail('TYPE out of place');
      awaiting = 'sample';
    } else {
      const sample = readSample(line);
      if (!sample || sample.name !== family || awaiting !== 'sample') throw fail('no sample of this family');
      const key = JSON.stringify([sample.name, sample.labels]);
      if (seen.has(key)) throw fail('twice');
      seen.add(key);
      samples.push(sample);
    }
  }
  return samples;
}

function readSample(line: string): Sample | undefined {
  const [, name, inner = '', number = ''] = /^([^\s{]+)(?:\{(.*)\})? (-?\d+(?:\.\d+)?)$/.exec(line) ?? [];
  if (name === undefined) return undefined;
  const labels: Record<string, string> = {};
  const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
  while (label.lastIndex < inner.length) {
    const [, key, value] = label.exec(inner) ?? [];
    if (key === undefined || value === undefined || key in labels) return undefined;
    labels[key] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return { name, labels, value: Number(number) };
}
