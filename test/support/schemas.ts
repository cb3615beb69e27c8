import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';

const folder = resolve(import.meta.dirname, '../../docs/schema');

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** The published schemas let fields be added; a test wants to hear of a field that nobody has described. */
function closed(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, key === 'extensionFields' ? value : closed(value)]),
  );
  return schema['type'] === 'object' && 'properties' in schema
    ? { ...inner, unevaluatedProperties: false }
    : inner;
}

const ajv = new Ajv2020({ strict: true, strictRequired: false, validateFormats: false, allErrors: false });
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
for (const name of names) {
  ajv.addSchema(closed(JSON.parse(readFileSync(join(folder, name), 'utf8')) as Json) as object);
}

/** The schema that a document names itself: `certwright.inspect/1` is `inspect.v1.json`. */
const schemaOf = (document: { schema?: unknown }): string =>
  String(document.schema).replace(
    /^certwright\.([\w-]+)\/(\d+)$/,
    (_, name: string, version: string) => `${name.replace(/-plan$/, '')}.v${version}.json`,
  );

/** What is wrong with a JSON document by the schema that it names; nothing where it is right. */
export function schemaErrors(json: string): string[] {
  const document = JSON.parse(json) as { schema?: unknown };
  const validate = ajv.getSchema(schemaOf(document));
  if (!validate) return [`no schema is published for ${String(document.schema)}`];
  void validate(document);
  return (validate.errors ?? []).map(
    ({ instancePath, message = '', params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}
