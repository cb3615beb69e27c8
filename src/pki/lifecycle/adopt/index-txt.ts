import { PkiError } from '../../errors.ts';
import type { RevocationReason } from '../../x509/crl-entries.ts';

/** A line of the database of `openssl ca`. */
export interface IndexLine {
  /** Lower-case hex, whole octets, no zero octets in front. */
  serial: string;
  notAfter: Date;
  revoked: { at: Date; reason: RevocationReason; invalidityDate: Date | undefined } | undefined;
}

/** Names of openssl-ca(1); those after the first two lines come with what they are to openssl alone. */
const reasons: Readonly<Record<string, RevocationReason>> = {
  unspecified: 'unspecified',
  keycompromise: 'keyCompromise',
  cacompromise: 'cACompromise',
  affiliationchanged: 'affiliationChanged',
  superseded: 'superseded',
  cessationofoperation: 'cessationOfOperation',
  certificatehold: 'certificateHold',
  holdinstruction: 'certificateHold',
  keytime: 'keyCompromise',
  cakeytime: 'cACompromise',
  removefromcrl: 'certificateHold',
};

/**
 * Reads index.txt: status, end, revocation, serial, file and subject, between tabs.
 * @throws PkiError `malformed` with the line's number: what is passed over would be un-revoked
 */
export function readIndex(text: string, file: string): IndexLine[] {
  return text.split('\n').flatMap((line, at) => {
    if (line.trim() === '') return [];
    const [status = '', end = '', revocation = '', serial = ''] = line.replace(/\r$/, '').split('\t');
    const notAfter = timeOf(end);
    const revoked = status === 'R' ? revocationOf(revocation) : undefined;
    const isKnown = /^[VRE]$/.test(status) && /^[0-9A-Fa-f]{1,128}$/.test(serial) && notAfter !== undefined;
    if (!isKnown || (status === 'R' && !revoked)) {
      throw new PkiError('malformed', `${file}:${at + 1} is no line of openssl's database`, {
        hint: 'status, end, revocation, serial, file and subject, between tabs; nothing was taken over',
      });
    }
    return [{ serial: serialOf(serial), notAfter, revoked }];
  });
}

export function serialOf(hex: string): string {
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return even.toLowerCase().replace(/^(00)+(?=.)/, '');
}

/** `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; two digits of a year as in RFC 5280 4.1.2.5.1. */
function timeOf(text: string): Date | undefined {
  const [, year = '', ...rest] = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?Z$/.exec(text) ?? [];
  if (year === '') return undefined;
  const full = year.length === 4 ? Number(year) : Number(year) + (Number(year) < 50 ? 2000 : 1900);
  const [month = 1, day = 1, hour = 0, minute = 0, second = 0] = rest.map((part: string | undefined) =>
    Number(part ?? 0),
  );
  return new Date(Date.UTC(full, month - 1, day, hour, minute, second));
}

/** `TIME`, `TIME,reason`, `TIME,keyTime,TIME` */
function revocationOf(text: string): IndexLine['revoked'] {
  const [time = '', named = 'unspecified', detail = ''] = text.split(',');
  const at = timeOf(time);
  const reason = reasons[named.toLowerCase()];
  if (!at || !reason) return undefined;
  return { at, reason, invalidityDate: /^(ca)?keytime$/i.test(named) ? timeOf(detail) : undefined };
}
