/** Whether a `--ca` names something at AWS; anything else is a folder. */
export const isAws = (reference: string): boolean => /^(acm$|acm:|arn:)/.test(reference);

/** Whether it names ACM rather than an authority of one's own. */
export const isAcm = (reference: string): boolean => /^acm(:|$)/.test(reference);

const forPrivateCa = {
  who: 'AWS Private CA',
  is: (reference: string) => isAws(reference) && !isAcm(reference),
};
const forPublic = { who: 'public certificates of ACM', is: (reference: string) => reference === 'acm' };

/** Settings of a request that only some authorities of AWS know: the others would pass them over in silence. */
const meantFor = {
  template: forPrivateCa,
  signingAlgorithm: forPrivateCa,
  exportable: forPublic,
  validation: forPublic,
};

export type SettingOfAws = keyof typeof meantFor;
export const settingsOfAws = Object.keys(meantFor) as SettingOfAws[];

/** For whom a setting is; `undefined` where it is for this authority. */
export const meantForOthers = (setting: SettingOfAws, reference: string): string | undefined =>
  meantFor[setting].is(reference) ? undefined : meantFor[setting].who;
