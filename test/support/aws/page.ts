import type { Input } from './input.ts';
import { Refusal } from './refusal.ts';

/** One page of a list and the token of the next; `{}` where this was the last. */
export function page<T>(
  all: readonly T[],
  input: Input,
  { limit, fallback, refusal }: { limit: 'MaxResults' | 'MaxItems'; fallback: number; refusal: string },
): { items: T[]; next: { NextToken?: string } } {
  const size = input.optionalInteger(limit, { min: 1, max: 1000 }) ?? fallback;
  const token = input.optionalText('NextToken', { max: 10_000 });
  const start = token === undefined ? 0 : startOf(token);
  if (start === undefined || start > all.length)
    throw new Refusal(refusal, 'The token specified in the NextToken argument is not valid');
  const end = start + size;
  return { items: all.slice(start, end), next: end < all.length ? { NextToken: tokenOf(end) } : {} };
}

const tokenOf = (start: number): string => Buffer.from(`page:${start}`).toString('base64');

function startOf(token: string): number | undefined {
  const [, start] = /^page:(\d+)$/.exec(Buffer.from(token, 'base64').toString('latin1')) ?? [];
  return start === undefined ? undefined : Number(start);
}
