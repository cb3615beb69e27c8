import { readSequence, smallInteger } from './der-reader.ts';

/** TLS feature (RFC 7633): numbers of TLS extensions; 5 is status_request, "must staple". */
export function readTlsFeature(value: Buffer): number[] {
  const features: number[] = [];
  for (const element of readSequence(value, 'TLS feature').all('a TLS feature')) {
    features.push(smallInteger(element, 'a TLS feature'));
  }
  return features;
}
