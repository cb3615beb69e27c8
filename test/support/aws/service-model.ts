import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Json } from './input.ts';
import { Refusal } from './refusal.ts';

interface Shape {
  type:
    | 'structure'
    | 'list'
    | 'map'
    | 'string'
    | 'blob'
    | 'integer'
    | 'long'
    | 'boolean'
    | 'timestamp'
    | 'double';
  required?: string[];
  members?: Record<string, { shape: string }>;
  member?: { shape: string };
  enum?: string[];
  union?: boolean;
}

/** The parts of one of AWS's service models that answers are held to. */
interface Model {
  metadata: { targetPrefix: string };
  operations: Record<string, { output?: { shape: string }; errors?: { shape: string }[] }>;
  shapes: Record<string, Shape>;
}

/** Refusals that every operation knows (AWS, "Common error types"). */
const common = [
  'AccessDeniedException',
  'ExpiredTokenException',
  'InternalFailure',
  'SerializationException',
  'ServiceUnavailableException',
  'ThrottlingException',
  'ValidationException',
];

/** Against the model, but so in the examples of AWS's own documentation. */
const asDocumented = ['RSA-2048', 'RSA-1024', 'RSA-3072', 'RSA-4096'];

/** AWS's own service models, as botocore brings them, which comes with moto. */
export class ServiceModels {
  readonly #models: readonly Model[];

  /** @param program moto's server, in the virtual environment that botocore is in */
  constructor(program: string) {
    const lib = join(dirname(program), '../lib');
    const python = readdirSync(lib).find((name) => name.startsWith('python3')) ?? '';
    const data = join(lib, python, 'site-packages/botocore/data');
    this.#models = ['acm/2015-12-08', 'acm-pca/2017-08-22'].map(
      (api) =>
        JSON.parse(gunzipSync(readFileSync(join(data, api, 'service-2.json.gz'))).toString('utf8')) as Model,
    );
  }

  /**
   * Where an answer is not what the model says: a member that is unknown, missing or of another type, a value that is
   * in no list, an exception that the operation does not know. Patterns are not looked at: some are wrong.
   * @param target as in X-Amz-Target
   */
  misfits(target: string, answer: Json | Refusal): string[] {
    const [prefix, name = ''] = target.split('.');
    const model = this.#models.find(({ metadata }) => metadata.targetPrefix === prefix);
    const operation = model?.operations[name];
    if (!model || !operation) return [`no operation ${target}`];
    if (answer instanceof Refusal) {
      const known = [...common, ...(operation.errors ?? []).map(({ shape }) => shape)];
      return known.includes(answer.code) ? [] : [`${name} never refuses with ${answer.code}`];
    }
    if (!operation.output) return Object.keys(answer).length === 0 ? [] : [`${name} answers with nothing`];
    return fit(model, operation.output.shape, answer, name);
  }
}

function fit(model: Model, name: string, value: unknown, path: string): string[] {
  const shape = model.shapes[name];
  const no = (why: string): string[] => [`${path}: ${why}`];
  switch (shape?.type) {
    case 'structure':
      return typeof value === 'object' && value !== null
        ? fitMembers(model, shape, value as Json, path)
        : no('not a structure');
    case 'list':
      if (!Array.isArray(value)) return no('not a list');
      return value.flatMap((one) => fit(model, shape.member?.shape ?? '', one, `${path}[]`));
    case 'string':
    case 'blob':
      if (typeof value !== 'string') return no('not a string');
      return !shape.enum || shape.enum.includes(value) || asDocumented.includes(value)
        ? []
        : no(`${value} is in no list`);
    case 'integer':
    case 'long':
      return Number.isInteger(value) ? [] : no('not an integer');
    case 'timestamp':
    case 'double':
      return typeof value === 'number' ? [] : no('not a number');
    case 'boolean':
      return typeof value === 'boolean' ? [] : no('not a boolean');
    default:
      return no(`of no type that is known here: ${name}`);
  }
}

function fitMembers(model: Model, shape: Shape, value: Json, path: string): string[] {
  const members = shape.members ?? {};
  const given = Object.entries(value).filter(([, one]) => one !== undefined);
  const missing = (shape.required ?? []).filter((name) => value[name] === undefined);
  return [
    ...missing.map((name) => `${path}.${name}: missing`),
    ...(shape.union === true && given.length !== 1 ? [`${path}: ${given.length} of a union`] : []),
    ...given.flatMap(([name, one]) => {
      const member = members[name];
      return member ? fit(model, member.shape, one, `${path}.${name}`) : [`${path}.${name}: unknown`];
    }),
  ];
}
