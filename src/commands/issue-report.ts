import { relative, resolve } from 'node:path';
import { PkiError } from '../pki/errors.ts';
import type { FilesOrder } from '../pki/lifecycle/issue-files.ts';
import { watchArn } from '../pki/lifecycle/successor.ts';
import { issueIntoStore, type InPlace, type LeftToOthers } from '../pki/lifecycle/issue.ts';
import { adoptDefaults, type Authority } from '../pki/lifecycle/open-ca.ts';
import { renewAt } from '../pki/lifecycle/due.ts';
import { keyIsElsewhere } from '../pki/lifecycle/request.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { certificatePem } from '../pki/x509/pem-writer.ts';
import { bundlesOf } from './around-trust.ts';
import { certificateDocument, statusDocument, validityText } from './certificate-document.ts';
import type { Context } from './context.ts';
import { combineParts, exit, type ExitCode } from './exit-codes.ts';
import type { IssueFlags } from './issue.ts';
import { ignoredOf, warningsOf, type Order } from './issue-order.ts';
import type { Pending } from '../pki/lifecycle/open-ca.ts';
import { storePath } from './options.ts';
import { tellDropped } from './order-report.ts';
import { outputDocuments, tellOutputs, withOutputs } from './outputs-report.ts';
import type { Output } from './output.ts';
import { passphraseFile } from './passphrase.ts';
import { printable } from './printable.ts';
import { shellWord } from './shell-word.ts';
import { TrustRows } from './trust-report.ts';
import { worldOf } from './world.ts';

const schema = 'certwright.issue/1';

/** Issues to where the flags say, and prints the result. */
export async function finish(
  order: Order,
  authority: Authority,
  flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<ExitCode> {
  reportForeign(order, output);
  const deliver = { store: toStore, files: toFiles, stdout: toStdout }[placeOf(order, flags)];
  const ending = await deliver(order, authority, flags, context, output);
  if (typeof ending === 'object') {
    const { reportPending } = await import('./issue-pending.ts');
    reportPending(schema, order.request.name, ending, output);
    return exit.tryAgain;
  }
  for (const kind of adoptDefaults(authority, order.given)) {
    output.note(
      `${{ crlUrls: 'the CRL URL', ocspUrls: 'the OCSP URL', issuerUrls: 'the AIA URL' }[kind]} is now the CA's default`,
    );
  }
  return ending;
}

/** Where the certificate goes to. */
export function placeOf({ foreign }: Order, flags: IssueFlags): 'store' | 'files' | 'stdout' {
  if (flags.out !== undefined || flags.certOut !== undefined) return 'files';
  return foreign === undefined || flags.as !== undefined ? 'store' : 'stdout';
}

/** What is done about a certificate that the store has already. */
export const whenOf = ({ ifDue, force }: IssueFlags): 'new' | 'if-due' | 'force' =>
  ifDue === true ? 'if-due' : force === true ? 'force' : 'new';

export function destinationOf(flags: IssueFlags, context: Context): FilesOrder['destination'] {
  const absolute = (path: string): string => resolve(context.cwd, path);
  if (flags.out !== undefined) return { kind: 'folder', path: absolute(flags.out) };
  const key = flags.keyOut === undefined ? undefined : absolute(flags.keyOut);
  return { kind: 'files', key, cert: absolute(flags.certOut ?? '') };
}

export function reportForeign(order: Order, output: Output): void {
  const { foreign } = order;
  if (!foreign) return;
  output.note(`request: ${foreign.key}, asks for ${foreign.names.join(', ') || 'no names'}`);
  for (const ignored of ignoredOf(order)) output.warn(ignored);
}

async function toStore(
  order: Order,
  authority: Authority,
  flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<Pending | ExitCode> {
  let bundles = new TrustRows();
  const left = watchArn(storePath(flags, context), order.request.name);
  const result = await issueIntoStore(
    {
      store: storePath(flags, context),
      request: order.request,
      source: order.source,
      when: whenOf(flags),
      discardPending: flags.discardPending ?? false,
      tellDropped: tellDropped(output),
      lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
      foreign: order.foreign?.request,
      tellPeers: async () => {
        bundles = await bundlesOf(order.reference, flags, context, output);
      },
    },
    authority,
    worldOf(flags, context),
  );
  if (result.state === 'pending') return result;
  if (result.state === 'others') return reportOthers(result, order, bundles, output);
  const remains = left();
  for (const one of remains) output.warn(one);
  const document = {
    schema,
    state: result.state,
    name: result.name,
    generation: result.generation,
    path: result.path,
    trust: result.trust ?? null,
    deployPending: result.deployPending,
    arn: result.arn ?? null,
    certificate: wholeDocument(result.certificate, result.due),
    outputs: outputDocuments(result.outputs),
    bundles: bundles.documents,
    warnings: [...warningsOf(order), ...remains],
  };
  output.result(document, [...bundles.lines, ...storeLines(result, order, context, output)]);
  tellOutputs(result.name, result.outputs, output, result.state === 'issued');
  return combineParts([withOutputs(exit.done, result.outputs), ...bundles.codes]);
}

/** It is due, and its authority renews it, or only its owner can help. */
function reportOthers(
  { name, successor, outputs }: LeftToOthers,
  order: Order,
  bundles: TrustRows,
  output: Output,
): Pending | ExitCode {
  tellOutputs(name, outputs, output, false);
  if (successor.by === 'pending') return successor.pending;
  const { who, why, status } = successor;
  const document = { schema, state: 'due', name, renewedBy: who, hint: why, ...statusDocument(status) };
  const rest = {
    outputs: outputDocuments(outputs),
    bundles: bundles.documents,
    warnings: warningsOf(order),
  };
  const line = `${output.paint.yellow('due')} ${printable(`${name}: ${why}`)}`;
  output.result({ ...document, ...rest }, [...bundles.lines, line]);
  if (who === 'owner') output.needsSomebody(`${name} is due: ${why}`);
  return combineParts([withOutputs(who === 'owner' ? exit.no : exit.done, outputs), ...bundles.codes]);
}

const wholeDocument = (certificate: Certificate, due = renewAt(certificate)): object => ({
  ...certificateDocument({ certificate, due }),
  pem: certificatePem(certificate.der),
});

function storeLines(result: InPlace, order: Order, context: Context, output: Output): string[] {
  const { certificate, state, generation } = result;
  const path = shortest(result.path, context);
  const trust = result.trust === undefined ? `${path}/ca.pem` : `${shortest(result.trust, context)}/ca.pem`;
  const withoutKey = keyIsElsewhere(order.request);
  const kept = withoutKey && !order.foreign;
  const mark = output.paint.green(state === 'issued' ? 'issued' : 'unchanged');
  const head = [
    `${mark} ${printable(result.name)} (generation ${generation}): ${validityText(certificate, context.now())}`,
    ...(state === 'unchanged' ? [`  not due before ${result.due.toISOString()}`] : []),
    `  ${printable(path)}/  ${withoutKey ? '' : 'key.pem '}cert.pem chain.pem fullchain.pem ca.pem`,
    ...(kept ? [printable(`  its key stays in ACM: ${result.arn ?? 'see "certwright list --ca acm"'}`)] : []),
    ...result.outputs
      .filter(({ state: became }) => became === 'written')
      .map(({ path: copy, content }) => `  ${printable(shortest(copy, context))}  ${content}`),
  ];
  const next = `next: certwright rotate ${shellWord(result.name)}   (tells its service)`;
  if (result.deployPending) head.push(printable(next));
  return state === 'unchanged' || withoutKey
    ? head
    : [...head, '', ...usageLines(order, path, trust, result.trust, context)];
}

/** The lines to paste, for the side or sides that the certificate is for. */
function usageLines(
  order: Order,
  path: string,
  trust: string,
  bundle: string | undefined,
  context: Context,
): string[] {
  const absolute = resolve(context.cwd, path);
  const roots = resolve(context.cwd, trust);
  const { usage, names } = order.request;
  // Of a mailbox, a workload or a wildcard there is nothing to be fetched.
  const host = names.find((name) => !/[@:*]/.test(name)) ?? 'localhost';
  const server = [
    'nginx:',
    `  ssl_certificate        ${absolute}/fullchain.pem;`,
    `  ssl_certificate_key    ${absolute}/key.pem;`,
    `  ssl_client_certificate ${roots};`,
    ...(bundle === undefined ? [] : [`  ssl_crl                ${resolve(context.cwd, bundle)}/crl.pem;`]),
    '  ssl_verify_client      on;',
    '  ssl_verify_depth       2;',
  ];
  const client = [
    'curl:',
    `  curl --cert ${path}/fullchain.pem --key ${path}/key.pem --cacert ${trust} https://${host}/`,
  ];
  const look = [`next: certwright inspect ${shellWord(order.request.name)}`];
  return [...(usage === 'client' ? [] : server), ...(usage === 'server' ? [] : client), ...look].map(
    printable,
  );
}

function shortest(path: string, context: Context): string {
  const short = relative(context.cwd, path);
  return short.startsWith('..') ? path : short;
}

async function toStdout(
  order: Order,
  authority: Authority,
  _flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<ExitCode> {
  const { foreign, request } = order;
  if (!foreign) throw new PkiError('internal', 'a certificate without a key of its own needs a request');
  const { issueOnly } = await import('../pki/lifecycle/issue-files.ts');
  const { certificate, pem } = await issueOnly(request, foreign.request, authority, context.now());
  if (output.json) {
    output.result(
      {
        schema,
        state: 'issued',
        name: request.name,
        certificate: wholeDocument(certificate),
        chain: pem.chain,
        warnings: warningsOf(order),
      },
      [],
    );
  } else output.raw(pem.fullchain);
  return exit.done;
}

async function toFiles(
  order: Order,
  authority: Authority,
  flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<Pending | ExitCode> {
  const keyPassphrase =
    flags.keyPassphraseFile === undefined ? undefined : passphraseFile(flags.keyPassphraseFile, context);
  const { issueIntoFiles } = await import('../pki/lifecycle/issue-files.ts');
  const result = await issueIntoFiles(
    {
      request: order.request,
      destination: destinationOf(flags, context),
      force: flags.force ?? false,
      discardPending: flags.discardPending ?? false,
      tellDropped: tellDropped(output),
      lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
      keyPassphrase,
      foreign: order.foreign?.request,
    },
    authority,
    worldOf(flags, context),
  );
  if (result.state === 'pending') return result;
  const { certificate, files } = result;
  output.result(
    {
      schema,
      state: 'issued',
      name: order.request.name,
      files,
      certificate: wholeDocument(certificate),
      warnings: warningsOf(order),
    },
    [
      `${output.paint.green('issued')} ${printable(order.request.name)}: ${validityText(certificate, context.now())}`,
      ...files.map((file) => `  ${printable(shortest(file, context))}`),
    ],
  );
  return exit.done;
}
