import { execFileSync } from 'node:child_process';

/** Builds dist/ once before the tests that start the program. */
export default function build(): void {
  execFileSync(process.execPath, ['build.mjs'], { stdio: 'inherit' });
}
