import { PkiError } from '../pki/errors.ts';
import type { Config } from '../pki/lifecycle/config.ts';
import { findTarget, type RevocationWish, type Target } from '../pki/lifecycle/revoke.ts';
import { unfinishedReplacing } from '../pki/lifecycle/unfinished-replacing.ts';
import { reasonCodes, type RevocationReason } from '../pki/x509/crl-entries.ts';
import { parseTime } from '../pki/x509/duration.ts';
import { awsConnection } from './aws-connection.ts';
import { authorityNamed } from './config-file.ts';
import type { Context } from './context.ts';
import { exclusive, nonEmpty, storeBeside, wholeNumber } from './options.ts';
import type { Output } from './output.ts';
import type { RevokeFlags } from './revoke.ts';

export const reasons = Object.keys(reasonCodes) as RevocationReason[];

/** `--wait` waits for a CRL here, and elsewhere for AWS. */
export function withoutWait(flags: RevokeFlags): Omit<RevokeFlags, 'wait'> {
  const { wait: _, ...rest } = flags;
  return rest;
}

/** @throws PkiError `usage`, `bad-time` */
export function wishOf(flags: RevokeFlags, now: Date): RevocationWish {
  exclusive({ '--hold': flags.hold, '--release': flags.release, '--reason': flags.reason });
  exclusive({ '--hold': flags.hold, '--release': flags.release, '--invalidity-date': flags.invalidityDate });
  if (flags.release === true) return { event: 'release' };
  const asked = flags.reason?.toLowerCase();
  const reason =
    flags.hold === true
      ? 'certificateHold'
      : asked === undefined
        ? 'unspecified'
        : reasons.find((one) => one.toLowerCase() === asked);
  if (reason === undefined) {
    throw new PkiError('usage', `--reason ${JSON.stringify(flags.reason)} is not known`, {
      hint: `one of: ${reasons.join(', ')}`,
    });
  }
  const { invalidityDate: text } = flags;
  const invalidityDate = text === undefined ? undefined : parseTime(text, '--invalidity-date');
  if (invalidityDate && invalidityDate > now) {
    throw new PkiError('bad-time', `--invalidity-date ${text ?? ''} is in the future`, {
      hint: 'it says since when the key may have been in wrong hands (RFC 5280 5.3.2)',
    });
  }
  return { event: 'revoke', reason, invalidityDate };
}

export async function targetOf(
  text: string,
  flags: RevokeFlags,
  config: Config | undefined,
  context: Context,
  output: Output,
): Promise<Target> {
  exclusive({ '--file': flags.file, '--stored': flags.stored });
  const generation =
    flags.generation === undefined ? undefined : wholeNumber(flags.generation, '--generation');
  const named = (reference: string): string => authorityNamed(reference, config, context);
  const store = storeBeside(flags, context);
  return findTarget({
    text,
    meant: flags.stored === true ? 'stored' : flags.file === true ? 'file' : undefined,
    generation: generation ?? begun(text, store, flags),
    store,
    cwd: context.cwd,
    ca: flags.ca === undefined ? undefined : named(flags.ca),
    defaultCa: config?.defaults.ca ?? named(nonEmpty(context.env['CERTWRIGHT_CA']) ?? 'ca'),
    aws: () => awsConnection(withoutWait(flags), context, output),
  });
}

/**
 * An earlier run has replaced what is meant, and did not live to revoke it.
 * @throws PkiError `usage` where it is not said whether that is meant: what is in use now would be taken for it
 */
function begun(text: string, store: string, flags: RevokeFlags): number | undefined {
  const generation = flags.file === true ? undefined : unfinishedReplacing(store, text);
  if (generation === undefined || flags.replace === true) return generation;
  throw new PkiError(
    'usage',
    `generation ${generation} of ${text} is still to be revoked, once it is replaced`,
    {
      hint: `go on with --replace, or say which one is meant: --generation ${generation}`,
    },
  );
}
