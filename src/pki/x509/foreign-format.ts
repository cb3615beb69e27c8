/** Something that is no X.509 but that people take for it: one word on what it is, and the way on. */
export interface Foreign {
  what: string;
  advice: string;
}

const fromOpenssh =
  'ssh-keygen -p -m PKCS8 -f FILE rewrites a copy of it as PKCS#8, unless it is Ed25519, which ssh-keygen keeps in its own format';
const keystore =
  'keytool -importkeystore -srckeystore FILE -destkeystore out.p12 -deststoretype PKCS12 converts it';

/** PEM labels that hold no X.509. */
const labels: readonly (readonly [RegExp, Foreign])[] = [
  [/^OPENSSH PRIVATE KEY$/, { what: 'an OpenSSH private key', advice: fromOpenssh }],
  [
    /^SSH2 /,
    {
      what: 'an SSH public key (RFC 4716)',
      advice: 'ssh-keygen -i -f FILE | ssh-keygen -e -m PKCS8 converts it',
    },
  ],
  [/^PGP .*/, { what: 'an OpenPGP key or message', advice: 'gpg --show-keys FILE shows it' }],
  [/^AGE ENCRYPTED FILE$/, { what: 'a file encrypted with age', advice: 'age --decrypt FILE opens it' }],
  [
    /^ATTRIBUTE CERTIFICATE$/,
    { what: 'an attribute certificate (RFC 5755)', advice: 'openssl asn1parse shows it' },
  ],
  [
    /^(X9\.42 )?DH PARAMETERS$/,
    { what: 'Diffie-Hellman parameters', advice: 'openssl dhparam -text shows them' },
  ],
  [/^DSA PARAMETERS$/, { what: 'DSA parameters', advice: 'openssl dsaparam -text shows them' }],
  [
    /^EC PARAMETERS$/,
    { what: 'the name of a curve, without a key', advice: 'the key is in another file or block' },
  ],
  [/^SSL SESSION PARAMETERS$/, { what: 'a TLS session', advice: 'openssl sess_id -text shows it' }],
  [/^NEW ?SESSION TICKET$/, { what: 'a TLS session ticket', advice: 'nothing in it can be shown' }],
  [/^OPENVPN STATIC KEY V1$/i, { what: 'an OpenVPN static key', advice: 'there is no certificate in it' }],
  [/^OPENVPN TLS-CRYPT-V2 /i, { what: 'an OpenVPN key', advice: 'there is no certificate in it' }],
  [
    /^ENCRYPTED COSIGN|^ENCRYPTED SIGSTORE/,
    { what: 'a sigstore key', advice: 'cosign public-key shows its public half' },
  ],
];

export const foreignLabel = (label: string): Foreign | undefined =>
  labels.find(([pattern]) => pattern.test(label))?.[1];

const magic: readonly (readonly [Buffer, Foreign])[] = [
  [Buffer.from('feedfeed', 'hex'), { what: 'a Java keystore (JKS)', advice: keystore }],
  [Buffer.from('cececece', 'hex'), { what: 'a Java keystore (JCEKS)', advice: keystore }],
  [Buffer.from('504b0304', 'hex'), { what: 'a ZIP archive', advice: 'unpack it first' }],
  [Buffer.from('1f8b', 'hex'), { what: 'gzip data', advice: 'gunzip it first' }],
  [Buffer.from('7f454c46', 'hex'), { what: 'a program', advice: 'there is no certificate in it' }],
  [Buffer.from('fd377a585a00', 'hex'), { what: 'xz data', advice: 'unpack it first' }],
];

const beginnings: readonly (readonly [RegExp, Foreign])[] = [
  [
    /^(ssh-(rsa|dss|ed25519|ed448)|ecdsa-sha2-\S+|sk-(ssh|ecdsa)-\S+) AAAA/,
    { what: 'an SSH public key', advice: 'ssh-keygen -e -m PKCS8 -f FILE converts it' },
  ],
  [
    /^\S+-cert-v01@openssh\.com AAAA/,
    { what: 'an SSH certificate', advice: 'ssh-keygen -L -f FILE shows it' },
  ],
  [
    /^---- BEGIN SSH2 /,
    { what: 'an SSH public key (RFC 4716)', advice: 'ssh-keygen -i -f FILE converts it' },
  ],
  [
    /^PuTTY-User-Key-File-/,
    { what: 'a PuTTY private key', advice: 'puttygen FILE -O private-openssh-new converts it' },
  ],
  [/^age-encryption\.org\/v1/, { what: 'a file encrypted with age', advice: 'age --decrypt FILE opens it' }],
  [
    /^(# created: .*\r?\n)?(# public key: .*\r?\n)?AGE-SECRET-KEY-1/,
    { what: 'an age secret key', advice: 'age-keygen -y FILE shows its public half' },
  ],
  [/^age1[0-9a-z]{20}/, { what: 'an age public key', advice: 'age has no certificates' }],
  [
    /^\s*(<!doctype html|<html)/i,
    { what: 'a web page', advice: 'a download went wrong: look at it in an editor' },
  ],
  [/^\s*<\?xml/i, { what: 'an XML file', advice: 'a download went wrong: look at it in an editor' }],
  [/^\s*\{\s*"(kty|keys)"/, { what: 'a JSON Web Key', advice: 'convert it to PEM first' }],
];

/** Tells by the first bytes. */
export function foreignContent(file: Buffer): Foreign | undefined {
  const byMagic = magic.find(([bytes]) => file.subarray(0, bytes.length).equals(bytes));
  if (byMagic) return byMagic[1];
  const head = file.toString('latin1', 0, 400);
  const byText = beginnings.find(([pattern]) => pattern.test(head));
  return byText?.[1] ?? openPgp(file);
}

/** An OpenPGP packet of a key, new or old format (RFC 9580 4.2), whose version follows its length. */
function openPgp(file: Buffer): Foreign | undefined {
  const [first = 0, , , third = 0] = file;
  const isKey = first === 0x99 || first === 0x95;
  return isKey && (third === 3 || third === 4)
    ? { what: 'an OpenPGP key', advice: 'gpg --show-keys FILE shows it' }
    : undefined;
}
