import type { Certificate } from '../certificate.ts';
import { formatName } from '../distinguished-name.ts';
import { nameKey } from '../name-comparison.ts';
import { cost } from './budget.ts';
import { decode } from './decoded.ts';
import { policyCost } from './policies.ts';
import type { Run } from './run.ts';
import { judgeIssuer, judgeTarget, type Question } from './steps.ts';
import { displayName, finding, type Candidate, type Finding } from './verdict.ts';

export interface SearchResult {
  path: readonly Certificate[] | undefined;
  candidates: readonly Candidate[];
}

/** Ways that are shown where none holds. */
const shownCandidates = 8;

/** No sane chain is longer, and a step costs more the longer a path is. */
const longestPath = 40;

/**
 * Looks for a path that holds (RFC 4158). Paths without a fault are followed first, depth first; faulty ones only
 * afterwards, the least faulty first, to explain what stands in the way.
 * @param whole what is asked of a path that is complete: policies, revocation.
 */
export function searchPath(
  run: Run,
  target: Certificate,
  question: Question,
  whole: (path: readonly Certificate[]) => readonly Finding[],
): SearchResult {
  const first = {
    path: [target],
    findings: judgeTarget(run, target, question),
    complete: isEnd(run, target),
  };
  const clean: Candidate[] = first.findings.length === 0 ? [first] : [];
  const faulty: Candidate[] = first.findings.length === 0 ? [] : [first];
  const candidates: Candidate[] = [];

  while (!run.budget.exhausted) {
    const partial =
      clean.pop() ?? (candidates.length < shownCandidates ? takeLeastFaulty(faulty) : undefined);
    if (!partial) return { path: undefined, candidates: rank(candidates) };
    if (partial.complete) {
      run.budget.spend(cost.path + policyCost(partial.path));
      const findings = [...partial.findings, ...whole(partial.path)];
      // A signature that could not be afforded any more counts as bad: nothing may be concluded from it.
      if (!run.budget.spend(0)) break;
      if (findings.length === 0) return { path: partial.path, candidates: [partial] };
      if (candidates.length < shownCandidates) candidates.push({ ...partial, findings });
      continue;
    }
    const steps = stepsUp(run, partial, question);
    if (steps.length === 0 && candidates.length < shownCandidates) candidates.push(deadEnd(run, partial));
    // The most promising one is on top of the stack.
    for (const step of steps.reverse()) (step.findings.length === 0 ? clean : faulty).push(step);
  }
  const bomb = faulty.find(({ findings }) => findings.some(({ rule }) => rule === 'too-much-work'));
  return { path: undefined, candidates: [bomb ?? exhausted(target), ...rank(candidates)] };
}

function isEnd(run: Run, certificate: Certificate): boolean {
  const { strength, partialChain = strength === 'any' } = run.input;
  return run.isTrusted(certificate) && (decode(certificate).selfIssued || partialChain);
}

/** Every issuer that the path does not hold already; of those with a wrong key only one, and only if there is no other. */
function stepsUp(run: Run, { path, findings }: Candidate, { purpose }: Question): Candidate[] {
  const top = path.at(-1);
  if (!top || path.length >= longestPath) return [];
  const steps: Candidate[] = [];
  let wrongKey: Candidate | undefined;
  for (const issuer of run.issuersOf(top)) {
    if (!run.budget.spend(cost.step)) break;
    if (path.some((member) => isSameEntity(member, issuer))) continue;
    const complete = isEnd(run, issuer);
    const check = run.checkSignature(top, issuer);
    if (check === 'bad' && (wrongKey || steps.length > 0)) continue;
    const found = [...findings, ...judgeIssuer(run, path, issuer, complete, purpose)];
    const step = { path: [...path, issuer], findings: found, complete };
    if (check === 'bad') wrongKey = step;
    else steps.push(step);
  }
  return steps.length === 0 && wrongKey ? [wrongKey] : steps;
}

/** The same name with the same key: passing it twice leads nowhere new (RFC 4158 2.4.2). */
const isSameEntity = (a: Certificate, b: Certificate): boolean =>
  a.publicKey.equals(b.publicKey) && nameKey(a.subjectName) === nameKey(b.subjectName);

function takeLeastFaulty(faulty: Candidate[]): Candidate | undefined {
  let best = faulty.length - 1;
  for (let at = best - 1; at >= 0; at -= 1) {
    if ((faulty[at]?.findings.length ?? 0) < (faulty[best]?.findings.length ?? 0)) best = at;
  }
  return faulty.splice(best, 1)[0];
}

/** Complete paths first, then those with the fewest faults. */
function rank(candidates: readonly Candidate[]): Candidate[] {
  const weight = ({ findings }: Candidate): number =>
    findings.length +
    (findings.some(({ rule }) => rule === 'issuer-missing' || rule === 'not-trusted') ? 100 : 0);
  return [...candidates].sort((a, b) => weight(a) - weight(b));
}

function deadEnd(run: Run, { path, findings }: Candidate): Candidate {
  return { path, findings: [...findings, ...missingIssuer(run, path)], complete: false };
}

function missingIssuer(run: Run, path: readonly Certificate[]): Finding[] {
  const top = path.at(-1);
  if (!top) return [];
  const place = { certificate: top, index: path.length - 1 };
  const name = displayName(top);
  if (path.some((certificate) => run.isTrusted(certificate))) {
    const fix = 'trust its root, as Node wants it, or accept it as it is with --partial-chain';
    return [finding('anchor-not-root', place, 'the trust file holds an intermediate only', fix)];
  }
  if (decode(top).selfIssued) {
    const message =
      path.length === 1
        ? `${name} is self-signed and not trusted`
        : `the chain ends in ${name}, which is not trusted`;
    return [finding('not-trusted', place, message, 'trust it if it is yours, or find out who put it there')];
  }
  const issuer = formatName(top.issuerName);
  return path.length === 1
    ? [
        finding(
          'issuer-missing',
          place,
          `the issuing CA of ${name} is missing from what was given (${issuer})`,
          'use fullchain.pem, or give it with --intermediates',
        ),
      ]
    : [
        finding(
          'issuer-missing',
          place,
          `the issuer of ${name} is neither trusted nor given (${issuer})`,
          'trust it if it is a root, give it along if it is an intermediate',
        ),
      ];
}

function exhausted(target: Certificate): Candidate {
  const message = `the certificates around ${displayName(target)} are too entangled to be judged in bounded work`;
  const fix = 'give only the intermediates that belong to its chain';
  return {
    path: [target],
    findings: [finding('too-much-work', { certificate: target, index: 0 }, message, fix)],
    complete: false,
  };
}
