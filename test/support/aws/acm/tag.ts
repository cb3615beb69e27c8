import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { addTags, removeTags, tagList } from '../tags.ts';
import { certificateOf } from './certificate.ts';

/** Two generations of operations do the same; the newer ones call the certificate a resource. */
export const tagAs =
  (member: 'CertificateArn' | 'ResourceArn') =>
  (call: Call): Json => {
    addTags(certificateOf(call, member).tags, call.input, 'InvalidTagException');
    return {};
  };

export function removeTagsFromCertificate(call: Call): Json {
  removeTags(certificateOf(call).tags, call.input);
  return {};
}

export function untagResource(call: Call): Json {
  const { tags } = certificateOf(call, 'ResourceArn');
  for (const key of call.input.texts('TagKeys', { min: 1, max: 50 })) tags.delete(key);
  return {};
}

export const listTagsAs =
  (member: 'CertificateArn' | 'ResourceArn') =>
  (call: Call): Json => ({ Tags: tagList(certificateOf(call, member).tags) });
