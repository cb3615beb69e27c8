/** A refusal as AWS words it: a modelled or common exception of AWS JSON 1.1. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export const invalidArgs = (why: string): Refusal => new Refusal('InvalidArgsException', why);

export const invalid = (why: string): Refusal => new Refusal('ValidationException', why);
