import { formatName } from '../pki/x509/distinguished-name.ts';
import { fingerprint, serialHex, type Certificate } from '../pki/x509/certificate.ts';
import type { ChainInput } from '../pki/x509/validation/chain-input.ts';
import { rulesTried } from '../pki/x509/validation/rules-tried.ts';
import {
  displayName,
  ruleSections,
  type Candidate,
  type Finding,
  type Verdict,
} from '../pki/x509/validation/verdict.ts';
import type { Output, Paint } from './output.ts';
import { printable } from './printable.ts';

/** A verdict as JSON has it (docs/schema/verdict.v1.json). */
export function verdictDocument(verdict: Verdict, input: ChainInput): object {
  return {
    valid: verdict.valid,
    time: input.time.toISOString(),
    usage: input.usage ?? 'any',
    strength: input.strength ?? 'default',
    path: verdict.path?.map(certificateDocument) ?? null,
    candidates: verdict.candidates.map((candidate) => ({
      complete: candidate.complete,
      path: candidate.path.map(certificateDocument),
      tried: rulesTried(input, candidate).map((rule) => ({ rule, section: ruleSections[rule] })),
      findings: candidate.findings,
    })),
    warnings: verdict.warnings,
  };
}

const certificateDocument = (certificate: Certificate): object => ({
  name: displayName(certificate),
  subject: formatName(certificate.subjectName),
  issuer: formatName(certificate.issuerName),
  serial: serialHex(certificate.serial),
  notBefore: certificate.notBefore.toISOString(),
  notAfter: certificate.notAfter.toISOString(),
  sha256: fingerprint(certificate.der),
});

/** The path that holds as a tree, anchor first; or every path that was tried, with what is wrong on it. */
export function verdictLines(verdict: Verdict, input: ChainInput, { paint }: Output): string[] {
  const { candidates, path } = verdict;
  const head = describeQuestion(input);
  const [first] = candidates;
  if (path && first) {
    return [
      paint.green(`chain: valid ${head}`),
      ...treeLines(first, paint),
      ...warningLines(verdict, input, paint),
    ];
  }
  const several = candidates.length > 1;
  const count = several ? `; ${candidates.length} paths tried` : '';
  return [
    paint.red(`chain: not valid ${head}${count}`),
    ...candidates.flatMap((candidate, at) => [
      ...(several ? [paint.bold(`path ${at + 1}`)] : []),
      ...treeLines(candidate, paint),
    ]),
  ];
}

function describeQuestion({ usage = 'any', names = [], time }: ChainInput): string {
  const what = usage === 'any' ? 'for any use' : `for ${usage}`;
  const as = names.length === 0 ? '' : ` under the name asked for`;
  return `${what}${as} at ${time.toISOString().slice(0, 19)}Z`;
}

function treeLines({ path, findings, complete }: Candidate, paint: Paint): string[] {
  return path.toReversed().flatMap((certificate, depth) => {
    const indent = '  '.repeat(depth + 1);
    const until = `until ${certificate.notAfter.toISOString().slice(0, 10)}`;
    const note = complete && depth === 0 ? `trusted, ${until}` : until;
    const index = path.length - 1 - depth;
    return [
      `${indent}${depth === 0 ? '' : '└ '}${shown(certificate)} ${paint.dim(note)}`,
      ...findings.filter((one) => one.index === index).flatMap((one) => findingLines(one, indent, paint)),
    ];
  });
}

const shown = (certificate: Certificate): string => printable(displayName(certificate));

const findingLines = ({ message, fix, rule, section }: Finding, indent: string, paint: Paint): string[] => [
  `${indent}  ${paint.red(printable(`✗ ${message}: ${fix}`))}`,
  `${indent}    ${paint.dim(`${rule}, ${section}`)}`,
];

/** Issuers without a CRL in one line: without any CRL given it is one fact, not one a CA. */
function warningLines({ warnings }: Verdict, { crls = [] }: ChainInput, paint: Paint): string[] {
  const unwatched = warnings.filter(({ rule }) => rule === 'no-crl').map(({ subject }) => subject);
  const others = warnings.filter(({ rule }) => rule !== 'no-crl').map(({ message }) => message);
  const list = unwatched.join(' and ');
  const missing =
    crls.length === 0
      ? `revocation was not looked at: no CRL of ${list} was given (--crl)`
      : `there is no CRL of ${list}: nginx would refuse the chain (ssl_crl wants one of every CA)`;
  return [...(unwatched.length === 0 ? [] : [missing]), ...others].map(
    (text) => `${paint.yellow('warning:')} ${printable(text)}`,
  );
}
