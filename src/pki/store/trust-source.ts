import { isAbsolute, join, relative, resolve } from 'node:path';
import { isThere, jsonText, readJson, replace } from '../durable.ts';
import type { Deploy } from '../deploy/plan.ts';
import { readPlan } from '../deploy/stored-plan.ts';
import { namesIn } from '../names-in.ts';
import { trustBundle } from './trust-bundle.ts';

/** Whom a trust bundle trusts, and who is told when that changes. */
export interface TrustSource {
  /** Absolute folders and ARNs; `undefined` stands for the store's own CA. */
  authorities: string[] | undefined;
  /** Absolute paths of certificates. */
  roots: string[];
  /** Absolute paths of CRLs. */
  crls: string[];
  deploy: Deploy | undefined;
}

export const sourceFile = (store: string, name: string): string =>
  join(trustBundle(store, name), 'trust.json');

/**
 * What trust.json says: what was declared, so that cron needs no config file.
 * @returns `undefined` for a bundle that was never declared
 * @throws PkiError `malformed`, `unsupported`
 */
export function readDeclared(store: string, name: string): TrustSource | undefined {
  const file = sourceFile(store, name);
  const declared = readJson(file)?.['declared'];
  if (typeof declared !== 'object' || declared === null) return undefined;
  const { authorities, roots, crls, deploy } = declared as Record<string, unknown>;
  return {
    authorities: Array.isArray(authorities)
      ? texts(authorities).map((one) => absolute(store, one))
      : undefined,
    roots: texts(roots).map((path) => resolve(store, path)),
    crls: texts(crls).map((path) => resolve(store, path)),
    deploy: deploy === undefined ? undefined : readPlan(deploy, file),
  };
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

const absolute = (store: string, reference: string): string =>
  /^(arn:|acm)/.test(reference) ? reference : resolve(store, reference);

/** The authority that made the default bundle, as request.json names it. */
export function ownAuthority(store: string): string | undefined {
  const authority = readJson(sourceFile(store, 'default'))?.['authority'];
  return typeof authority === 'string' ? absolute(store, authority) : undefined;
}

/** Writes down what is declared, with paths relative to the store; the bundle's folder must be there. */
export function writeDeclared(store: string, name: string, source: TrustSource): void {
  const file = sourceFile(store, name);
  const known = readJson(file) ?? { schema: 1 };
  const place = (path: string): string => (isAbsolute(path) ? relative(store, path) || '.' : path);
  const declared = {
    ...(source.authorities ? { authorities: source.authorities.map(place) } : {}),
    roots: source.roots.map(place),
    crls: source.crls.map(place),
    ...(source.deploy ? { deploy: source.deploy } : {}),
  };
  if (JSON.stringify(known['declared']) === JSON.stringify(declared)) return;
  // Fields of another version survive.
  replace(file, { data: jsonText({ ...known, declared }), mode: 0o644 });
}

/** Names of the bundles in a store that were declared. */
export function declaredNames(store: string): string[] {
  return namesIn(join(store, '_trust'))
    .filter((name) => isThere(sourceFile(store, name)) && readDeclared(store, name) !== undefined)
    .sort();
}
