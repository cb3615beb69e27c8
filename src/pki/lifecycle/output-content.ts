import { createHmac, createPrivateKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { readSecret, type Environment } from '../secret-reference.ts';
import type { OutputRequest } from '../store/output-request.ts';
import { trustBundle, trustFor } from '../store/trust-bundle.ts';
import { pemCertificates } from './standing.ts';

/** Where outputs are made from. */
export interface Source {
  /** Absolute path. */
  store: string;
  /** The folder of one generation: `current` may move meanwhile. */
  generation: string;
  /** Of the certificate, in the store. */
  name: string;
  /** As request.json names it. */
  authority: string;
  env: Environment;
}

/**
 * Bytes that are the same each time, and what in them is of peers and changes without the certificate; or what makes them:
 * another file each time, of the same.
 */
export type Content = { bytes: Buffer; peers?: Buffer } | { of: string; seal: () => Promise<Buffer> };

/**
 * What an output shall hold.
 * @throws PkiError `unsupported` where it cannot be had, `passphrase`, `malformed`
 */
export function contentOf(output: OutputRequest, source: Source): Content {
  const file = (name: string): Buffer => fileOf(source, name);
  switch (output.content) {
    case 'cert':
      return { bytes: file('cert.pem') };
    case 'chain':
      return { bytes: file('chain.pem') };
    case 'fullchain':
      return { bytes: file('fullchain.pem') };
    case 'der':
      return { bytes: leafOf(file('cert.pem')) };
    case 'trust':
      return ofPeers(trusted(output, source));
    case 'crl':
      return ofPeers(crlsOf(output, source));
    case 'key':
      return keyContent(output, source, Buffer.alloc(0));
    case 'pair':
      return keyContent(output, source, file('fullchain.pem'));
    case 'p12':
      return pkcs12Content(output, source);
    case 'kubernetes-secret':
      return { bytes: Buffer.from(kubernetesSecret(output, source)), peers: trusted(output, source) };
  }
}

const ofPeers = (bytes: Buffer): Content => ({ bytes, peers: bytes });

function fileOf({ generation }: Source, name: string): Buffer {
  const path = join(generation, name);
  const bytes = readIfThere(path);
  if (bytes) return bytes;
  throw new PkiError(
    'unsupported',
    name === 'key.pem' ? `its key is not in ${generation}` : `${path} is gone`,
    {
      hint:
        name === 'key.pem'
          ? 'whoever has the key makes this file: leave the output out, or choose cert, chain or fullchain'
          : 'the next "certwright rotate" makes the generation anew',
    },
  );
}

function leafOf(pem: Buffer): Buffer {
  const [leaf] = pemCertificates(pem);
  if (leaf) return leaf;
  throw new PkiError('malformed', 'cert.pem holds no certificate');
}

/** What peers must trust: the store's bundle where the same authority feeds it, which outlives this generation. */
const trusted = ({ bundle }: OutputRequest, source: Source): Buffer =>
  bundle === undefined
    ? (trustFor(source.store, source.authority, 'ca.pem') ?? fileOf(source, 'ca.pem'))
    : inBundle(bundle, 'ca.pem', source);

function crlsOf({ bundle }: OutputRequest, source: Source): Buffer {
  const { store, authority } = source;
  if (bundle !== undefined) return inBundle(bundle, 'crl.pem', source);
  const crls = trustFor(store, authority, 'crl.pem');
  if (crls) return crls;
  throw new PkiError('unsupported', `the store keeps no CRL of ${authority}`, {
    hint: 'it keeps those of the CA in a folder that its first certificate came from; take the CRL from where the authority publishes it',
  });
}

function inBundle(name: string, file: 'ca.pem' | 'crl.pem', { store }: Source): Buffer {
  const bytes = readIfThere(join(trustBundle(store, name), 'current', file));
  // A server that is given an empty file refuses to start.
  if (bytes?.length) return bytes;
  const what = bytes
    ? `the trust bundle ${name} holds no CRL`
    : `there is no trust bundle ${name} in ${store}`;
  throw new PkiError(bytes ? 'unsupported' : 'not-found', what, {
    hint: bytes
      ? 'none of its authorities publishes one: leave the output out'
      : `"certwright trust ${name}" makes it`,
  });
}

const privateKey = (source: Source): KeyObject => createPrivateKey(fileOf(source, 'key.pem'));

/** The key as it stands, or encrypted; and what follows it. */
function keyContent({ passphrase }: OutputRequest, source: Source, rest: Buffer): Content {
  const pem = fileOf(source, 'key.pem');
  if (passphrase === undefined) return { bytes: Buffer.concat([pem, rest]) };
  const secret = readSecret(passphrase, source.store, source.env);
  const key = privateKey(source);
  return {
    of: fingerprint(key, [secret, rest]),
    seal: async () => {
      const { encryptedPrivateKeyPem } = await import('../x509/key.ts');
      return Buffer.concat([Buffer.from(await encryptedPrivateKeyPem(key, secret)), rest]);
    },
  };
}

function pkcs12Content(
  { passphrase = '', encryption = 'modern', alias }: OutputRequest,
  source: Source,
): Content {
  const secret = readSecret(passphrase, source.store, source.env);
  const key = privateKey(source);
  const certificates = pemCertificates(fileOf(source, 'fullchain.pem'));
  const friendlyName = alias ?? source.name;
  return {
    of: fingerprint(key, [secret, encryption, friendlyName, ...certificates]),
    seal: async () => {
      const { pkcs12Schemes, writePkcs12 } = await import('../x509/pkcs12-writer.ts');
      const content = { key, certificates, friendlyName, passphrase: secret };
      return writePkcs12(content, pkcs12Schemes[encryption]);
    },
  };
}

/** All that a sealed file is made of, under a key that whoever could use it to try passphrases has anyway. */
function fingerprint(key: KeyObject, parts: readonly (Buffer | string)[]): string {
  const hmac = createHmac('sha256', key.export({ type: 'pkcs8', format: 'der' }));
  for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
  return hmac.digest('hex');
}

/** A manifest of type kubernetes.io/tls, as cert-manager fills it; a JSON string is a YAML string. */
function kubernetesSecret(output: OutputRequest, source: Source): string {
  const { name, namespace } = output;
  const base64 = (bytes: Buffer): string => bytes.toString('base64');
  return `${[
    'apiVersion: v1',
    'kind: Secret',
    'metadata:',
    `  name: ${JSON.stringify(name ?? source.name)}`,
    ...(namespace === undefined ? [] : [`  namespace: ${JSON.stringify(namespace)}`]),
    'type: kubernetes.io/tls',
    'data:',
    `  tls.crt: ${base64(fileOf(source, 'fullchain.pem'))}`,
    `  tls.key: ${base64(fileOf(source, 'key.pem'))}`,
    `  ca.crt: ${base64(trusted(output, source))}`,
  ].join('\n')}\n`;
}
