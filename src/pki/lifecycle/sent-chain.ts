import type { Certificate } from '../x509/certificate.ts';
import { formatName } from '../x509/distinguished-name.ts';
import { sameName } from '../x509/name-comparison.ts';
import { displayName } from '../x509/validation/verdict.ts';

/** What is odd about the certificates that a server sends, and in which order (RFC 8446 4.4.2, RFC 5246 7.4.2). */
export interface ChainNote {
  kind: 'out-of-order' | 'superfluous' | 'twice' | 'root-sent' | 'missing';
  message: string;
  fix: string;
}

/** @param anchors what is trusted: what they issued need not be sent with its issuer */
export function judgeSentChain(sent: readonly Certificate[], anchors: readonly Certificate[]): ChainNote[] {
  const path = followIssuers(sent);
  return [...orderNotes(sent, path), ...surplusNotes(sent, path), ...endNotes(path, anchors)];
}

/** From the first certificate upwards, wherever the next one stands. */
function followIssuers(sent: readonly Certificate[]): Certificate[] {
  const path: Certificate[] = sent.slice(0, 1);
  for (;;) {
    const top = path.at(-1);
    if (!top || sameName(top.issuerName, top.subjectName)) return path;
    const next = sent.find((one) => !path.includes(one) && sameName(one.subjectName, top.issuerName));
    if (!next) return path;
    path.push(next);
  }
}

function orderNotes(sent: readonly Certificate[], path: readonly Certificate[]): ChainNote[] {
  return path.flatMap((certificate, at): ChainNote[] => {
    const before = path[at - 1];
    if (!before || sent.indexOf(certificate) > sent.indexOf(before)) return [];
    const message = `${displayName(certificate)} is sent before ${displayName(before)}, which it issued`;
    return [{ kind: 'out-of-order', message, fix: 'each certificate is followed by the one that issued it' }];
  });
}

function surplusNotes(sent: readonly Certificate[], path: readonly Certificate[]): ChainNote[] {
  return sent.flatMap((certificate, at): ChainNote[] => {
    if (path.includes(certificate)) return [];
    const name = displayName(certificate);
    const twice = sent.findIndex(({ der }) => der.equals(certificate.der)) < at;
    return [
      twice
        ? { kind: 'twice', message: `${name} is sent twice`, fix: 'leave it out once' }
        : {
            kind: 'superfluous',
            message: `${name} belongs to no chain of the first certificate`,
            fix: 'leave it out',
          },
    ];
  });
}

function endNotes(path: readonly Certificate[], anchors: readonly Certificate[]): ChainNote[] {
  const top = path.at(-1);
  if (!top) return [];
  const name = displayName(top);
  if (sameName(top.issuerName, top.subjectName)) {
    if (path.length === 1) return [];
    const message = `the root ${name} is sent along: whoever trusts it has it`;
    return [{ kind: 'root-sent', message, fix: 'leave it out, it costs every handshake a kilobyte' }];
  }
  const trusted = anchors.some((anchor) => sameName(anchor.subjectName, top.issuerName));
  if (trusted) return [];
  const message = `the issuer of ${name} is neither sent nor trusted (${formatName(top.issuerName)})`;
  return [
    { kind: 'missing', message, fix: 'serve fullchain.pem, if it stands between; trust it, if it is a root' },
  ];
}
