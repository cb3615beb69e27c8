const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The account that an access key is of: since 2019 its identifier holds the number, behind a bit that is set.
 * AWS does not document that: it is good for telling two accounts apart, where STS cannot always be asked.
 * @returns `undefined` for an older key, and for what is none of AWS's
 */
export function accountOfKey(accessKeyId: string): string | undefined {
  const [, digits = ''] = /^A[KS]IA([Q-Z2-7][A-Z2-7]{9})[A-Z2-7]{6}$/.exec(accessKeyId) ?? [];
  if (digits === '') return undefined;
  // The first fifty bits: one that is set, forty of the number, nine of something else.
  const bits = [...digits].reduce((sum, digit) => sum * 32n + BigInt(base32.indexOf(digit)), 0n);
  return String((bits >> 9n) & ((1n << 40n) - 1n)).padStart(12, '0');
}
