import { isAbsolute } from 'node:path';
import { lookInStore, momentOf } from '../pki/lifecycle/issue.ts';
import { planIssue, type IssuePlan } from '../pki/lifecycle/plan.ts';
import type { Standing } from '../pki/lifecycle/standing.ts';
import type { OpenOptions } from '../pki/lifecycle/open-ca.ts';
import { unfinishedOrder, type UnfinishedOrder } from '../pki/lifecycle/unfinished-order.ts';
import type { Context } from './context.ts';
import type { IssueFlags } from './issue.ts';
import type { Order } from './issue-order.ts';
import { destinationOf, placeOf, reportForeign, whenOf } from './issue-report.ts';
import { storePath } from './options.ts';
import { orderText } from './order-report.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import { worldOf } from './world.ts';

const begunText = (begun: UnfinishedOrder): string =>
  begun.arn === undefined
    ? `${orderText(begun)}; AWS answers for minutes whether it was carried out, and then only --reissue orders anew`
    : `${orderText(begun)}; the same flags fetch it, and order nothing`;

/** `--dry-run`: what would be made, without a key, a signature, a call that costs money or a byte on disk. */
export async function showPlan(
  order: Order,
  options: OpenOptions,
  flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<void> {
  const { kept, plan } = await lookAhead(order, options, flags, context);
  reportForeign(order, output);
  const begun =
    placeOf(order, flags) !== 'files' ? unfinishedOrder(storePath(flags, context), plan.name) : undefined;
  if (begun?.askedAt !== undefined)
    plan.warnings.unshift(`an earlier run's order is unfinished: ${begunText(begun)}`);
  for (const warning of plan.warnings) output.warn(warning);
  const document = { schema: 'certwright.issue-plan/1', state: kept ? 'unchanged' : 'to-issue', ...plan };
  if (kept) {
    const due = kept.due.toISOString();
    output.result(document, [
      printable(`would leave ${plan.name} as it is (generation ${kept.generation}): not due before ${due}`),
    ]);
    return;
  }
  output.result(document, [
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
    ...(flags.explain === true
      ? plan.explanation.map(({ what, value }) => `  ${what.padEnd(12)} ${printable(value)}`)
      : []),
  ]);
}

/**
 * Meets every refusal that comes before a signature; nothing is touched.
 * @returns the pair that would stay, and what would be made
 */
export async function lookAhead(
  order: Order,
  options: OpenOptions,
  flags: IssueFlags,
  context: Context,
): Promise<{ kept: Standing | undefined; plan: IssuePlan }> {
  const kept = await lookAtPlace(order, flags, context);
  const { request, foreign, reference } = order;
  const create = flags.createCa ?? false;
  return {
    kept,
    plan: await planIssue(request, foreign?.request, reference, create, options, context.now()),
  };
}

/**
 * What is at the place that it would go to.
 * @returns the pair that would stay
 * @throws PkiError what the same command without `--dry-run` refuses for it
 */
async function lookAtPlace(order: Order, flags: IssueFlags, context: Context): Promise<Standing | undefined> {
  switch (placeOf(order, flags)) {
    case 'store': {
      const { request } = order;
      const wanted = { store: storePath(flags, context), request, when: whenOf(flags) };
      return lookInStore(wanted, momentOf(worldOf(flags, context)));
    }
    case 'files': {
      const { refusePlace } = await import('../pki/lifecycle/issue-files.ts');
      const place = { destination: destinationOf(flags, context), foreign: order.foreign?.request };
      // What is paid for is at AWS; a CA in a folder is named by its path.
      refusePlace({ ...place, force: flags.force ?? false }, !isAbsolute(order.reference));
      return undefined;
    }
    case 'stdout':
      return undefined;
  }
}
