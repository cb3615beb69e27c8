import { Command, CommanderError } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { processContext, type Context } from './context.ts';
import { errorExit, exit, type ExitCode } from './exit-codes.ts';
import type { Register, Run } from './options.ts';

declare const __VERSION__: string;

/** One row a subcommand: what `--help` says, and where its code is. Only the one that is called is loaded. */
const commands: Readonly<Record<string, { summary: string; load: () => Promise<{ register: Register }> }>> = {
  issue: { summary: 'issue a certificate and its key', load: () => import('./issue.ts') },
  rotate: { summary: 'replace what is due, each in one switch', load: () => import('./rotate.ts') },
  revoke: { summary: 'revoke a certificate, and say so in the CRL', load: () => import('./revoke.ts') },
  adopt: { summary: 'take a pair that others made into the store', load: () => import('./adopt.ts') },
  remove: { summary: 'take a certificate and its keys out of the store', load: () => import('./remove.ts') },
  inspect: { summary: 'show what certificates, keys and requests hold', load: () => import('./inspect.ts') },
  import: { summary: 'bring a certificate of the store into ACM', load: () => import('./import.ts') },
  trust: { summary: 'bring what peers trust up to date', load: () => import('./trust.ts') },
  bundle: { summary: 'write or check what a service trusts clients by', load: () => import('./bundle.ts') },
  list: { summary: 'list certificates, and when they end', load: () => import('./list.ts') },
  'verify-mtls': {
    summary: 'prove mutual TLS, with a server or between two pairs',
    load: () => import('./verify-mtls.ts'),
  },
  config: {
    summary: 'check the file that declares authorities and certificates',
    load: () => import('./config.ts'),
  },
  ca: { summary: 'set up and look at a certificate authority', load: () => import('./ca.ts') },
};

const examples = `
Examples:
  certwright issue orders.internal --create-ca   a CA, a key and a certificate, in one step
  certwright inspect orders.internal             what the certificate holds and when it ends
  certwright rotate                              replace whatever is due (cron)
  certwright ca show                             the CA, and how to trust it

Each command explains itself: certwright COMMAND --help`;

/** Runs one command line; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  let signalled = 0;
  const context = processContext((controller) => {
    for (const [name, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.on(name, () => {
        // The first signal asks the run to end where it can be resumed; a second one does not ask.
        if (signalled !== 0) process.exit(code);
        signalled = code;
        controller.abort(
          new PkiError('busy', `interrupted by ${name}`, { hint: 'the same command goes on from here' }),
        );
      });
    }
  });
  const code = await runCommandLine(argv, context);
  return signalled === 0 ? code : signalled;
}

/** The same with everything lent, for tests. */
export async function runCommandLine(argv: readonly string[], context: Context): Promise<ExitCode> {
  let code: ExitCode = exit.done;
  const run: Run =
    (handler) =>
    async (...args) => {
      code = await handler(...args);
    };
  try {
    const program = await buildProgram(argv, context, run);
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exit.done;
    return await fail(argv, context, error);
  }
}

async function buildProgram(argv: readonly string[], context: Context, run: Run): Promise<Command> {
  const program = new Command('certwright')
    .description('the whole life of a certificate: issue, rotate, revoke, inspect, verify')
    .version(__VERSION__, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText('after', examples)
    .exitOverride()
    .hook('preAction', (_, command) => checkPassphraseFiles(command, context))
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: () => undefined,
      getOutHelpWidth: () => context.stdout.columns ?? 100,
    });
  const called = argv.filter((word) => word !== 'help' && !word.startsWith('-'))[0];
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program.command(name).description(summary).helpOption('-h, --help', 'show help');
    if (name === called) (await load()).register(command, context, run);
  }
  return program;
}

/** Whether the files that are to hold a passphrase can be read: most commands read one only where they need it. */
async function checkPassphraseFiles(command: Command, context: Context): Promise<void> {
  const flags = Object.entries(command.opts<Record<string, unknown>>());
  const files = flags.flatMap(([flag, file]) =>
    /passphraseFile$/i.test(flag) && typeof file === 'string' ? [file] : [],
  );
  if (files.length === 0) return;
  const { checkPassphraseFile } = await import('./passphrase.ts');
  for (const file of files) checkPassphraseFile(file, context);
}

async function fail(argv: readonly string[], context: Context, error: unknown): Promise<ExitCode> {
  const known = error instanceof CommanderError ? usageError(error, argv) : error;
  const before = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const { Output } = await import('./output.ts');
  new Output(context, {
    json: before.includes('--json'),
    jsonLines: before.includes('--json-lines'),
    verbose: before.includes('--verbose') || before.includes('-v'),
  }).failure(known);
  return errorExit(known);
}

/** `ca` and `crl` of `ca crl --frce`: whose help it is that helps. */
function calledCommand(argv: readonly string[]): string[] {
  const at = argv.findIndex((word) => word in commands);
  const [name, below = '-'] = at === -1 ? [] : argv.slice(at);
  if (name === undefined) return [];
  return (name === 'ca' || name === 'config') && !below.startsWith('-') ? [name, below] : [name];
}

/** commander's own words, in the form of every other refusal. */
function usageError(error: CommanderError, argv: readonly string[]): PkiError {
  if (error.code === 'commander.help') {
    const [asked, about] = argv;
    if (asked === 'help' && about !== undefined && !(about in commands)) {
      return new PkiError('usage', `unknown command '${about}'`, { hint: 'certwright --help' });
    }
    return new PkiError('usage', argv.length === 0 ? 'no command given' : 'a subcommand is missing', {
      hint: `certwright ${[...argv.filter((word) => !word.startsWith('-')), '--help'].join(' ')}`,
    });
  }
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const known = calledCommand(argv).slice(0, error.code === 'commander.unknownCommand' ? 1 : 2);
  return new PkiError('usage', first.replace(/\.$/, ''), {
    hint: suggestion?.replace(/^\(|\)$/g, '') ?? ['certwright', ...known, '--help'].join(' '),
    cause: error,
  });
}
