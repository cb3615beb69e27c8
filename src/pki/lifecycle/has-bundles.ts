import { declaredNames, type TrustSource } from '../store/trust-source.ts';

/** Whether anything is declared that peers trust: most stores have the default bundle alone. */
export const hasBundles = (store: string, declared: ReadonlyMap<string, TrustSource> | undefined): boolean =>
  (declared?.size ?? 0) > 0 || declaredNames(store).length > 0;

/** A bundle that nobody has declared is part of each certificate's own work. */
export const isDeclared = (
  name: string,
  store: string,
  declared: ReadonlyMap<string, TrustSource> | undefined,
): boolean => declared?.has(name) === true || declaredNames(store).includes(name);
