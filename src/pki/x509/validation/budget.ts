/** What a step of a verdict costs, in operations of a Budget. */
export const cost = {
  /** One candidate issuer looked at. */
  step: 20,
  /** A key decoded and a signature checked. */
  signature: 300,
  /** Policies and revocation of one whole path. */
  path: 100,
} as const;

/** About half a second of a slow machine. */
export const defaultBudget = 500_000;
