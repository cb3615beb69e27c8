import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/pki/config/config.ts';
import { PkiError } from '../../../src/pki/errors.ts';
import { examples } from './examples.ts';

const pieces = [
  '&a ',
  '*a',
  '<<: ',
  '? ',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '|\n',
  '>-\n',
  '\n',
  '\n  ',
  '\t',
  '#',
  '%YAML 1.1\n',
  '---\n',
  '...\n',
  '!!str ',
  '!<x> ',
  '\u0000',
  '\ufeff',
  '~',
  '0600',
];

/** An example with something put in and something taken out. */
const mutated = fc
  .record({
    example: fc.constantFrom(...examples.map(({ yaml }) => yaml)),
    cuts: fc.array(fc.tuple(fc.nat(), fc.nat(6), fc.constantFrom(...pieces)), { minLength: 1, maxLength: 5 }),
  })
  .map(({ example, cuts }) =>
    cuts.reduce((text, [place, length, piece]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(at + length);
    }, example),
  );

it('reads whatever it is given, or says where it is wrong', () => {
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ unit: 'binary' })), (yaml) => {
      const lines = yaml.split(/\r\n|\n|\r/).length;
      try {
        parseConfig(Buffer.from(yaml), '/srv/certwright.yaml', 'certwright.yaml');
      } catch (error) {
        if (!(error instanceof PkiError)) throw error;
        expect(error.code).toBe('bad-config');
        for (const { line, column, message } of error.faults) {
          expect(line).toBeLessThanOrEqual(lines);
          expect(Math.min(line, column)).toBeGreaterThan(0);
          expect(message).not.toBe('');
        }
      }
    }),
    { numRuns: 500 },
  );
});
