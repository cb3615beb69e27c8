import type { ServerFacts } from '../tls/probe.ts';
import type { Application } from '../tls/prove.ts';
import type { Cause } from '../tls/refusal-causes.ts';
import type { NegativeProbe } from '../probe-names.ts';

type Fault = Pick<Cause, 'message' | 'fix'>;

const verify =
  'make the server verify: ssl_verify_client on (nginx), verify required (haproxy), -verify_return_error (s_server), rejectUnauthorized (Node.js)';

const oldVersions =
  'ssl_protocols TLSv1.2 TLSv1.3 (nginx), ssl-min-ver TLSv1.2 (haproxy), a policy of TLS 1.2 or newer (AWS)';

/** What is wrong with a server that lets this one in, and what mends it. */
const faults: Readonly<Record<NegativeProbe, Fault>> = {
  'no-certificate': {
    message: 'a client without a certificate is let in',
    fix: 'make the server demand one: ssl_verify_client on (nginx), verify required (haproxy)',
  },
  stranger: {
    message: 'a certificate of an unknown CA is let in: the server asks for one and does not verify it',
    fix: verify,
  },
  'self-signed': {
    message:
      'a self-signed certificate of the same subject is let in: the server looks at names and verifies no signature',
    fix: verify,
  },
  'foreign-ca': {
    message:
      'a certificate of a foreign CA of the same name is let in: the server compares names, or trusts the root that it is sent',
    fix: verify,
  },
  'non-ca-intermediate': {
    message: "a certificate that a client's certificate has signed is let in: every client can make others",
    fix: 'make the server check basicConstraints of every CA in the chain (RFC 5280 6.1.4 k); leave the checking of chains to its TLS library',
  },
  expired: {
    message: 'an expired certificate is let in: the server does not look at notAfter',
    fix: 'take out what ignores it: crt-ignore-err (haproxy), -no_check_time (s_server), IgnoreClientCertificateExpiry (AWS), or set its clock',
  },
  'not-yet-valid': {
    message: 'a certificate that is not valid yet is let in: the server does not look at notBefore',
    fix: 'take out what ignores it: crt-ignore-err (haproxy), -no_check_time (s_server), or set its clock',
  },
  'wrong-usage': {
    message: "a certificate for servers only is let in: with any server's key one can be a client",
    fix: 'make the server check the extended key usage: take out crt-ignore-err (haproxy), -purpose any (s_server); GnuTLS needs GNUTLS_KP_TLS_WWW_CLIENT asked for',
  },
  'wrong-name': {
    message:
      'a certificate of the same CA for another name is let in: whoever has any certificate of it is let in',
    fix: "let the server compare the certificate's names with those that may enter",
  },
  'weak-key': {
    message: 'a certificate with a key of RSA 1024 is let in',
    fix: 'raise the level: @SECLEVEL=2 in the cipher list (OpenSSL), %PROFILE_MEDIUM in the priority string (GnuTLS)',
  },
  'weak-signature': {
    message: 'a certificate that is signed with SHA-1 is let in',
    fix: 'raise the level: @SECLEVEL=2 in the cipher list (OpenSSL), %PROFILE_MEDIUM in the priority string (GnuTLS)',
  },
  revoked: {
    message: 'a revoked certificate is let in',
    fix: 'give the server the CRL and reload it: ssl_crl (nginx), crl-file (haproxy), -CRL with -crl_check (s_server), --x509crlfile (gnutls-serv)',
  },
  'tls-1.0': { message: 'TLS 1.0 is spoken, which RFC 8996 forbids', fix: oldVersions },
  'tls-1.1': { message: 'TLS 1.1 is spoken, which RFC 8996 forbids', fix: oldVersions },
};

export function faultOf(
  probe: NegativeProbe,
  server: ServerFacts | undefined,
  application: Application,
): Cause {
  const { message, fix } = faults[probe];
  const isVersion = probe === 'tls-1.0' || probe === 'tls-1.1';
  if (probe === 'no-certificate' && application === 'none') {
    const seen =
      'make the server demand one; one that refuses in HTTP, as nginx does, is seen with --app http';
    return { certainty: 'found', message, fix: seen };
  }
  if (probe === 'no-certificate' || isVersion || server?.request !== undefined) {
    return { certainty: 'found', message, fix };
  }
  return {
    certainty: 'found',
    message: 'nobody is asked for a certificate',
    fix: faults['no-certificate'].fix,
  };
}
