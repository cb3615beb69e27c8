import { invalid, Refusal } from './refusal.ts';

export type Json = Readonly<Record<string, unknown>>;

interface Bounds {
  min?: number;
  max?: number;
  pattern?: RegExp;
}

/** The members of a request, checked as AWS checks them against its service model before it does anything. */
export class Input {
  readonly members: Json;
  readonly #path: string;

  constructor(members: Json, path = '') {
    this.members = members;
    this.#path = path;
  }

  has(name: string): boolean {
    return this.members[name] !== undefined && this.members[name] !== null;
  }

  text(name: string, bounds: Bounds = {}): string {
    return this.optionalText(name, bounds) ?? this.#missing(name);
  }

  optionalText(name: string, { min = 1, max = Infinity, pattern }: Bounds = {}): string | undefined {
    const value = this.#typed(name, 'string') as string | undefined;
    if (value === undefined) return undefined;
    if (value.length < min)
      this.#unsatisfied(name, value, `Member must have length greater than or equal to ${min}`);
    if (value.length > max)
      this.#unsatisfied(name, value, `Member must have length less than or equal to ${max}`);
    if (pattern && !pattern.test(value))
      this.#unsatisfied(name, value, `Member must satisfy regular expression pattern: ${pattern.source}`);
    return value;
  }

  /** One of a list. */
  choice<T extends string>(name: string, choices: readonly T[]): T {
    return this.optionalChoice(name, choices) ?? this.#missing(name);
  }

  optionalChoice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#typed(name, 'string') as T | undefined;
    if (value !== undefined && !choices.includes(value))
      this.#unsatisfied(name, value, `Member must satisfy enum value set: [${choices.join(', ')}]`);
    return value;
  }

  /** Base64 of what a blob holds. */
  blob(name: string, bounds: Bounds = {}): Buffer {
    return this.optionalBlob(name, bounds) ?? this.#missing(name);
  }

  optionalBlob(name: string, { min = 1, max = Infinity }: Bounds = {}): Buffer | undefined {
    const value = this.#typed(name, 'string') as string | undefined;
    if (value === undefined) return undefined;
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value))
      throw new Refusal('SerializationException', `${this.#label(name)} is not valid Base64`);
    const bytes = Buffer.from(value, 'base64');
    if (bytes.length < min)
      this.#unsatisfied(name, 'blob', `Member must have length greater than or equal to ${min}`);
    if (bytes.length > max)
      this.#unsatisfied(name, 'blob', `Member must have length less than or equal to ${max}`);
    return bytes;
  }

  integer(name: string, bounds: { min?: number; max?: number } = {}): number {
    return this.optionalInteger(name, bounds) ?? this.#missing(name);
  }

  optionalInteger(
    name: string,
    { min = -Infinity, max = Infinity }: { min?: number; max?: number } = {},
  ): number | undefined {
    const value = this.#typed(name, 'number') as number | undefined;
    if (value === undefined) return undefined;
    if (value < min)
      this.#unsatisfied(name, String(value), `Member must have value greater than or equal to ${min}`);
    if (value > max)
      this.#unsatisfied(name, String(value), `Member must have value less than or equal to ${max}`);
    return value;
  }

  flag(name: string): boolean | undefined {
    return this.#typed(name, 'boolean') as boolean | undefined;
  }

  structure(name: string): Input {
    return this.optionalStructure(name) ?? this.#missing(name);
  }

  optionalStructure(name: string): Input | undefined {
    const value = this.#typed(name, 'object') as Json | undefined;
    return value && new Input(value, this.#label(name));
  }

  /** Empty where it is missing. */
  structures(name: string, bounds: { min?: number; max?: number } = {}): Input[] {
    return this.#list(name, bounds).map((value) => new Input(value as Json, `${this.#label(name)}.member`));
  }

  texts(name: string, bounds: { min?: number; max?: number } = {}): string[] {
    return this.#list(name, bounds) as string[];
  }

  #list(name: string, { min = 0, max = Infinity }: { min?: number; max?: number }): unknown[] {
    const value = this.members[name];
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value))
      throw new Refusal('SerializationException', `${this.#label(name)} is not a list`);
    if (value.length < min)
      this.#unsatisfied(name, '[]', `Member must have length greater than or equal to ${min}`);
    if (value.length > max)
      this.#unsatisfied(name, '[…]', `Member must have length less than or equal to ${max}`);
    return value as unknown[];
  }

  #typed(name: string, type: 'string' | 'number' | 'boolean' | 'object'): unknown {
    const value = this.members[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== type)
      throw new Refusal('SerializationException', `${typeof value} can not be converted to a ${type}`);
    return value;
  }

  #label(name: string): string {
    const camel = `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
    return this.#path === '' ? camel : `${this.#path}.${camel}`;
  }

  #missing(name: string): never {
    return this.#unsatisfied(name, null, 'Member must not be null');
  }

  #unsatisfied(name: string, value: string | null, constraint: string): never {
    const shown = value === null ? 'null' : `'${value}'`;
    throw invalid(
      `1 validation error detected: Value ${shown} at '${this.#label(name)}' failed to satisfy constraint: ${constraint}`,
    );
  }
}
