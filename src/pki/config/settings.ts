import { isAcm } from '../authorities/open.ts';
import type { Deploy } from '../deploy/plan.ts';
import type { MaintenanceWindow } from '../maintenance-window.ts';
import type { Format, Validation } from '../store/request.ts';
import type { KeyType } from '../x509/key.ts';
import type { DeclaredOutput } from './read-outputs.ts';
import type { Usage } from '../x509/profile.ts';

/** What can be said of a certificate beside its names; what is left out is decided further down. */
export interface Settings {
  usage?: Usage;
  keyType?: KeyType;
  reuseKey?: boolean;
  lifetime?: string;
  notBefore?: string;
  notAfter?: string;
  clamp?: boolean;
  subject?: string;
  /** An absolute path, an ARN, `acm` or `acm:ARN`. */
  ca?: string;
  crlUrls?: string[];
  ocspUrls?: string[];
  issuerUrls?: string[];
  formats?: Format[];
  owner?: string;
  group?: string;
  mode?: string;
  renewAt?: string;
  spread?: string;
  window?: MaintenanceWindow[];
  keep?: number;
  reissueOnExposure?: boolean;
  deploy?: Deploy;
  outputs?: DeclaredOutput[];
  /** AWS Private CA. */
  template?: string;
  signingAlgorithm?: string;
  /** ACM, public. */
  exportable?: boolean;
  validation?: Validation;
}

/** Defaults under a certificate's own settings. ACM decides how long its certificates live: no default is meant for it. */
export function withDefaults(defaults: Settings, own: Settings): Settings {
  const reference = own.ca ?? defaults.ca;
  const {
    lifetime: _lifetime,
    notBefore: _notBefore,
    notAfter: _notAfter,
    clamp: _clamp,
    ...rest
  } = defaults;
  return over(reference !== undefined && isAcm(reference) ? rest : defaults, own);
}

/** One layer over another. A lifetime and an end exclude each other: the upper layer's word stands. */
export function over(base: Settings, top: Settings): Settings {
  const { lifetime: _lifetime, notAfter: _notAfter, ...rest } = base;
  const decidesEnd = top.lifetime !== undefined || top.notAfter !== undefined;
  return { ...(decidesEnd ? rest : base), ...top };
}
