import { relative, resolve } from 'node:path';
import { isAcm } from '../authorities/open.ts';
import type { DeclaredOutput } from '../config/read-outputs.ts';
import type { Settings } from '../config/settings.ts';
import type { Deploy } from '../deploy/plan.ts';
import { refuseNoFolder } from '../given-path.ts';
import { changesBetween, formats, readRequest, type Change, type StoredRequest } from '../store/request.ts';
import type { OutputRequest } from '../store/output-request.ts';
import { certificateFolder } from '../store/store.ts';
import { authorityReference } from './authority-reference.ts';

export { over, withDefaults, type Settings } from '../config/settings.ts';

/**
 * The request that settings amount to, with the built-in values where they say nothing.
 * @param store absolute path.
 * @param reference of the authority: an absolute path, an ARN, `acm` or `acm:ARN`.
 */
export function requestFor(
  { name, names }: { name: string; names: readonly string[] },
  settings: Settings,
  store: string,
  reference: string,
): StoredRequest {
  return {
    name,
    names: [...names],
    usage: settings.usage ?? 'mtls',
    keyType: settings.keyType ?? 'ec-p256',
    reuseKey: settings.reuseKey ?? false,
    // ACM decides how long its certificates live.
    lifetime: settings.lifetime ?? (settings.notAfter === undefined && !isAcm(reference) ? '30d' : undefined),
    notBefore: settings.notBefore,
    notAfter: settings.notAfter,
    clamp: settings.clamp ?? false,
    subject: settings.subject,
    authority: authorityReference(store, reference),
    crlUrls: settings.crlUrls ?? [],
    ocspUrls: settings.ocspUrls ?? [],
    issuerUrls: settings.issuerUrls ?? [],
    formats: formats.filter((format) => settings.formats?.includes(format)),
    owner: settings.owner,
    group: settings.group,
    mode: settings.mode,
    csr: undefined,
    template: settings.template,
    signingAlgorithm: settings.signingAlgorithm,
    exportable: settings.exportable ?? false,
    validation: settings.validation,
    renewAt: settings.renewAt,
    spread: settings.spread,
    window: settings.window ?? [],
    keep: settings.keep,
    reissueOnExposure: settings.reissueOnExposure ?? false,
    deploy: settings.deploy,
    outputs: (settings.outputs ?? []).map((output) => storedOutput(output, store)),
  };
}

/** Where an output was named relative to the config file, it is stored relative to the store: both may move together. */
function storedOutput({ relative: was, ...output }: DeclaredOutput, store: string): OutputRequest {
  const { path, passphrase } = output;
  const below = (absolute: string): string => relative(resolve(store), absolute);
  return {
    ...output,
    path: was.path ? below(path) : path,
    passphrase: was.passphrase ? `file:${below(passphrase?.slice('file:'.length) ?? '')}` : passphrase,
  };
}

/** What a request asks for otherwise than the certificate that is in the store. */
export function changesInStore(store: string, request: StoredRequest): Change[] {
  const folder = certificateFolder(store, request.name);
  const stored = folder.current() === undefined ? undefined : readRequest(folder.requestFile);
  return stored ? changesBetween(stored.request, request) : [];
}

/** What follows a switch of the certificate that is in the store. */
export function deployInStore(store: string, name: string): Deploy | undefined {
  refuseNoFolder(store);
  return readRequest(certificateFolder(store, name).requestFile)?.request.deploy;
}
