import type { ServerFacts } from '../tls/probe.ts';
import { PkiError } from '../errors.ts';
import { readCertificate, type Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { nameText, type SubjectAlternativeName } from '../x509/subject-alternative-name.ts';
import { validateChain } from '../x509/validation/chain.ts';
import type { ChainInput } from '../x509/validation/chain-input.ts';
import { displayName, type Verdict } from '../x509/validation/verdict.ts';
import { readStaple } from './server-facts.ts';
import { causeOf, check, findingsOf, pathText, type Check } from './mtls-check.ts';

export interface ServerJudgement {
  /** `undefined` where the server's certificates cannot even be read. */
  input: ChainInput | undefined;
  verdict: Verdict | undefined;
  checks: Check[];
}

export interface JudgedBy {
  anchors: readonly Certificate[];
  crls: readonly Crl[];
  name: SubjectAlternativeName;
}

/** The chain as the server sent it, for the name that was meant. */
export function judgeServer(
  server: ServerFacts,
  { anchors, crls, name }: JudgedBy,
  time: Date,
): ServerJudgement {
  const row = { direction: 'server-to-client', expected: 'accepted' } as const;
  let certificates: Certificate[];
  try {
    certificates = server.chain.map(readCertificate);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    const cause = {
      message: `the server sends a certificate that is none: ${error.message}`,
      fix: 'look at the file it sends',
    };
    return {
      input: undefined,
      verdict: undefined,
      checks: [check({ ...row, probe: 'chain' }, 'refused', error.message, [causeOf(cause)])],
    };
  }
  const [leaf, ...intermediates] = certificates;
  if (!leaf) return { input: undefined, verdict: undefined, checks: [] };
  const input: ChainInput = {
    leaf,
    intermediates,
    anchors,
    crls,
    staple: { response: readStaple(server) },
    time,
    usage: 'server',
    names: [name],
  };
  const verdict = validateChain(input);
  const findings = findingsOf(verdict);
  const [named, others] = [
    findings.filter(({ rule }) => rule === 'name-mismatch'),
    findings.filter(({ rule }) => rule !== 'name-mismatch'),
  ];
  const path = verdict.path ?? verdict.candidates[0]?.path ?? [leaf];
  const holds = others.length === 0;
  return {
    input,
    verdict,
    checks: [
      check(
        { ...row, probe: 'chain' },
        holds ? 'accepted' : 'refused',
        holds ? pathText(path) : `${displayName(leaf)}: ${others[0]?.rule ?? ''}`,
        others.map(causeOf),
      ),
      check(
        { ...row, probe: 'name' },
        named.length === 0 ? 'accepted' : 'refused',
        nameText(name),
        named.map(causeOf),
      ),
    ],
  };
}
