import { inspectServer, type ServerInspection } from '../pki/lifecycle/inspect-server.ts';
import { nameOfHost, reach } from '../pki/lifecycle/reach.ts';
import { judgeSentChain } from '../pki/lifecycle/sent-chain.ts';
import { chainQuestion } from './chain-question.ts';
import { wanted } from './connection-input.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { report, type Judged, type Look, type Shown } from './inspect-report.ts';
import type { InspectFlags } from './inspect.ts';
import { judgeChain } from './judge-chain.ts';
import type { Output } from './output.ts';
import { serverDetails, serverLines } from './server-report.ts';

/** What a server shows, and whether its chain holds for its name: against `--trust`, or else the system's roots. */
export async function inspectPlace(
  flags: InspectFlags,
  context: Context,
  look: Look,
  output: Output,
): Promise<ExitCode> {
  const place = reach(wanted(look.target, flags, context));
  const question = await chainQuestion({ ...flags, usage: flags.usage ?? 'server' }, context);
  const names = flags.name === undefined ? [nameOfHost(place.servername)] : (question.names ?? []);
  const work = inspectServer(look.target, place, look.now, context.signal);
  const seen = await output.progress(`connecting to ${look.target}`, work);
  const certificates = seen.inspection.found.flatMap(({ item }) =>
    item.kind === 'certificate' ? [item.certificate] : [],
  );
  const notes = judgeSentChain(certificates, question.anchors);
  const server: Shown = {
    document: serverDetails(seen, notes),
    lines: serverLines(seen, notes, output),
  };
  const judged = look.pem ? undefined : judge(seen, { ...question, names }, output);
  const problems = seen.inspection.problems;
  return report(
    { ...seen.inspection, problems },
    { stored: undefined, skipped: undefined, judged, server },
    look,
    output,
  );
}

function judge(
  { inspection, ocsp }: ServerInspection,
  question: Awaited<ReturnType<typeof chainQuestion>>,
  output: Output,
): Judged | undefined {
  const [leaf, ...others] = inspection.found.flatMap(({ item }) =>
    item.kind === 'certificate' ? [item.certificate] : [],
  );
  if (!leaf || inspection.problems.length > 0) return undefined;
  const intermediates = [...others, ...question.intermediates];
  return judgeChain({ ...question, leaf, intermediates, staple: { response: ocsp } }, output);
}
