import { extension, type Certificate } from '../certificate.ts';
import type { PolicyConstraints } from '../extensions.ts';
import { oid } from '../oid.ts';
import { decode } from './decoded.ts';
import { displayName, finding, type Finding } from './verdict.ts';

/** The initial values of RFC 5280 6.1.1 (c), (e), (f), (g). */
export interface PolicyInputs {
  /** The user-initial-policy-set; empty means any policy. */
  policies: readonly string[];
  requireExplicitPolicy: boolean;
  inhibitAnyPolicy: boolean;
  inhibitPolicyMapping: boolean;
}

/** One policy at one depth. Without parents it descends from anyPolicy. */
interface Node {
  policy: string;
  /** Policies of the level above that it stands for. */
  parents: Set<string>;
  mapped: boolean;
}

/**
 * RFC 5280 keeps a tree, which a hostile chain makes exponential. Nodes of one depth with one policy
 * have the same descendants, so one level keeps one node for each policy: a graph no larger than the chain.
 */
interface Level {
  nodes: Map<string, Node>;
  hasAny: boolean;
}

/** What the policies along a path cost, in operations. */
export const policyCost = (path: readonly Certificate[]): number =>
  path.reduce((sum, certificate) => {
    const { policies = [], policyMappings = [] } = decode(certificate);
    return sum + policies.length + policyMappings.length;
  }, 0);

/** Certificate policies along the path, from the anchor down (RFC 5280 6.1.3 (d) to (f), 6.1.4 (a), (b), (h) to (j), 6.1.5). */
export function judgePolicies(path: readonly Certificate[], inputs: PolicyInputs): Finding[] {
  const chain = path.slice(0, -1).reverse();
  const count = chain.length;
  let explicit = inputs.requireExplicitPolicy ? 0 : count + 1;
  let inhibitAny = inputs.inhibitAnyPolicy ? 0 : count + 1;
  let mapping = inputs.inhibitPolicyMapping ? 0 : count + 1;
  let level: Level = { nodes: new Map(), hasAny: true };
  const levels: Level[] = [];

  for (const [at, certificate] of chain.entries()) {
    const decoded = decode(certificate);
    const place = { certificate, index: count - 1 - at };
    const last = at === count - 1;
    const offender = contradiction(decoded);
    if (offender !== undefined) {
      const message = `${displayName(certificate)} ${offender}`;
      return [
        finding('policy', place, message, 'have it issued again by its CA', 'RFC 5280 4.2.1.4, 6.1.4 (a)'),
      ];
    }
    applyPolicies(
      level,
      decoded.policies?.map(({ id }) => id),
      inhibitAny > 0 || (!last && decoded.selfIssued),
    );
    levels.push(level);
    if (last) {
      if (explicit > 0) explicit -= 1;
      if (constraintsOf(certificate, inputs)?.requireExplicitPolicy === 0) explicit = 0;
      break;
    }
    level = applyMappings(level, decoded.policyMappings ?? [], mapping > 0);
    if (!decoded.selfIssued) {
      if (explicit > 0) explicit -= 1;
      if (mapping > 0) mapping -= 1;
      if (inhibitAny > 0) inhibitAny -= 1;
    }
    const constraints = constraintsOf(certificate, inputs);
    explicit = Math.min(explicit, constraints?.requireExplicitPolicy ?? explicit);
    mapping = Math.min(mapping, constraints?.inhibitPolicyMapping ?? mapping);
    inhibitAny = Math.min(inhibitAny, decoded.inhibitAnyPolicy ?? inhibitAny);
  }

  const [leaf] = path;
  if (explicit > 0 || !leaf || holds(levels, inputs.policies)) return [];
  return [finding('policy', { certificate: leaf, index: 0 }, ...refusal(leaf, inputs))];
}

/** Whether the user asks about policies at all. */
const asksForPolicies = ({ policies, ...flags }: PolicyInputs): boolean =>
  policies.length > 0 || Object.values(flags).some(Boolean);

/**
 * Policy constraints must be critical (RFC 5280 4.2.1.11). Where they are not, whoever ignores extensions that are not
 * critical accepts the chain; so they count if the user asks about policies, and are worth a warning otherwise.
 */
function constraintsOf(certificate: Certificate, inputs: PolicyInputs): PolicyConstraints | undefined {
  const counts = asksForPolicies(inputs) || extension(certificate, oid.policyConstraints)?.critical === true;
  return counts ? decode(certificate).policyConstraints : undefined;
}

/** Certificates whose policy constraints were passed over. */
export function ignoredConstraints(path: readonly Certificate[], inputs: PolicyInputs): Certificate[] {
  return path.slice(0, -1).filter((one) => decode(one).policyConstraints && !constraintsOf(one, inputs));
}

function refusal(
  leaf: Certificate,
  { policies, requireExplicitPolicy }: PolicyInputs,
): [message: string, fix: string] {
  const wanted = policies.length === 0 ? 'any policy' : policies.join(' or ');
  const message = `the path to ${displayName(leaf)} is not valid for ${wanted}, and an explicit policy is required`;
  const fix = requireExplicitPolicy
    ? 'leave out --require-explicit-policy, or issue under a policy that the whole path names'
    : 'issue under a policy that every CA above names';
  return [message, fix];
}

/** The same policy twice (4.2.1.4), or a mapping from or to anyPolicy (6.1.4 (a)). */
function contradiction({ policies, policyMappings }: ReturnType<typeof decode>): string | undefined {
  if (policies && new Set(policies.map(({ id }) => id)).size < policies.length) return 'names a policy twice';
  const any = policyMappings?.some(
    ({ issuer, subject }) => issuer === oid.anyPolicy || subject === oid.anyPolicy,
  );
  return any === true ? 'maps a policy from or to anyPolicy' : undefined;
}

/** 6.1.3 (d) and (e): keeps of the expected policies those that the certificate names. */
function applyPolicies(level: Level, named: readonly string[] | undefined, anyCounts: boolean): void {
  const policies = new Set(named);
  const hadAny = level.hasAny;
  if (!policies.has(oid.anyPolicy) || !anyCounts) {
    for (const policy of level.nodes.keys()) if (!policies.has(policy)) level.nodes.delete(policy);
    level.hasAny = false;
  }
  if (!hadAny) return;
  for (const policy of policies) {
    if (policy !== oid.anyPolicy && !level.nodes.has(policy)) level.nodes.set(policy, newNode(policy));
  }
}

/** 6.1.4 (b): what the next certificate is expected to name. */
function applyMappings(
  level: Level,
  mappings: readonly { issuer: string; subject: string }[],
  mappingAllowed: boolean,
): Level {
  const next: Level = { nodes: new Map(), hasAny: level.hasAny };
  for (const { issuer, subject } of mappings) {
    if (!mappingAllowed) {
      level.nodes.delete(issuer);
      continue;
    }
    if (level.hasAny && !level.nodes.has(issuer)) level.nodes.set(issuer, newNode(issuer));
    const node = level.nodes.get(issuer);
    if (!node) continue;
    node.mapped = true;
    nodeAt(next, subject).parents.add(issuer);
  }
  for (const node of level.nodes.values())
    if (!node.mapped) nodeAt(next, node.policy).parents.add(node.policy);
  return next;
}

function nodeAt(level: Level, policy: string): Node {
  let node = level.nodes.get(policy);
  if (!node) {
    node = newNode(policy);
    level.nodes.set(policy, node);
  }
  return node;
}

const newNode = (policy: string): Node => ({ policy, parents: new Set(), mapped: false });

/** 6.1.5 (g): is there a policy of the user's that descends through every level? */
function holds(levels: readonly Level[], wanted: readonly string[]): boolean {
  const last = levels.at(-1);
  if (!last) return true;
  if (last.hasAny) return true;
  if (last.nodes.size === 0) return false;
  if (wanted.length === 0 || wanted.includes(oid.anyPolicy)) return true;
  let reachable = new Set(last.nodes.keys());
  for (const { nodes } of levels.toReversed()) {
    const above = new Set<string>();
    for (const policy of reachable) {
      const node = nodes.get(policy);
      if (node?.parents.size === 0 && wanted.includes(policy)) return true;
      for (const parent of node?.parents ?? []) above.add(parent);
    }
    reachable = above;
  }
  return false;
}
