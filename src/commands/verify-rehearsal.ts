import { rehearseMtls } from '../pki/lifecycle/rehearse-mtls.ts';
import { parseName } from '../pki/x509/subject-alternative-name.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';
import { readCrls, readGivenPair, readTrust } from './pair-input.ts';
import type { VerifyFlags } from './verify-mtls.ts';
import { reportVerification } from './verify-report.ts';
import { verdictDocument } from './verdict-report.ts';

export async function runRehearsal(
  flags: VerifyFlags & { server: string; client: string },
  context: Context,
  output: Output,
): Promise<ExitCode> {
  const name = flags.name === undefined ? undefined : parseName(flags.name);
  const pair = (side: 'server' | 'client'): ReturnType<typeof readGivenPair> =>
    readGivenPair(
      {
        flag: `--${side}`,
        value: flags[side],
        key: flags[`${side}Key`],
        passphraseFile: flags[`${side}PassphraseFile`],
      },
      flags,
      context,
    );
  const [server, client] = [await pair('server'), await pair('client')];
  const trust = await readTrust('--trust', flags.trust, context);
  const { checks, judgements } = await rehearseMtls({
    server,
    client,
    serverTrust: trust ?? (await readTrust('--server-trust', flags.serverTrust, context)),
    clientTrust: trust ?? (await readTrust('--client-trust', flags.clientTrust, context)),
    crls: await readCrls(flags.crl, context),
    name,
    now: context.now(),
  });
  const notes = judgements.flatMap(({ difference }) => (difference === undefined ? [] : [difference]));
  if (name === undefined) notes.push("the server's name was not judged: --name NAME asks for it");
  const ok = checks.every((check) => check.ok);
  const section = {
    title: `${flags.server} with ${flags.client}, without a network`,
    facts: [],
    checks,
    notes,
  };
  const document = {
    mode: 'rehearsal',
    ok,
    rehearsal: {
      server: flags.server,
      client: flags.client,
      ok,
      checks,
      directions: judgements.map(({ direction, verdict, input, difference }) => ({
        direction,
        difference: difference ?? null,
        verdict: verdictDocument(verdict, input),
      })),
    },
    targets: [],
  };
  reportVerification([section], document, flags.junit, context, output);
  return ok ? exit.done : exit.no;
}
