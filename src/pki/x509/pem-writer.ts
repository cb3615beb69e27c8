/** One PEM block (RFC 7468) with its trailing newline. */
export function encodePem(label: string, der: Buffer): string {
  const base64 = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

export const certificatePem = (der: Buffer): string => encodePem('CERTIFICATE', der);
