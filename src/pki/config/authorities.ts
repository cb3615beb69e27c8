import { dirname, resolve } from 'node:path';
import { isCaArn, parseArn } from '../authorities/aws/arn.ts';
import { isAws } from '../authorities/open.ts';
import { PkiError } from '../errors.ts';
import { nearest } from './nearest.ts';
import { text, type Reader } from './readers.ts';
import { quoted, type Reading } from './reading.ts';
import type { Entry } from './tree.ts';

/** Reads an alias, a folder relative to the file, or something at AWS, into a reference. */
export type AuthorityReader = Reader<string>;

/** Shared with docs/schema/config.v1.json; a colon or a slash would make it an ARN or a folder. */
const aliasForm = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** Reads the section `authorities`: aliases and what they stand for. */
export function readAuthorities(
  entries: readonly Entry[],
  file: string,
  reading: Reading,
): Map<string, string> {
  const reference = text((value, label) => referenceTo(value, label, file));
  const found = new Map<string, string>();
  for (const { key, at, value } of entries) {
    if (!aliasForm.test(key) || key === 'acm') {
      const message = `authority ${quoted(key)} cannot be the name of one`;
      reading.fault(
        at,
        'bad-name',
        message,
        'letters, digits, hyphen and underscore, at most 64, beginning with a letter, not acm',
      );
    }
    // A faulty one is declared all the same, so that whatever names it is not faulty too.
    found.set(key, reference(value, `authority ${key}`, reading) ?? '');
  }
  return found;
}

/** Reads `ca:` where these aliases are known. */
export const authorityReader = (aliases: ReadonlyMap<string, string>, file: string): AuthorityReader =>
  text((value, label) => {
    const declared = aliases.get(value);
    if (declared !== undefined) return declared;
    if (isAws(value) || /^\.|\//.test(value)) return referenceTo(value, label, file);
    const meant = nearest(value, [...aliases.keys()]);
    throw new PkiError('not-found', `${label} ${JSON.stringify(value)} is not declared under authorities`, {
      hint:
        meant === undefined
          ? `declare it, or write a folder as ./${value}`
          : `did you mean ${JSON.stringify(meant)}?`,
    });
  });

function referenceTo(value: string, label: string, file: string): string {
  if (value === '' || value.startsWith('~')) {
    throw new PkiError('bad-input', `${label} ${JSON.stringify(value)} names no folder`, {
      hint: 'a folder (relative to this file, or absolute), an ARN, acm, or acm:ARN; ~ is not expanded',
    });
  }
  if (!isAws(value)) return resolve(dirname(file), value);
  if (value !== 'acm') parseArn(value.replace(/^acm:/, ''), 'acm-pca', isCaArn, label);
  return value;
}
