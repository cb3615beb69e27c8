import type { Certificate } from '../certificate.ts';
import type { ChainInput } from './chain-input.ts';
import type { FindSigner } from './crl-trust.ts';
import { ignoredConstraints, judgePolicies, type PolicyInputs } from './policies.ts';
import { judgeRevocation } from './revocation.ts';
import { keyIdentifierScore, Run } from './run.ts';
import { searchPath } from './search.ts';
import { displayName, type Finding, type Verdict, type Warning } from './verdict.ts';

/**
 * Certification path building and validation (RFC 5280 section 6, RFC 4158): the door to everything in this folder.
 * An answer of "no" is a verdict with findings, never an exception; the work is bounded whatever is handed in.
 * Pass the same array of anchors again and again: it is indexed once.
 */
export function validateChain(input: ChainInput): Verdict {
  const run = new Run(input);
  const question = { purpose: input.usage ?? 'any', names: input.names ?? [] } as const;
  const policies = {
    policies: input.policies ?? [],
    requireExplicitPolicy: input.requireExplicitPolicy ?? false,
    inhibitAnyPolicy: input.inhibitAnyPolicy ?? false,
    inhibitPolicyMapping: input.inhibitPolicyMapping ?? false,
  };
  let warnings: Warning[] = [];
  const whole = (path: readonly Certificate[]): Finding[] => {
    const revocation = judgeRevocation(run, path, signerFinder(run, path));
    warnings = revocation.warnings;
    return [...judgePolicies(path, policies), ...revocation.findings];
  };

  const { path, candidates } = searchPath(run, input.leaf, question, whole);
  if (!path) return { valid: false, path, candidates, warnings: [] };
  return {
    valid: true,
    path,
    candidates,
    warnings: [...warnings, ...keyIdentifierWarnings(path), ...policyWarnings(path, policies)],
  };
}

/**
 * A CRL may be signed with another key of the same CA, if a path leads from it to the same anchor (RFC 5280 6.3.3 (f)).
 * The signer of a CRL that speaks of the signer itself is taken at its word: there is nobody else to ask.
 */
function signerFinder(run: Run, path: readonly Certificate[]): FindSigner {
  const anchor = path.at(-1);
  return (signer) => {
    if (path.includes(signer)) return true;
    const revocation = (inner: readonly Certificate[]): Finding[] =>
      judgeRevocation(run, inner, (other) => inner.includes(other) || path.includes(other)).findings;
    const { path: found } = searchPath(run, signer, { purpose: 'any', names: [] }, revocation);
    return found !== undefined && found.at(-1) === anchor;
  };
}

/** RFC 5280 6.1 does not look at key identifiers; OpenSSL does. */
function keyIdentifierWarnings(path: readonly Certificate[]): Warning[] {
  return path.slice(0, -1).flatMap((certificate, index): Warning[] => {
    const issuer = path[index + 1];
    if (!issuer || keyIdentifierScore(certificate, issuer) >= 0) return [];
    const subject = displayName(certificate);
    const message = `${subject} names another key identifier than ${displayName(issuer)} has: OpenSSL will refuse this chain`;
    return [{ rule: 'key-identifier', subject, message }];
  });
}

function policyWarnings(path: readonly Certificate[], inputs: PolicyInputs): Warning[] {
  return ignoredConstraints(path, inputs).map((certificate) => {
    const subject = displayName(certificate);
    const message = `${subject} constrains policies without marking it critical: ask with --policy to have that enforced`;
    return { rule: 'policy-not-critical', subject, message };
  });
}
