import { generateKeyPairSync } from 'node:crypto';
import { certificatePem, encodePem } from '../../src/pki/x509/pem-writer.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import * as write from '../../src/pki/x509/der-writer.ts';
import { authority, days, issue } from './chains.ts';

/** The largest file whose cost is promised. */
const size = 10 * 1024 * 1024;

const repeat = (unit: Buffer | string, bytes = size - 1024): Buffer => {
  const one = Buffer.from(unit as Buffer);
  return Buffer.alloc(bytes - (bytes % one.length), one);
};

const octets = (content: Buffer): Buffer => write.octetString(content);
const algorithm = (id: string, ...parameters: Buffer[]): Buffer =>
  write.sequence(write.objectIdentifier(id), ...parameters);
const ecdsa = algorithm(oid.ecdsaWithSha256);

const ca = authority('root');
const { key } = issue('leaf', ca);
const spki = issue('leaf', ca, { key }).certificate.publicKey;
const name = ca.certificate.subject;
const nameOf = (value: Buffer): Buffer =>
  write.sequence(write.set(write.sequence(write.objectIdentifier(oid.commonName), value)));

interface Parts {
  serial?: Buffer;
  subject?: Buffer;
  publicKey?: Buffer;
  extensions?: Buffer;
}

/** A certificate with a made-up signature. */
function certificate({
  serial = Buffer.from([1]),
  subject = name,
  publicKey = spki,
  extensions,
}: Parts): Buffer {
  const tbs = write.sequence(
    write.explicit(0, write.integer(2)),
    write.integer(serial),
    ecdsa,
    name,
    write.sequence(write.time(days(-1)), write.time(days(1))),
    subject,
    publicKey,
    ...(extensions ? [write.explicit(3, write.sequence(extensions))] : []),
  );
  return write.sequence(tbs, ecdsa, write.bitString(Buffer.alloc(64)));
}

const extension = (id: string, value: Buffer): Buffer =>
  write.sequence(write.objectIdentifier(id), octets(value));

/** As many certificates of these parts as fit, each with another serial number. */
function many(parts: (index: number) => Parts): Buffer {
  const blocks: string[] = [];
  for (let bytes = 0; bytes < size - 8192; bytes += blocks.at(-1)?.length ?? 0) {
    const serial = Buffer.alloc(8, 1);
    serial.writeUInt32BE(blocks.length, 4);
    blocks.push(certificatePem(certificate({ serial, ...parts(blocks.length) })));
  }
  return Buffer.from(blocks.join(''));
}

const rsaKey = (modulusBytes: number, exponent: Buffer): Buffer => {
  const modulus = Buffer.alloc(modulusBytes, 0xff);
  modulus[0] = 0x7f;
  return write.sequence(
    algorithm(oid.rsaEncryption, write.nullValue()),
    write.bitString(write.sequence(write.integer(modulus), write.integer(exponent))),
  );
};

function nested(): Buffer {
  const headers: Buffer[] = [];
  for (let length = 0; length < size - 8;) {
    const header = write.encodeHeader(0x30, length);
    headers.push(header);
    length += header.length;
  }
  return Buffer.concat(headers.reverse());
}

function crl(entry: Buffer): Buffer {
  const tbs = write.sequence(
    write.integer(1),
    ecdsa,
    name,
    write.time(days(-1)),
    write.time(days(3)),
    write.sequence(repeat(entry)),
  );
  return write.sequence(tbs, ecdsa, write.bitString(Buffer.alloc(64)));
}

const pkcs12 = (content: Buffer, mac?: Buffer): Buffer =>
  write.sequence(
    write.integer(3),
    write.sequence(write.objectIdentifier(oid.data), write.explicit(0, content)),
    ...(mac ? [mac] : []),
  );

const macOf = (rounds: number): Buffer =>
  write.sequence(
    write.sequence(algorithm('2.16.840.1.101.3.4.2.1', write.nullValue()), octets(Buffer.alloc(32))),
    octets(Buffer.alloc(8)),
    write.integer(rounds),
  );

const encrypted = (kdf: Buffer): Buffer =>
  write.sequence(
    algorithm(oid.pbes2, write.sequence(kdf, algorithm(oid.aes256Cbc, octets(Buffer.alloc(16))))),
    octets(Buffer.alloc(16)),
  );

const scrypt = (n: number): Buffer =>
  algorithm(
    '1.3.6.1.4.1.11591.4.11',
    write.sequence(octets(Buffer.alloc(8)), write.integer(n), write.integer(8), write.integer(1)),
  );

const pbkdf2 = (rounds: number, ...length: Buffer[]): Buffer =>
  algorithm(oid.pbkdf2, write.sequence(octets(Buffer.alloc(8)), write.integer(rounds), ...length));

/** Strings in pieces within strings in pieces, to the depth where a careless reader has copied the data 40 times. */
function stringsInStrings(): Buffer {
  let inner = octets(Buffer.alloc(size - 1024));
  for (let depth = 0; depth < 40; depth += 1) {
    inner = Buffer.concat([Buffer.from([0x24, 0x80]), inner, Buffer.from([0, 0])]);
  }
  return pkcs12(inner);
}

/** DSA whose public half is a power modulo a number of 60,000 bits. */
function slowKey(): Buffer {
  const large = Buffer.alloc(7500, 0xff);
  large[0] = 0x7f;
  const parameters = write.sequence(write.integer(large), write.integer(large), write.integer(2));
  return write.sequence(write.integer(0), algorithm(oid.dsa, parameters), octets(write.integer(large)));
}

const ec = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey.export({
  type: 'sec1',
  format: 'der',
});
/** A key that leaves its public half to the reader, so that it has to be computed. */
const shortKey = encodePem(
  'EC PRIVATE KEY',
  write.sequence(
    write.integer(1),
    octets(Buffer.from(ec.subarray(8, 74))),
    write.explicit(0, write.objectIdentifier(oid.secp521r1)),
  ),
);

/** Files of up to 10 MiB, each made to cost somebody's program minutes or gigabytes. */
export const hostileFiles: Readonly<Record<string, () => Buffer>> = {
  'DER nested five million levels deep': nested,
  'BER that never ends': () => repeat(Buffer.from([0x30, 0x80])),
  'a length of 4 GiB': () => Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30]),
  'only BEGIN lines': () => repeat('-----BEGIN CERTIFICATE-----\n'),
  'BEGIN without a label, over and over': () => repeat('-----BEGIN '),
  'only END lines': () => repeat('-----END CERTIFICATE-----\n'),
  'dashes after a BEGIN': () => Buffer.concat([Buffer.from('-----BEGIN CERTIFICATE-----\n'), repeat('-')]),
  'empty blocks': () => repeat('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'),
  'blocks in UTF-16': () =>
    Buffer.from(
      `\ufeff${repeat('-----BEGIN X-----\nMAA=\n-----END X-----\n', size / 2).toString('latin1')}`,
      'utf16le',
    ),
  'one certificate, thousands of times': () => repeat(certificatePem(ca.certificate.der)),
  'thousands of certificates that may all have issued each other': () => many(() => ({})),
  'thousands of certificates with RSA keys of 16,384 bits': () => {
    const publicKey = rsaKey(2048, Buffer.from([1, 0, 1]));
    return many(() => ({ publicKey }));
  },
  'RSA whose exponent is as long as its modulus': () => {
    const publicKey = rsaKey(384, Buffer.alloc(383, 0x7f));
    return many(() => ({ publicKey }));
  },
  'an RSA modulus of 8 MiB': () => rsaKey(8 * 1024 * 1024, Buffer.from([3])),
  '100,000 names': () =>
    certificate({
      extensions: extension(
        oid.subjectAltName,
        write.sequence(
          Buffer.concat(
            Array.from({ length: 100_000 }, (_, at) => write.implicit(2, Buffer.from(`h${at}.example`))),
          ),
        ),
      ),
    }),
  'five million empty names': () =>
    certificate({
      extensions: extension(oid.subjectAltName, write.sequence(repeat(Buffer.from([0x82, 0])))),
    }),
  'a million empty distribution points in each of five certificates': () => {
    const one = certificate({
      extensions: extension(
        oid.crlDistributionPoints,
        write.sequence(repeat(Buffer.from([0x30, 0]), 1_400_000)),
      ),
    });
    return Buffer.from(certificatePem(one).repeat(5));
  },
  'a common name of 10 MiB': () =>
    certificate({ subject: nameOf(write.utf8String('x'.repeat(size - 1024))) }),
  'a common name of half a million right-to-left overrides': () =>
    certificate({ subject: nameOf(write.utf8String('\u202e'.repeat(500_000))) }),
  'a name of a million attributes': () =>
    certificate({
      subject: write.sequence(
        repeat(write.set(write.sequence(write.objectIdentifier('1.2'), write.utf8String(''))), 9_000_000),
      ),
    }),
  'a million extensions': () => certificate({ extensions: repeat(extension('1.2', Buffer.alloc(0))) }),
  'a serial number of 10 MiB': () => certificate({ serial: Buffer.alloc(size - 1024, 1) }),
  'a CRL of half a million entries': () => crl(write.sequence(write.integer(1), write.time(days(-2)))),
  'a CRL with a reason in each entry, not where it is usual': () =>
    crl(
      write.sequence(
        write.integer(1),
        write.time(days(-2)),
        write.sequence(
          extension('2.5.29.24', octets(Buffer.alloc(1))),
          extension(oid.reasonCode, write.enumerated(1)),
        ),
      ),
    ),
  'PKCS#12 with two thousand million rounds for its MAC': () =>
    pkcs12(octets(write.sequence()), macOf(2 ** 31 - 1)),
  'thousands of PKCS#12 files with as many rounds as one may have': () =>
    repeat(encodePem('PKCS12', pkcs12(octets(write.sequence()), macOf(80_000)))),
  'an OCTET STRING in five million pieces': () =>
    pkcs12(Buffer.concat([Buffer.from([0x24, 0x80]), repeat(Buffer.from([0x04, 0])), Buffer.from([0, 0])])),
  'strings in pieces, forty deep': stringsInStrings,
  'PKCS#7 with five million empty certificates': () =>
    write.sequence(
      write.objectIdentifier(oid.signedData),
      write.explicit(
        0,
        write.sequence(
          write.integer(1),
          write.set(),
          write.sequence(write.objectIdentifier(oid.data)),
          write.explicit(0, repeat(Buffer.from([0x30, 0]))),
          write.set(),
        ),
      ),
    ),
  'a DSA key of 60,000 bits': slowKey,
  'thousands of keys without their public halves': () => repeat(shortKey),
  'a key under scrypt with 1 GiB': () => encrypted(scrypt(2 ** 20)),
  'a key under PBKDF2 with two thousand million rounds': () => encrypted(pbkdf2(2 ** 31 - 1)),
  'a key under PBKDF2 that wants a key of 2 GiB': () => encrypted(pbkdf2(1, write.integer(2 ** 31 - 1))),
  'thousands of keys, each under as many rounds as one may have': () =>
    repeat(encodePem('ENCRYPTED PRIVATE KEY', encrypted(pbkdf2(2_000_000)))),
};
