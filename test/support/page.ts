import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { program } from './cli.ts';

/** The folder of the project. */
export const top = resolve(import.meta.dirname, '../..');

/** A fenced block of a page of the documentation. */
export interface Block {
  /** What the line above it names, alone and in backticks. */
  file: string | undefined;
  language: string;
  text: string;
}

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(top, page), 'utf8');
  const fences = text.matchAll(/(?:^`(\S+)`\n\n)?^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...fences].map(([, file, language = '', block = '']) => ({ file, language, text: block }));
}

/** The `sh` examples of a page, in order. */
export const examples = (page: string): string[] =>
  blocksOf(page).flatMap(({ file, language, text }) => (language === 'sh' && !file ? text : []));

/** Makes a file that runs this tree's program, as `certwright` and as `npx certwright`. */
export function writeShim(file: string): void {
  const text = `#!/bin/sh\n[ "$1" = certwright ] && shift\nexec '${process.execPath}' '${program}' "$@"\n`;
  writeFileSync(file, text, { mode: 0o755 });
}
