import { planIssue } from '../pki/lifecycle/plan.ts';
import type { OpenOptions } from '../pki/lifecycle/open-ca.ts';
import type { Context } from './context.ts';
import type { IssueFlags } from './issue.ts';
import type { Order } from './issue-order.ts';
import { reportForeign } from './issue-report.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

/** `--dry-run`: what would be made, without a key, a signature, a call that costs money or a byte on disk. */
export async function showPlan(
  order: Order,
  reference: string,
  options: OpenOptions,
  flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<void> {
  const plan = await planIssue(
    order.request,
    order.foreign?.request,
    reference,
    flags.createCa ?? false,
    options,
    context.now(),
  );
  reportForeign(order, output);
  for (const warning of plan.warnings) output.warn(warning);
  output.result({ schema: 'certwright.issue-plan/1', ...plan }, [
    `would issue ${printable(plan.name)}`,
    `  authority    ${printable(plan.authority)}${plan.authorityExists ? '' : ' (would be made)'}`,
    `  subject      ${printable(plan.subject) || '(empty)'}`,
    `  names        ${plan.names.map(printable).join(', ')}`,
    ...(plan.notBefore !== null && plan.notAfter !== null
      ? [`  valid        ${plan.notBefore} to ${plan.notAfter}`]
      : []),
    `  key          ${plan.keyType}`,
    `  usage        ${plan.keyUsage.join(', ')}; ${plan.extendedKeyUsage.join(', ')}`,
    ...plan.urls.map((url) => `  URL          ${printable(url)}`),
    ...plan.explanation.map(({ what, value }) => `  ${what.padEnd(12)} ${printable(value)}`),
  ]);
}
