import { quoted, type PlainTalk } from './plain-talk.ts';

export const startTlsProtocols = ['smtp', 'imap', 'pop3', 'ftp', 'ldap', 'postgres', 'mysql'] as const;
export type StartTls = (typeof startTlsProtocols)[number];

/** The talk in clear that ends where the TLS handshake begins. */
export async function startTls(protocol: StartTls, talk: PlainTalk): Promise<void> {
  await dialogues[protocol](talk);
  talk.finish();
}

const dialogues: Readonly<Record<StartTls, (talk: PlainTalk) => Promise<void>>> = {
  /** RFC 3207. */
  async smtp(talk) {
    await reply(talk, /^220/, 'greeting');
    talk.send('EHLO certwright.invalid\r\n');
    const offers = await reply(talk, /^250/, 'answer to EHLO');
    if (!offers.some((line) => /^250[ -]STARTTLS$/i.test(line.trim()))) {
      throw talk.fail('the server does not offer STARTTLS');
    }
    talk.send('STARTTLS\r\n');
    await reply(talk, /^220/, 'answer to STARTTLS');
  },

  /** RFC 9051 6.2.1. */
  async imap(talk) {
    expectMatch(talk, await talk.line(), /^\* (OK|PREAUTH)\b/i, 'greeting');
    talk.send('a1 STARTTLS\r\n');
    for (let count = 0; ; count += 1) {
      const line = await talk.line();
      if (line.startsWith('* ') && count < 100) continue;
      expectMatch(talk, line, /^a1 OK\b/i, 'answer to STARTTLS');
      return;
    }
  },

  /** RFC 2595 section 4. */
  async pop3(talk) {
    expectMatch(talk, await talk.line(), /^\+OK/, 'greeting');
    talk.send('STLS\r\n');
    expectMatch(talk, await talk.line(), /^\+OK/, 'answer to STLS');
  },

  /** RFC 4217 section 4. */
  async ftp(talk) {
    await reply(talk, /^220/, 'greeting');
    talk.send('AUTH TLS\r\n');
    await reply(talk, /^234/, 'answer to AUTH TLS');
  },

  /** RFC 4511 4.14: an ExtendedRequest, answered by an ExtendedResponse whose resultCode is success. */
  async ldap(talk) {
    const name = Buffer.from('1.3.6.1.4.1.1466.20037', 'latin1');
    const operation = Buffer.concat([Buffer.from([0x77, name.length + 2, 0x80, name.length]), name]);
    talk.send(Buffer.concat([Buffer.from([0x30, operation.length + 3, 0x02, 0x01, 0x01]), operation]));
    const head = await talk.bytes(2);
    const long = head.readUInt8(1);
    if (head[0] !== 0x30 || long > 0x82 || long === 0x80) throw talk.fail('the server does not speak LDAP');
    const length = long < 0x80 ? long : (await talk.bytes(long - 0x80)).readUIntBE(0, long - 0x80);
    const message = await talk.bytes(Math.min(length, 4096));
    // messageID 1, [APPLICATION 24], then ENUMERATED resultCode.
    const answer = message.indexOf(Buffer.from([0x0a, 0x01]));
    if (message[3] !== 0x78 || answer < 0) throw talk.fail('the server does not answer as LDAP does');
    const code = message[answer + 2] ?? -1;
    if (code !== 0) throw talk.fail(`the server refuses StartTLS with LDAP result code ${code}`);
  },

  /** PostgreSQL protocol, SSLRequest. */
  async postgres(talk) {
    talk.send(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
    const answer = (await talk.bytes(1)).toString('latin1');
    if (answer === 'N') throw talk.fail('the server has no TLS (it answers N to SSLRequest)');
    if (answer !== 'S')
      throw talk.fail(`the server does not speak PostgreSQL: it answers ${quoted(answer)} to SSLRequest`);
  },

  /** MySQL protocol: the server's first packet says whether it can, SSLRequest asks for it. */
  async mysql(talk) {
    const head = await talk.bytes(4);
    const packet = await talk.bytes(Math.min(head.readUIntLE(0, 3), 4096));
    if (packet[0] === 0xff) throw talk.fail(`the server refuses: ${quoted(packet.toString('latin1', 3))}`);
    const versionEnd = packet.indexOf(0, 1);
    // Behind the version: thread id (4), scramble (8), a filler, then the lower half of the capabilities.
    if (packet[0] !== 10 || versionEnd < 0 || packet.length < versionEnd + 16) {
      throw talk.fail('the server does not speak MySQL');
    }
    const clientSsl = 0x0800;
    if ((packet.readUInt16LE(versionEnd + 14) & clientSsl) === 0) throw talk.fail('the server has no TLS');
    const request = Buffer.alloc(36);
    request.writeUIntLE(32, 0, 3);
    request.writeUInt8(1, 3);
    // CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION.
    request.writeUInt32LE(0x0200 | clientSsl | 0x8000, 4);
    request.writeUInt32LE(0x0100_0000, 8);
    request.writeUInt8(45, 12);
    talk.send(request);
  },
};

/** A reply of SMTP or FTP, which may have several lines: `250-…` goes on, `250 …` ends it. */
async function reply(talk: PlainTalk, wanted: RegExp, what: string): Promise<string[]> {
  const lines: string[] = [];
  do {
    lines.push(await talk.line());
  } while (/^\d{3}-/.test(lines.at(-1) ?? '') && lines.length < 100);
  expectMatch(talk, lines.at(-1) ?? '', wanted, what);
  return lines;
}

function expectMatch(talk: PlainTalk, line: string, wanted: RegExp, what: string): void {
  if (!wanted.test(line)) throw talk.fail(`unexpected ${what}: ${quoted(line)}`);
}
