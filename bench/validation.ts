import { existsSync, readFileSync } from 'node:fs';
import { readCertificate } from '../src/pki/x509/certificate.ts';
import { PemBlock, pemBlocks, PemText } from '../src/pki/x509/pem.ts';
import { validateChain } from '../src/pki/x509/validation/chain.ts';
import { authority, issue, noon } from '../test/support/chains.ts';
import { median } from './measure.ts';

const systemRoots = '/etc/ssl/certs/ca-certificates.crt';

/** Verdicts on a leaf with two intermediates, read from DER each time; and the system's roots. */
export function bench(): void {
  const root = authority('root');
  const upper = authority('upper', root);
  const lower = authority('lower', upper);
  const leaf = issue('orders.internal', lower);
  const ders = [leaf, lower, upper].map(({ certificate }) => certificate.der);
  const anchors = [root.certificate];
  const verdict = (): boolean => {
    const [target, ...intermediates] = ders.map(readCertificate);
    return (
      target !== undefined &&
      validateChain({ leaf: target, intermediates, anchors, time: noon, usage: 'server' }).valid
    );
  };

  const count = 500;
  const rates = [1, 2, 3, 4, 5].map(() => {
    const start = performance.now();
    for (let at = 0; at < count; at += 1) if (!verdict()) throw new Error('the chain must hold');
    return (1000 * count) / (performance.now() - start);
  });
  console.log(
    `  ${'a leaf with two intermediates'.padEnd(44)} ${median(rates).toFixed(0).padStart(9)} verdicts/s`,
  );

  if (!existsSync(systemRoots)) return;
  const times: number[] = [];
  let roots = 0;
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    const blocks = [...pemBlocks(new PemText(readFileSync(systemRoots)))];
    roots = blocks.flatMap((block) =>
      block instanceof PemBlock ? [readCertificate(block.decode())] : [],
    ).length;
    times.push(performance.now() - start);
  }
  const label = `the system's ${roots} roots, first time and median`;
  console.log(
    `  ${label.padEnd(44)} ${(times[0] ?? 0).toFixed(1).padStart(9)} ms ${median(times).toFixed(1)} ms`,
  );
}
