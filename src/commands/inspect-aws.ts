import { PkiError } from '../pki/errors.ts';
import {
  inspectAws,
  type AcmCertificateFacts,
  type AwsFacts,
  type PcaAuthorityFacts,
} from '../pki/lifecycle/inspect-aws.ts';
import { awsConnection, type AwsConnectionFlags } from './aws-connection.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { report, type Look } from './inspect-report.ts';
import { distance } from './distance.ts';
import { listed, rowLines, shorten, timeText, type Row } from './inspect-text.ts';
import type { Output } from './output.ts';

/** Shows a certificate or a CA at AWS: its facts beside the certificate's own. */
export async function inspectArn(
  flags: AwsConnectionFlags,
  context: Context,
  look: Look,
  output: Output,
): Promise<ExitCode> {
  const connection = awsConnection(flags, context, output);
  const lent = { now: look.now, ask: async () => undefined };
  const asking = inspectAws(look.target, connection, lent);
  const { inspection, facts } = await output.progress(`asking AWS for ${look.target}`, asking);
  if (look.pem && inspection.found.length === 0) {
    throw new PkiError('bad-input', `${look.target} has no certificate yet`, {
      hint: 'without --pem, its status is shown',
    });
  }
  const aws = { document: facts, lines: awsLines(facts, look, output) };
  return report(inspection, { stored: undefined, skipped: undefined, aws }, look, output);
}

const titles = {
  'acm-certificate': 'certificate in ACM',
  'acm-pca-certificate': 'certificate of AWS Private CA',
  'acm-pca-authority': 'CA of AWS Private CA',
} as const satisfies Record<AwsFacts['kind'], string>;

function awsLines(facts: AwsFacts, look: Look, output: Output): string[] {
  const rows =
    facts.kind === 'acm-certificate'
      ? certificateRows(facts, look, output)
      : facts.kind === 'acm-pca-authority'
        ? authorityRows(facts, look, output)
        : [['CA', shorten(facts.authority)] as const];
  return [output.paint.bold(titles[facts.kind]), ...rows.flatMap(rowLines)];
}

/** A row where there is something to say. */
const optional = (label: string, value: string | null): Row[] =>
  value === null ? [] : [[label, shorten(value)]];

const rowOf = (label: string, values: readonly string[], none: string): Row =>
  values.length === 0 ? [label, none] : [label, ...listed(values)];

function certificateRows(facts: AcmCertificateFacts, { now }: Look, output: Output): Row[] {
  const { renewal, revoked } = facts;
  const failure = facts.failureReason === null ? '' : `, ${facts.failureReason}`;
  return [
    ['status', statusText(`${facts.status}${failure}`, ['ISSUED'], output)],
    ['type', `${shorten(facts.type)}${facts.exportable ? ', its key can be exported' : ''}`],
    ...optional('domain', facts.domain),
    ...endRow(facts.notAfter, now),
    rowOf('in use by', facts.inUseBy, 'nothing'),
    ...optional('key', facts.keyAlgorithm),
    ...optional('CA', facts.authority),
    ...optional('managed by', facts.managedBy),
    ...optional('renewal', facts.renewalEligibility),
    ...(renewal === null
      ? []
      : optional(
          '',
          [renewal.status, renewal.reason, renewal.updatedAt].filter((one) => one !== null).join(', '),
        )),
    ...validationRows(facts),
    ...(revoked === null
      ? []
      : optional(
          'revoked',
          `${timeText(revoked.at)}${revoked.reason === null ? '' : `, ${revoked.reason}`}`,
        )),
  ];
}

/** Where validation is done, its records are nobody's business any more. */
function validationRows({ validation }: AcmCertificateFacts): Row[] {
  const open = validation.filter(({ status }) => status !== null && status !== 'SUCCESS');
  const lines = open.map(({ domain, status, record }) =>
    [domain, status, ...(record ? [`${record.name} ${record.type} ${record.value}`] : [])].join(': '),
  );
  return lines.length === 0 ? [] : [['validation', ...listed(lines)]];
}

function authorityRows(facts: PcaAuthorityFacts, { now }: Look, output: Output): Row[] {
  const { crl, ocsp, permissions } = facts;
  const failure = facts.failureReason === null ? '' : `, ${facts.failureReason}`;
  const crlPlace = [crl.bucket === null ? null : `s3://${crl.bucket}`, crl.url, crl.acl]
    .filter((one) => one !== null)
    .join(', ');
  return [
    ['status', statusText(`${facts.status}${failure}`, ['ACTIVE'], output)],
    ['type', shorten(`${facts.type}, ${facts.mode}`)],
    ...optional('key', facts.keyAlgorithm),
    ...optional('signs with', facts.signingAlgorithm),
    ...optional('key storage', facts.keyStorage),
    ...endRow(facts.notAfter, now),
    ...optional('owner', facts.owner),
    ...optional('CRL', crl.enabled ? `every ${crl.days ?? '?'} days, ${crlPlace}` : 'none'),
    ...optional('OCSP', ocsp.enabled ? (ocsp.url ?? "at AWS's own responder") : 'none'),
    permissions === null
      ? ['permissions', 'these credentials may not list them']
      : rowOf(
          'permissions',
          permissions.map(({ principal, actions }) => `${principal}: ${actions.join(', ')}`),
          'none: ACM cannot issue from it',
        ),
    ...optional(
      'restorable',
      facts.restorableUntil === null ? null : `until ${timeText(facts.restorableUntil)}`,
    ),
  ];
}

const statusText = (status: string, good: readonly string[], { paint }: Output): string =>
  paint[
    good.includes(status) ? 'green' : status.startsWith('PENDING') || status === 'CREATING' ? 'yellow' : 'red'
  ](shorten(status));

const endRow = (notAfter: string | null, now: Date): Row[] =>
  notAfter === null ? [] : [['ends', `${timeText(notAfter)}, ${distance(new Date(notAfter), now)}`]];
