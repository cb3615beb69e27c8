import { spawnSync } from 'node:child_process';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Wall milliseconds of each command, taken in turn, so that a machine that slows down slows all of them. */
export function timeCommands(
  commands: Readonly<Record<string, () => readonly string[]>>,
  rounds: number,
  cwd: string,
): Record<string, number> {
  const times: Record<string, number[]> = {};
  // NODE_EXTRA_CA_CERTS alone costs Node 20 more than most of what is measured here.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, argv] of Object.entries(commands)) {
      const [file = '', ...rest] = argv();
      const start = performance.now();
      const { status, stderr } = spawnSync(file, rest, { cwd, env });
      const elapsed = performance.now() - start;
      if (status !== 0) throw new Error(`${name}: exit ${String(status)}: ${stderr.toString()}`);
      if (round >= 0) (times[name] ??= []).push(elapsed);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

export function printTable(rows: Readonly<Record<string, number>>, unit: string, base: string): void {
  const reference = rows[base] ?? Number.NaN;
  for (const [name, value] of Object.entries(rows)) {
    console.log(
      `  ${name.padEnd(44)} ${value.toFixed(1).padStart(9)} ${unit}  ${(value / reference).toFixed(2)}x`,
    );
  }
}
