import type { Input, Json } from './input.ts';
import { Refusal } from './refusal.ts';

const mostTags = 50;

/** The tags of a request; a name that AWS keeps for itself is refused. */
export function tagsOf(input: Input, refusal: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const tag of input.structures('Tags', { min: 1, max: mostTags })) {
    const key = tag.text('Key', { max: 128 });
    if (key.startsWith('aws:'))
      throw new Refusal(refusal, `Tag keys starting with aws: are reserved: ${key}`);
    tags.set(key, tag.optionalText('Value', { min: 0, max: 256 }) ?? '');
  }
  return tags;
}

/** Adds tags to what is there, or overwrites it. */
export function addTags(to: Map<string, string>, input: Input, refusal: string): void {
  const added = tagsOf(input, refusal);
  const all = new Map([...to, ...added]);
  if (all.size > mostTags)
    throw new Refusal('TooManyTagsException', `There can be at most ${mostTags} tags on a resource`);
  for (const [key, value] of added) to.set(key, value);
}

/** A tag is removed whatever its value, or only where the value is the same, if one is named. */
export function removeTags(from: Map<string, string>, input: Input): void {
  for (const tag of input.structures('Tags', { min: 1, max: mostTags })) {
    const key = tag.text('Key', { max: 128 });
    const value = tag.optionalText('Value', { min: 0, max: 256 });
    if (value === undefined || from.get(key) === value) from.delete(key);
  }
}

export const tagList = (tags: Map<string, string>): Json[] =>
  [...tags].map(([Key, Value]) => ({ Key, Value }));
