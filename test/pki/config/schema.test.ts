import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../../src/pki/config/config.ts';
import { PkiError } from '../../../src/pki/errors.ts';
import { formats, validations } from '../../../src/pki/store/request.ts';
import { keyTypes } from '../../../src/pki/x509/key.ts';
import { usages } from '../../../src/pki/x509/profile.ts';
import { examples, type Example } from './examples.ts';

const top = resolve(import.meta.dirname, '../../..');
const schema = JSON.parse(readFileSync(resolve(top, 'docs/schema/config.v1.json'), 'utf8')) as {
  $defs: { settings: { properties: Record<string, { enum?: string[]; items?: { enum: string[] } }> } };
};
const validate = new Ajv2020({ allErrors: true, strict: false }).compile(schema);

function faultsOf(yaml: string): string[] {
  try {
    parseConfig(Buffer.from(yaml), '/srv/certwright.yaml', 'certwright.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return error.faults.map(({ line, column, message }) => `${line}:${column} ${message}`);
  }
}

const passesSchema = (yaml: string): boolean => validate(parse(yaml) ?? null);

const named = (which: (example: Example) => boolean): (readonly [string, Example])[] =>
  examples.filter(which).map((example) => [example.what, example] as const);

describe('the schema for editors', () => {
  it.each(named(({ beyondSchema }) => beyondSchema !== true))(
    'says of %s what the program says',
    (_, { yaml, good }) => {
      expect({ schema: passesSchema(yaml), faults: faultsOf(yaml).length === 0 }).toEqual({
        schema: good,
        faults: good,
      });
    },
  );

  it.each(named(({ beyondSchema }) => beyondSchema === true))('leaves %s to the program', (_, { yaml }) => {
    expect(faultsOf(yaml)).not.toEqual([]);
  });

  it('has the keys and choices that the program has', () => {
    const { properties } = schema.$defs.settings;
    const [hint] = hintsOf('defaults: { zzzzzzzzzz: 1 }');
    expect(hint).toBe(`known here: ${Object.keys(properties).sort().join(', ')}`);
    expect(properties['usage']?.enum).toEqual(usages);
    expect(properties['keyType']?.enum).toEqual(keyTypes);
    expect(properties['validation']?.enum).toEqual(validations);
    expect(properties['formats']?.items?.enum).toEqual(formats);
  });
});

/** Known keys come in the order of the alphabet here. */
function hintsOf(yaml: string): string[] {
  try {
    parseConfig(Buffer.from(yaml), '/srv/certwright.yaml', 'certwright.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return error.faults.map(({ hint }) =>
      hint.replace(/(?<=: ).*/, (keys) => keys.split(', ').sort().join(', ')),
    );
  }
}
