/** Whether a `--ca` names something at AWS; anything else is a folder. */
export const isAws = (reference: string): boolean => /^(acm$|acm:|arn:)/.test(reference);

/** Whether it names ACM rather than an authority of one's own. */
export const isAcm = (reference: string): boolean => /^acm(:|$)/.test(reference);
