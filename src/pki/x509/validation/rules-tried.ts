import type { ChainInput } from './chain-input.ts';
import { ruleSections, type Candidate, type Rule } from './verdict.ts';

/** Rules that are asked only for the sake of an input; all others are asked of every path. */
const conditions: Partial<Record<Rule, (input: ChainInput) => boolean>> = {
  'max-depth': ({ maxDepth }) => maxDepth !== undefined,
  'weak-signature': ({ strength }) => strength !== 'any',
  'weak-key': ({ strength }) => strength !== 'any',
  'anchor-not-root': ({ strength, partialChain = strength === 'any' }) => !partialChain,
  'name-mismatch': ({ names }) => (names?.length ?? 0) > 0,
  'crl-missing': ({ requireCrl }) => requireCrl === true,
  'crl-unusable': ({ crls }) => (crls?.length ?? 0) > 0,
  'ocsp-unusable': ({ ocsp, staple }) => (ocsp?.length ?? 0) > 0 || staple !== undefined,
  revoked: ({ crls, ocsp, staple, onRecord }) =>
    onRecord !== undefined || (crls?.length ?? 0) + (ocsp?.length ?? 0) > 0 || staple?.response !== undefined,
};

/** Asked only of a path that has reached an anchor. */
const ofWholePaths: ReadonlySet<Rule> = new Set([
  'policy',
  'revoked',
  'crl-missing',
  'crl-unusable',
  'ocsp-unusable',
]);

/** Every rule that a candidate was judged by, in the order of `ruleSections`. */
export const rulesTried = (input: ChainInput, { complete }: Pick<Candidate, 'complete'>): Rule[] =>
  (Object.keys(ruleSections) as Rule[]).filter(
    (rule) => (complete || !ofWholePaths.has(rule)) && (conditions[rule]?.(input) ?? true),
  );
