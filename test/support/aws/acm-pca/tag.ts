import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { page } from '../page.ts';
import { addTags, removeTags, tagList } from '../tags.ts';
import { caOf } from './arn.ts';

export function tagCertificateAuthority(call: Call): Json {
  addTags(caOf(call).tags, call.input, 'InvalidTagException');
  return {};
}

export function untagCertificateAuthority(call: Call): Json {
  removeTags(caOf(call).tags, call.input);
  return {};
}

export function listTags(call: Call): Json {
  const { items, next } = page(tagList(caOf(call).tags), call.input, {
    limit: 'MaxResults',
    fallback: 50,
    refusal: 'InvalidNextTokenException',
  });
  return { Tags: items, ...next };
}
