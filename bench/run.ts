/*
 * npm run bench            every benchmark
 * npm run bench -- NAME    one of them
 * Figures are medians; read the ratios, since they are measured side by side in one run. Nothing here fails a test run.
 */
const benchmarks = {
  'start-up': () => import('./start-up.ts'),
  issuing: () => import('./issuing.ts'),
  validation: () => import('./validation.ts'),
  crl: () => import('./crl.ts'),
  rotation: () => import('./rotation.ts'),
} as const;

const named = process.argv.slice(2);
for (const [name, load] of Object.entries(benchmarks)) {
  if (named.length > 0 && !named.includes(name)) continue;
  console.log(`\n${name}`);
  const { bench } = await load();
  await bench();
}
