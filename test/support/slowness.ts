/** Milliseconds of processor time that the fixed work below takes on the machine that bounds were measured on. */
const reference = 40;

/**
 * How much slower this machine is now than that one, at least 1. A bound in seconds of processor time is multiplied by
 * it: neither a slower processor nor a neighbour on the same core makes a test fail. Neighbours come and go: what was
 * slower of before and after counts.
 */
export function slowness(before = 1): number {
  const start = process.cpuUsage();
  let sum = 0;
  for (let at = 0; at < 40_000_000; at += 1) sum = (Math.imul(sum, 31) + at) | 0;
  const { user, system } = process.cpuUsage(start);
  // The sum is used, or the loop would be left out.
  return Math.max(before, (user + system) / 1000 / reference + (sum === 1 ? 1 : 0));
}

/** Whether so many milliseconds of processor time are more than a second of the machine that bounds were measured on. */
export const isSlow = (milliseconds: number): boolean =>
  milliseconds > 1000 && milliseconds / slowness() > 1000;
