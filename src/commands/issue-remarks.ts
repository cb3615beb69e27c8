import type { Config, Declaration } from '../pki/lifecycle/config.ts';
import { changesInStore, over } from '../pki/lifecycle/declared.ts';
import type { Change } from '../pki/lifecycle/request.ts';
import type { Context } from './context.ts';
import type { IssueFlags } from './issue.ts';
import type { Order } from './issue-order.ts';
import { storePath } from './options.ts';

/** Where the command line overrides what is declared, and where what is declared differs from what was issued. */
export function remarksOn(
  { request, given }: Pick<Order, 'request' | 'given'>,
  config: Config,
  { names, settings }: Declaration,
  flags: IssueFlags,
  context: Context,
): string[] {
  const used: Readonly<Record<string, unknown>> = { ...over(settings, given), names: request.names };
  const overridden = Object.entries({ ...settings, names })
    .map(([field, was]: [string, unknown]) => ({ field, was, now: used[field] }))
    .filter(({ was, now }) => JSON.stringify(was) !== JSON.stringify(now));
  const replaces = flags.ifDue === true || flags.force === true;
  const changes = replaces ? changesInStore(storePath(flags, context), request) : [];
  return [
    ...overridden.map(
      ({ field, was, now }) =>
        `${field} ${valueText(now)} (command line) in place of ${valueText(was)} (${config.shown})`,
    ),
    ...changes.map((change) => `changed since it was issued: ${changeText(change)}`),
  ];
}

/** `lifetime 30d -> 12h` */
export const changeText = ({ field, was, now }: Change): string =>
  `${field} ${valueText(was)} -> ${valueText(now)}`;

function valueText(value: unknown): string {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return 'none';
  return Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value);
}
