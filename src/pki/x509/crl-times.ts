import { readSequence, tag, time } from './der-reader.ts';

export interface CrlTimes {
  thisUpdate: Date;
  nextUpdate: Date;
}

export type CrlAge = 'fresh' | 'lapsing' | 'lapsed';

/** Nobody need be told earlier: the CRL of an offline root lives as long as the root. */
const noticeable = 90 * 86_400_000;

/** `lapsing`: with three quarters of its life gone, nobody has made the next one, as every run of rotate does after half. */
export function crlAge({ thisUpdate, nextUpdate }: CrlTimes, now: Date): CrlAge {
  if (nextUpdate <= now) return 'lapsed';
  const left = nextUpdate.getTime() - now.getTime();
  const life = nextUpdate.getTime() - thisUpdate.getTime();
  return left <= Math.min(life / 4, noticeable) ? 'lapsing' : 'fresh';
}

/** When a CRL was made and when the next one is due (RFC 5280 5.1.2.4, 5.1.2.5), without reading its entries. */
export function readCrlTimes(der: Buffer): CrlTimes {
  const tbs = readSequence(der, 'a CRL').sequence('tbsCertList');
  tbs.optional(tag.integer, 'version');
  tbs.expect(tag.sequence, 'signature');
  tbs.expect(tag.sequence, 'issuer');
  return {
    thisUpdate: time(tbs.next('thisUpdate'), 'thisUpdate'),
    nextUpdate: time(tbs.next('nextUpdate'), 'nextUpdate'),
  };
}
