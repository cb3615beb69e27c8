import type { Authority } from '../authorities/authority.ts';
import type { StoredRequest } from '../store/request.ts';
import { parseSubject } from '../x509/distinguished-name.ts';
import { parseDuration, parseTime } from '../x509/duration.ts';
import { PkiError } from '../errors.ts';
import type { Profile } from '../x509/profile.ts';
import { backdating } from '../x509/renewal-point.ts';
import { parseName } from '../x509/subject-alternative-name.ts';

/** The last second that a certificate can name (RFC 5280 4.1.2.5). */
const endOfTime = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * Turns a request into what is asked of an authority now.
 * @throws PkiError `bad-time` where the times contradict each other.
 */
export function profileFor(
  request: StoredRequest,
  publicKey: Buffer,
  authority: Pick<Authority, 'defaults' | 'validity' | 'constrainsHosts'>,
  now: Date,
): Profile {
  const names = request.names.map(parseName);
  const hasHost = names.some(({ kind }) => kind === 'dns');
  const usual = authority.constrainsHosts === true && !hasHost ? [] : undefined;
  const { notBefore, notAfter } = validityFor(request, authority, now);
  const or = (own: readonly string[], defaults: readonly string[]): readonly string[] =>
    own.length > 0 ? own : defaults;
  return {
    names,
    usage: request.usage,
    subject: request.subject === undefined ? usual : parseSubject(request.subject),
    notBefore,
    notAfter,
    keyType: request.keyType,
    publicKey,
    crlUrls: or(request.crlUrls, authority.defaults.crlUrls),
    ocspUrls: or(request.ocspUrls, authority.defaults.ocspUrls),
    issuerUrls: or(request.issuerUrls, authority.defaults.issuerUrls),
  };
}

function validityFor(
  request: StoredRequest,
  authority: Pick<Authority, 'validity'>,
  now: Date,
): Pick<Profile, 'notBefore' | 'notAfter'> {
  const second = Math.floor(now.getTime() / 1000) * 1000;
  const begin =
    request.notBefore === undefined ? second : parseTime(request.notBefore, '--not-before').getTime();
  const end =
    request.notAfter === undefined
      ? begin + Math.floor(parseDuration(request.lifetime ?? '30d', '--lifetime') / 1000) * 1000
      : parseTime(request.notAfter, '--not-after').getTime();
  // A young CA may be younger than the backdating; an explicit --not-before stands as it is.
  const earliest = authority.validity.notBefore.getTime();
  const notBefore =
    request.notBefore === undefined ? Math.max(begin - backdating, Math.min(earliest, begin)) : begin;
  const notAfter = request.clamp ? Math.min(end, authority.validity.notAfter.getTime()) : end;
  if (notAfter <= notBefore) {
    throw new PkiError(
      'bad-time',
      `the certificate would end (${iso(notAfter)}) before it begins (${iso(notBefore)})`,
      {
        hint: 'ask for a later --not-after',
      },
    );
  }
  if (notAfter <= now.getTime()) {
    throw new PkiError('bad-time', `the certificate would end in the past (${iso(notAfter)})`, {
      hint: "ask for a later --not-after, or check this machine's clock",
    });
  }
  if (notAfter > endOfTime) {
    throw new PkiError('bad-time', 'the certificate would end after the year 9999', {
      hint: 'ask for less with --lifetime',
    });
  }
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();
