import type { KeyObject } from 'node:crypto';
import type { Issuer } from '../authorities/local/open.ts';
import { isCaArn, parseArn } from '../authorities/aws/arn.ts';
import { isRefusal } from '../authorities/aws/failure.ts';
import { certificatesInPem } from '../authorities/aws/pem.ts';
import type { CaMaker } from '../authorities/acm-pca/new-ca.ts';
import { PkiError } from '../errors.ts';
import { extension, readCertificate } from '../x509/certificate.ts';
import { readBasicConstraints } from '../x509/extensions.ts';
import type { AskPassphrase } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';

/** A CA in a folder that signs another one, with its key open. */
export interface LocalParent {
  issuer: Issuer;
  key: KeyObject;
}

interface Wanted {
  parent: string | undefined;
  pathLength: number;
  notAfter: Date;
}

const week = 7 * 86_400_000;

/**
 * Refuses a parent that would not sign such a CA, before that is made: it costs money from its first day.
 * @returns a CA in a folder, opened; `undefined` where AWS signs
 * @throws PkiError `not-found`, `passphrase`, `not-permitted`, `not-valid`, `outlives-issuer`, …
 */
export async function openParent(
  { parent, pathLength, notAfter }: Wanted,
  maker: CaMaker,
  ask: AskPassphrase,
  now: Date,
): Promise<LocalParent | undefined> {
  if (parent === undefined) return undefined;
  if (parent.startsWith('arn:')) {
    await checkAtAws(maker, parent, pathLength, notAfter, now);
    return undefined;
  }
  const { issuerOfCas } = await import('../authorities/local/sign-ca.ts');
  const { openIssuerKey } = await import('../authorities/local/open.ts');
  const issuer = issuerOfCas(parent, pathLength, now);
  refuseToOutlive(issuer.certificate.notAfter, notAfter);
  return { issuer, key: await openIssuerKey(issuer, ask) };
}

async function checkAtAws(
  maker: CaMaker,
  parent: string,
  pathLength: number,
  notAfter: Date,
  now: Date,
): Promise<void> {
  parseArn(parent, 'acm-pca', isCaArn, '--parent');
  const { Status: status, NotAfter: ends, UsageMode: mode } = await maker.describe(parent);
  const refuse = (why: string, hint: string): PkiError =>
    new PkiError('not-permitted', `the parent ${parent} ${why}`, { hint });
  if (status !== 'ACTIVE')
    throw refuse(`is ${status ?? 'in an unknown state'}, not ACTIVE`, 'name another with --parent');
  if (ends) refuseToOutlive(ends, notAfter);
  if (mode === 'SHORT_LIVED_CERTIFICATE' && notAfter.getTime() - now.getTime() > week)
    throw refuse(
      'is for short-lived certificates, of at most 7 days',
      'ask for --lifetime 7d or less, or name another with --parent',
    );
  const most = await pathLengthAtAws(maker, parent);
  if (most !== undefined && most <= pathLength)
    throw refuse(
      `has path length ${most}, and signs no CA with path length ${pathLength}`,
      most === 0 ? 'name another with --parent' : `ask for --path-length ${most - 1} or less`,
    );
}

/** `undefined` where it sets no bound, or nobody may look at its certificate: then AWS's answer decides. */
async function pathLengthAtAws(maker: CaMaker, parent: string): Promise<number | undefined> {
  const pem = await maker.certificate(parent).catch((error: unknown) => {
    if (isRefusal(error, 'AccessDeniedException')) return '';
    throw error;
  });
  const [der] = certificatesInPem(pem);
  const found = der && extension(readCertificate(der), oid.basicConstraints);
  return found && readBasicConstraints(found.value).pathLength;
}

function refuseToOutlive(ends: Date, notAfter: Date): void {
  if (notAfter <= ends) return;
  throw new PkiError('outlives-issuer', `the CA would outlive its parent, which ends ${ends.toISOString()}`, {
    hint: 'ask for less with --lifetime',
  });
}
