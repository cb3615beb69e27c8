import { foreignCode, PkiError } from '../../errors.ts';
import { noTunnel } from '../../tunnel-agent.ts';

/** Node's words for a certificate that is not trusted: no request crosses such a connection. */
export const untrusted = [
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

const codes = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  // What cannot stand in a header.
  'ERR_INVALID_CHAR',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  noTunnel,
  ...untrusted,
]);

/** Of OpenSSL, Node.js and both generations of the SDK, where a code does not tell a connection that was lost from none. */
const words =
  /wrong version number|before secure TLS connection was established|without establishing a connection|did not establish a connection/;

/** Whether an attempt failed before anything of its request could leave this machine. */
export const wasNeverSent = (error: unknown): boolean =>
  error instanceof PkiError ||
  codes.has(foreignCode(error) ?? '') ||
  (error instanceof Error && words.test(error.message));
