import { resolve } from 'node:path';
import { PkiError } from '../pki/errors.ts';
import { authorityReference } from '../pki/lifecycle/issue.ts';
import { readForeignRequest, type ForeignRequest } from '../pki/lifecycle/foreign-request.ts';
import { formats, type StoredRequest } from '../pki/lifecycle/request.ts';
import { checkStoreName } from '../pki/lifecycle/request.ts';
import { nameText, parseName } from '../pki/x509/subject-alternative-name.ts';
import { checkUrls } from './ca-input.ts';
import type { Context } from './context.ts';
import type { IssueFlags } from './issue.ts';
import { isAcm, isArn, nonEmpty, oneOf, storePath } from './options.ts';

export interface Order {
  request: StoredRequest;
  /** Somebody else's request, where there is one. */
  foreign: ForeignRequest | undefined;
}

/**
 * Turns names and flags into a request, with the built-in defaults.
 * @throws PkiError `bad-name`, `usage`, or whatever is wrong with a CSR.
 */
export async function readOrder(
  names: readonly string[],
  flags: IssueFlags,
  context: Context,
): Promise<Order> {
  const given = canonical(names);
  const foreign = flags.csr === undefined ? undefined : await readForeignRequest(flags.csr, context);
  const all = flags.namesFromCsr === true && foreign ? canonical([...given, ...foreign.names]) : given;
  const [first] = all;
  if (first === undefined) {
    throw new PkiError('usage', 'no name is given', {
      hint: foreign
        ? `name what it is for, or take what it asks for with --names-from-csr (${foreign.names.join(', ') || 'it asks for none'})`
        : 'for example: certwright issue orders.internal',
    });
  }
  const ca = flags.ca ?? nonEmpty(context.env['CERTWRIGHT_CA']) ?? 'ca';
  const request: StoredRequest = {
    name: flags.as === undefined ? first : checkStoreName(flags.as),
    names: all,
    usage: flags.usage ?? 'mtls',
    keyType: flags.keyType ?? 'ec-p256',
    reuseKey: flags.reuseKey ?? false,
    // ACM decides how long its certificates live.
    lifetime: flags.lifetime ?? (flags.notAfter === undefined && !isAcm(ca) ? '30d' : undefined),
    notBefore: flags.notBefore,
    notAfter: flags.notAfter,
    clamp: flags.clamp ?? false,
    subject: flags.subject,
    authority: authorityReference(storePath(flags, context), isArn(ca) ? ca : resolve(context.cwd, ca)),
    crlUrls: checkUrls('--crl-url', flags.crlUrl),
    ocspUrls: checkUrls('--ocsp-url', flags.ocspUrl),
    issuerUrls: checkUrls('--aia-url', flags.aiaUrl),
    formats: formats.filter((format) =>
      (flags.format ?? []).map(oneOf('--format', formats)).includes(format),
    ),
    owner: flags.owner,
    group: flags.group,
    mode: flags.mode,
    csr: foreign?.fingerprint,
    template: flags.template,
    signingAlgorithm: flags.signingAlgorithm,
    exportable: flags.exportable ?? false,
    validation: flags.validation,
  };
  return { request, foreign };
}

/** Canonical text of each name, without repeats. */
const canonical = (names: readonly string[]): string[] => [
  ...new Set(names.map((name) => nameText(parseName(name)))),
];
