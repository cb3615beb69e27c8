import { readSequence, tag, time } from './der-reader.ts';

/** When a CRL was made and when the next one is due (RFC 5280 5.1.2.4, 5.1.2.5), without reading its entries. */
export function readCrlTimes(der: Buffer): { thisUpdate: Date; nextUpdate: Date } {
  const tbs = readSequence(der, 'a CRL').sequence('tbsCertList');
  tbs.optional(tag.integer, 'version');
  tbs.expect(tag.sequence, 'signature');
  tbs.expect(tag.sequence, 'issuer');
  return {
    thisUpdate: time(tbs.next('thisUpdate'), 'thisUpdate'),
    nextUpdate: time(tbs.next('nextUpdate'), 'nextUpdate'),
  };
}
