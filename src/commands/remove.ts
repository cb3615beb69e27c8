import type { Command } from 'commander';
import { endRemovals, lookAtRemoval, remove, type Removal } from '../pki/lifecycle/remove.ts';
import { leftRemovals } from '../pki/lifecycle/left-removals.ts';
import { storedName } from '../pki/lifecycle/stored-name.ts';
import { serialHex } from '../pki/x509/certificate.ts';
import { formatDuration, parseDuration } from '../pki/x509/duration.ts';
import { addConfigOption, loadConfig, type ConfigFlags } from './config-file.ts';
import { confirm } from './confirm.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { warnOfLeft } from './left-report.ts';
import { addOutputOptions, addStoreOption, isArn, storePath, type Run, type StoreFlags } from './options.ts';
import { leftAtAws, orderDocument } from './order-report.ts';
import { Output } from './output.ts';
import { printable } from './printable.ts';
import { shellWord } from './shell-word.ts';

interface RemoveFlags extends StoreFlags, ConfigFlags {
  yes?: boolean;
  dryRun?: boolean;
  discardPending?: boolean;
  lockTimeout: string;
}

const help = `
Removes all generations and their keys. What the authority has on record stays, copies at other places too (outputs), and
the certificate itself is valid until its end unless it is revoked.

Examples:
  certwright remove orders.internal            asks first
  certwright remove orders.internal --yes      in a script
  certwright revoke orders.internal && certwright remove orders.internal`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('<name>', 'a certificate of the store')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only say what would be removed')
    .option('--discard-pending', 'although an unfinished run may have paid for a new one')
    .option('--lock-timeout <time>', 'how long to wait for another run on the same name', '30s');
  addStoreOption(command);
  addConfigOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((name: string, flags: RemoveFlags) => removeCommand(name, flags, context)));
}

async function removeCommand(typed: string, flags: RemoveFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const store = storePath(flags, context);
  const name = storedName(store, typed);
  const options = {
    discardPending: flags.discardPending ?? false,
    lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
  };
  const config = await loadConfig(flags, context);
  const dryRun = flags.dryRun ?? false;
  // Before a look, which may find no such name any more.
  warnOfLeft(dryRun ? leftRemovals(store) : endRemovals(store), output);
  const found = lookAtRemoval(store, name);
  if (!dryRun) {
    output.note(aboutIt(found, context.now()));
    await confirm(
      `remove ${name} with its keys?`,
      flags.yes ?? false,
      context,
      'a key that is removed is gone',
    );
  }
  const removal = dryRun ? found : await remove(store, name, options, context);
  const isDeclared = config?.certificates.has(name) ?? false;
  output.result(documentOf(removal, dryRun, isDeclared), linesOf(removal, dryRun, isDeclared, context));
  return exit.done;
}

function aboutIt({ name, path, generation, certificate }: Removal, now: Date): string {
  const which = generation === undefined ? 'no generation in use' : `generation ${generation}`;
  const life = certificate ? `, ${lifeOf(certificate.notAfter, now)}` : '';
  return `about to remove ${name} (${which}${life}) from ${path}`;
}

const lifeOf = (notAfter: Date, now: Date): string =>
  notAfter <= now
    ? `expired ${formatDuration(now.getTime() - notAfter.getTime())} ago`
    : `valid until ${notAfter.toISOString()}`;

/** The command that revokes it, now that its name is gone; only what a CA in a folder has signed. */
function revocation({ certificate, authority }: Removal): string | undefined {
  if (!certificate || authority === undefined || isArn(authority)) return undefined;
  return `certwright revoke ${serialHex(certificate.serial)} --ca ${shellWord(authority)}`;
}

function linesOf(removal: Removal, dryRun: boolean, isDeclared: boolean, { now }: Context): string[] {
  const { name, path, certificate, outputs, arn, order } = removal;
  const left = order && leftAtAws(order);
  const revoke = revocation(removal);
  const isValid = certificate !== undefined && certificate.notAfter > now();
  const unless = revoke === undefined ? 'unless it is revoked' : `unless it is revoked: ${revoke}`;
  return [
    `${dryRun ? 'would remove' : 'removed'} ${name} (${path})`,
    ...(isValid ? [`its certificate is valid until ${certificate.notAfter.toISOString()} ${unless}`] : []),
    ...(arn === undefined ? [] : [`it stays in ACM: ${arn}`]),
    ...(left === undefined ? [] : [left]),
    ...outputs.map((copy) => `a copy stays: ${copy}`),
    ...(isDeclared ? ['certwright.yaml declares it still: "certwright issue --all" makes it again'] : []),
  ].map(printable);
}

function documentOf(removal: Removal, dryRun: boolean, isDeclared: boolean): object {
  const { name, path, generation, certificate, authority, arn, order, outputs } = removal;
  return {
    schema: 'certwright.remove/1',
    name,
    path,
    dryRun,
    generation: generation ?? null,
    authority: authority ?? null,
    certificate: certificate
      ? { serial: serialHex(certificate.serial), notAfter: certificate.notAfter.toISOString() }
      : null,
    revoke: revocation(removal) ?? null,
    arn: arn ?? null,
    order: order ? orderDocument(order) : null,
    outputs,
    declared: isDeclared,
  };
}
