/** AlertDescription (RFC 8446 section 6; the ones it only reserves are of RFC 5246 and older). */
const names: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  21: 'decryption_failed',
  22: 'record_overflow',
  30: 'decompression_failure',
  40: 'handshake_failure',
  41: 'no_certificate',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  60: 'export_restriction',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  90: 'user_canceled',
  100: 'no_renegotiation',
  109: 'missing_extension',
  110: 'unsupported_extension',
  111: 'certificate_unobtainable',
  112: 'unrecognized_name',
  113: 'bad_certificate_status_response',
  114: 'bad_certificate_hash_value',
  115: 'unknown_psk_identity',
  116: 'certificate_required',
  120: 'no_application_protocol',
  121: 'ech_required',
};

export interface Alert {
  /** AlertDescription. */
  number: number;
  name: string;
  /** 2 is fatal, 1 a warning; in TLS 1.3 the number alone decides. */
  level: number;
}

export const alertOf = (number: number, level = 2): Alert => ({
  number,
  name: names[number] ?? `unknown alert`,
  level,
});

const closeNotify = 0;
const userCanceled = 90;
const unrecognizedName = 112;

/** Whether it ends the connection as a refusal: not a farewell, and not a warning that TLS 1.2 allows to pass. */
export const isFatal = ({ number, level }: Alert, tls13: boolean): boolean => {
  if (number === closeNotify || number === userCanceled) return false;
  if (number === unrecognizedName && level === 1) return false;
  return tls13 || level === 2;
};

/** `unknown_ca (48)` */
export const alertText = ({ name, number }: Pick<Alert, 'name' | 'number'>): string => `${name} (${number})`;

/** OpenSSL ends the message of an error that an alert caused with its number, whatever it calls the error itself. */
export function alertInMessage(message: string): Alert | undefined {
  const number = /SSL alert number (\d+)/.exec(message)?.[1];
  return number === undefined ? undefined : alertOf(Number(number));
}
