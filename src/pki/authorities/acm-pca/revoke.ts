import { setTimeout as sleep } from 'node:timers/promises';
import { RevokeCertificateCommand, type RevocationReason as PcaReason } from '@aws-sdk/client-acm-pca';
import { PkiError } from '../../errors.ts';
import type { RevocationReason } from '../../x509/crl-entries.ts';
import { isCaArn, parseArn } from '../aws/arn.ts';
import { isRefusal } from '../aws/failure.ts';
import type { AwsConnection } from '../aws/options.ts';
import { certificatesInPem } from '../aws/pem.ts';
import { regionOf } from '../aws/region.ts';
import { pcaAuthorityFacts, type PcaAuthorityFacts } from './authority-facts.ts';
import { AcmPcaCalls } from './calls.ts';
import { AcmPcaClient } from './client.ts';

/** AWS Private CA's words for RFC 5280's; it knows no hold. */
export const pcaReasons = {
  unspecified: 'UNSPECIFIED',
  keyCompromise: 'KEY_COMPROMISE',
  cACompromise: 'CERTIFICATE_AUTHORITY_COMPROMISE',
  affiliationChanged: 'AFFILIATION_CHANGED',
  superseded: 'SUPERSEDED',
  cessationOfOperation: 'CESSATION_OF_OPERATION',
  certificateHold: undefined,
  privilegeWithdrawn: 'PRIVILEGE_WITHDRAWN',
  aACompromise: 'A_A_COMPROMISE',
} as const satisfies Record<RevocationReason, PcaReason | undefined>;

/** How long AWS may be busy with the same CA, in milliseconds. */
const patience = 120_000;

/** How a CA tells of revocations, as far as that can be seen. */
export interface PcaTelling {
  /** `undefined` where nobody can look. */
  authority: PcaAuthorityFacts | undefined;
  /** DER of the CA's certificate, for its CRL; `undefined` where it cannot be had. */
  issuer: Buffer | undefined;
  /** Why something cannot be seen that these credentials may look at. */
  warnings: string[];
}

/**
 * Has AWS Private CA revoke a certificate. One that is revoked already is as good.
 * @param serial lower-case hex
 * @throws PkiError `refused`, `credentials`; `unreachable` where it may have been done: asking again does no harm
 */
export async function revokeAtPca(
  ca: string,
  serial: string,
  reason: PcaReason,
  connection: AwsConnection,
): Promise<'revoked' | 'already-revoked'> {
  const arn = parseArn(ca, 'acm-pca', isCaArn, '--ca');
  const client = new AcmPcaClient(regionOf(connection, arn), connection);
  const input = {
    CertificateAuthorityArn: arn.text,
    // Pairs with colons, in lower case, are what the documentation shows.
    CertificateSerial: serial.match(/../g)?.join(':') ?? serial,
    RevocationReason: reason,
  };
  return untilDone(connection, async () => {
    await client.call(`revoke ${serial}`, arn.text, async (sdk, http) =>
      sdk.send(new RevokeCertificateCommand(input), http),
    );
  });
}

/** Looks at the CA of what is revoked by now: whatever keeps one from that is no failure of the revocation. */
export async function howPcaTells(ca: string, connection: AwsConnection): Promise<PcaTelling> {
  const arn = parseArn(ca, 'acm-pca', isCaArn, '--ca');
  const calls = new AcmPcaCalls(arn.text, regionOf(connection, arn), connection);
  const warnings: string[] = [];
  const look = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      // Whoever may revoke need not be allowed to look.
      if (error.code !== 'refused') warnings.push(`how the CA tells of it is not known: ${error.message}`);
      return undefined;
    }
  };
  const authority = await look(async () =>
    pcaAuthorityFacts(arn.text, (await calls.describe()).CertificateAuthority ?? {}, undefined),
  );
  const issuer = await look(async () => certificatesInPem((await calls.caChain()).join('\n'))[0]);
  return { authority, issuer, warnings };
}

async function untilDone(
  { signal, say }: AwsConnection,
  revoke: () => Promise<void>,
): Promise<'revoked' | 'already-revoked'> {
  const deadline = performance.now() + patience;
  for (let pause = 500; ; pause = Math.min(pause * 2, 10_000)) {
    try {
      await revoke();
      return 'revoked';
    } catch (error) {
      if (isRefusal(error, 'RequestAlreadyProcessedException')) return 'already-revoked';
      const isBusy =
        isRefusal(error, 'RequestInProgressException') || isRefusal(error, 'ConcurrentModificationException');
      if (!isBusy) throw explained(error);
      if (performance.now() + pause > deadline) throw stillBusy(error);
      say('AWS is busy with this CA, trying again');
      await sleep(pause, undefined, { signal }).catch(() => {
        signal.throwIfAborted();
      });
    }
  }
}

const hints: Readonly<Record<string, string>> = {
  AccessDeniedException:
    'only the account that owns the CA may revoke, and its policy must allow acm-pca:RevokeCertificate; AWS says the same where it may not write to the bucket of its CRL',
  ResourceNotFoundException: 'this CA has issued no such certificate: name the right one with --ca',
  InvalidRequestException: 'AWS revokes neither what has expired nor what is self-signed',
  InvalidStateException:
    'a CA must be ACTIVE or DISABLED to revoke: "certwright inspect ARN" shows its status',
  LimitExceededException: 'a CA lists a million revocations at most: put a new CA beside it',
};

/** Nothing was revoked: what is said of issuing does not help. */
function explained(error: unknown): unknown {
  if (!(error instanceof PkiError) || error.code !== 'refused') return error;
  const name = (error.cause as Error | undefined)?.name ?? '';
  return new PkiError('refused', error.message, {
    hint: hints[name] ?? 'nothing was revoked',
    cause: error.cause,
  });
}

const stillBusy = (error: PkiError): PkiError =>
  new PkiError('unreachable', error.message, {
    hint: 'the same command tries again, and revokes once',
    cause: error.cause,
  });
