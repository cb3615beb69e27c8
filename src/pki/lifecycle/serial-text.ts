/*
 * Serial numbers and fingerprints as people copy them from tools. Hexadecimal digits may be in either case.
 */

/** RFC 5280 4.1.2.2: at most 20 octets. */
const most = 40;

/**
 * What a text may say as a serial number, each as `serialHex` writes it: two where its digits can be read as hexadecimal
 * and as decimal, none where it says none.
 */
export function readSerial(text: string): string[] {
  const [, marked] = /^0x([0-9a-f]+)$/i.exec(text) ?? [];
  if (marked !== undefined) return within(normal(marked));
  if (/^[0-9a-f]{1,2}(:[0-9a-f]{2})+$/i.test(text)) return within(normal(text.replace(/:/g, '')));
  const hex = /^[0-9a-f]+$/i.test(text) ? within(normal(text)) : [];
  const decimal = /^\d{1,49}$/.test(text) ? within(normal(BigInt(text).toString(16))) : [];
  return [...new Set([...hex, ...decimal])];
}

const within = (hex: string): string[] => (hex.length <= most ? [hex] : []);

function normal(hex: string): string {
  const digits = hex.toLowerCase().replace(/^0+(?=.)/, '');
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

/** SHA-256 of a certificate in lower-case hex, where a text is one: 64 digits, also in pairs with colons. */
export function sha256Of(text: string): string | undefined {
  const isOne = /^[0-9a-f]{64}$/i.test(text) || /^[0-9a-f]{2}(:[0-9a-f]{2}){31}$/i.test(text);
  return isOne ? text.replace(/:/g, '').toLowerCase() : undefined;
}
