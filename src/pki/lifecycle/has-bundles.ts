import { declaredNames, type TrustSource } from '../store/trust-source.ts';

/** Whether anything is declared that peers trust: most stores have the default bundle alone. */
export const hasBundles = (store: string, declared: ReadonlyMap<string, TrustSource> | undefined): boolean =>
  (declared?.size ?? 0) > 0 || declaredNames(store).length > 0;
