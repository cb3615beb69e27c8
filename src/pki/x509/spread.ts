import { PkiError } from '../errors.ts';
import { parseDuration } from './duration.ts';

/** Over how long the replacements of a fleet are spread: a time in milliseconds, or a share of a certificate's life. */
export type Spread = { span: number } | { share: number };

/**
 * Parses `6h` or `5%`.
 * @throws PkiError `bad-time`
 */
export function parseSpread(text: string, label: string): Spread {
  const [, percent] = /^([1-9]\d?)%$/.exec(text) ?? [];
  if (percent !== undefined && Number(percent) <= 50) return { share: Number(percent) / 100 };
  if (/^\w+$/.test(text)) return { span: parseDuration(text, label) };
  throw new PkiError(
    'bad-time',
    `${label} ${JSON.stringify(text)} is no time that replacements are spread over`,
    {
      hint: "a time or a share of a certificate's life (1% to 50%): 6h, 2d, 5%",
    },
  );
}
