import { askedBy } from '../../owner.ts';
import { certificatePem } from '../../x509/pem-writer.ts';

/** When a certificate was written down, and who had asked for it: `user@host`. */
export interface RecordHead {
  at: Date;
  by: string;
}

/** A certificate as it is recorded: PEM, and above it, as RFC 7468 section 2 allows, what it does not say itself. */
export const recordText = (der: Buffer, at: Date): string =>
  `recorded: ${at.toISOString()}\nby: ${askedBy()}\n${certificatePem(der)}`;

/** @returns `undefined` for a record of an earlier version, which is the certificate alone. */
export function readRecordHead(record: string): RecordHead | undefined {
  const [, time = '', by = ''] = /^recorded: (\S{1,40})\nby: ([\w.@-]{1,400})\n/.exec(record) ?? [];
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? undefined : { at, by };
}
