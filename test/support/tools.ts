import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';

/** Path of a program, or `undefined` where it is not installed. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Tests that need programs: skipped by name where one is missing, except in CI, where missing is a failure. */
export function describeWith(tools: readonly string[], name: string, suite: () => void): void {
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) {
    describe(name, suite);
    return;
  }
  if (process.env['CI'] !== undefined)
    throw new Error(`${name}: ${missing.join(', ')} must be installed in CI`);
  describe.skip(`${name} (needs ${missing.join(', ')})`, suite);
}

/** Folder of the certificates written by others (environment variable CERTWRIGHT_CORPORA). */
export function describeWithCorpora(name: string, suite: (corpora: string) => void): void {
  const corpora = process.env['CERTWRIGHT_CORPORA'];
  if (corpora !== undefined && corpora !== '') {
    describe(name, () => {
      suite(corpora);
    });
    return;
  }
  if (process.env['CI'] !== undefined) throw new Error(`${name}: CERTWRIGHT_CORPORA must be set in CI`);
  describe.skip(`${name} (needs CERTWRIGHT_CORPORA)`, () => undefined);
}

/** Tests that need a right or a device: skipped by name where it is missing, except in CI, where missing is a failure. */
export function describeWhere(possible: boolean, needs: string, name: string, suite: () => void): void {
  if (possible) {
    describe(name, suite);
    return;
  }
  if (process.env['CI'] !== undefined) throw new Error(`${name}: CI must have ${needs}`);
  describe.skip(`${name} (needs ${needs})`, suite);
}
