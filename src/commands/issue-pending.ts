import type { Pending } from '../pki/lifecycle/open-ca.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

/** Says what a certificate that is not there yet waits for, and what the caller can do about it. */
export function reportPending(schema: string, name: string, pending: Pending, output: Output): void {
  const { waitingFor, hint, records } = pending;
  const document = { schema, state: 'pending', name, waitingFor, hint: hint ?? null, records };
  output.result(document, pendingLines(name, pending, output));
  output.needsSomebody(pendingText(name, pending));
}

/** The same in a line. */
export const pendingText = (name: string, { waitingFor, hint }: Pending): string =>
  `${name} waits for ${waitingFor}${hint === undefined ? '' : `; ${hint}`}`;

export function pendingLines(name: string, { waitingFor, hint, records }: Pending, output: Output): string[] {
  return [
    `${output.paint.yellow('pending')} ${printable(name)}: waits for ${printable(waitingFor)}`,
    ...(records.length === 0 ? [] : ['  publish in DNS:']),
    // As lines of a zone file (RFC 1035 5.1), which a console takes too.
    ...records.map(({ name, type, value }) => `    ${printable(`${name} 300 IN ${type} ${value}`)}`),
    ...(hint === undefined ? [] : [`  ${printable(hint)}`]),
  ];
}
