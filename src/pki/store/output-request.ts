import { PkiError } from '../errors.ts';

/** What an output holds. */
export const outputContents = [
  'key',
  'cert',
  'chain',
  'fullchain',
  'pair',
  'trust',
  'crl',
  'p12',
  'der',
  'kubernetes-secret',
] as const;
export type OutputContent = (typeof outputContents)[number];

export const encryptions = ['modern', 'legacy'] as const;
export type Encryption = (typeof encryptions)[number];

/** A copy that is kept right at a place of its own, for readers that cannot follow `current`. */
export interface OutputRequest {
  /** Absolute, or relative to the store. */
  path: string;
  content: OutputContent;
  /** trust, crl, kubernetes-secret: the trust bundle that it is of, instead of what its authority feeds. */
  bundle: string | undefined;
  /** What is not said is as for the certificate's own files. */
  owner: string | undefined;
  group: string | undefined;
  mode: string | undefined;
  /** Where the passphrase is, of p12, and of key and pair where they are to be encrypted. */
  passphrase: string | undefined;
  /** p12: `modern` where it does not say. */
  encryption: Encryption | undefined;
  /** p12: friendlyName; the certificate's name where it does not say. */
  alias: string | undefined;
  /** kubernetes-secret */
  name: string | undefined;
  namespace: string | undefined;
}

const secret: readonly OutputContent[] = ['key', 'pair', 'p12', 'kubernetes-secret'];

/** What may be of a trust bundle. */
export const fromTrust: readonly OutputContent[] = ['trust', 'crl', 'kubernetes-secret'];

/** Whether one of them holds what peers trust of its authority, which changes without the certificate. */
export const holdTrust = ({ outputs }: { outputs: readonly OutputRequest[] }): boolean =>
  outputs.some(({ content, bundle }) => bundle === undefined && fromTrust.includes(content));

/** Whether it holds the private key. */
export const holdsKey = ({ content }: Pick<OutputRequest, 'content'>): boolean => secret.includes(content);

/**
 * Permission bits of an output without a private key: 0644, or what `mode` says.
 * @throws PkiError `bad-input`
 */
export function openFileMode(mode: string | undefined, label = 'mode'): number {
  if (mode === undefined) return 0o644;
  const bits = /^0?[0-7]{3}$/.test(mode) ? Number.parseInt(mode, 8) : undefined;
  if (bits !== undefined && (bits & 0o400) !== 0 && (bits & 0o133) === 0) return bits;
  throw new PkiError('bad-input', `${label} ${JSON.stringify(mode)} is not an octal mode of a file to read`, {
    hint: 'its owner reads it, nobody else writes it, nobody runs it: 0644, 0640 or 0600',
  });
}

/**
 * Reads `outputs` of request.json.
 * @throws PkiError `unsupported` for one that this version does not know: leaving it out would let it go stale.
 */
export function readOutputRequests(json: unknown, file: string): OutputRequest[] {
  return Array.isArray(json) ? json.map((one: unknown) => readOutputRequest(one, file)) : [];
}

function readOutputRequest(json: unknown, file: string): OutputRequest {
  const fields = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const text = (key: string): string | undefined => {
    const value = fields[key];
    return typeof value === 'string' ? value : undefined;
  };
  const path = text('path');
  const content = outputContents.find((one) => one === fields['content']);
  const encryption = encryptions.find((one) => one === fields['encryption']);
  if (path === undefined || content === undefined || encryption !== fields['encryption']) {
    throw new PkiError('unsupported', `${file} has an output that this version does not know`, {
      hint: 'update certwright, or issue the certificate anew with --force',
    });
  }
  return {
    ...{
      path,
      content,
      bundle: text('bundle'),
      encryption,
      owner: text('owner'),
      group: text('group'),
      mode: text('mode'),
    },
    ...{ passphrase: text('passphrase'), alias: text('alias') },
    ...{ name: text('name'), namespace: text('namespace') },
  };
}
