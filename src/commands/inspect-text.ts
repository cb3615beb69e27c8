import type { FoundItem, Inspection } from '../pki/lifecycle/inspect.ts';
import { certificateRows, requestRows } from './inspect-certificate.ts';
import { crlRows, keyRows } from './inspect-other.ts';
import type { Look } from './inspect-report.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

/** A name and what it says; several values stand one below the other. Values are escaped already. */
export type Row = readonly [label: string, ...values: string[]];

/** More than anybody reads at a terminal. */
const mostValues = 100;

/** A list for a row, cut to what is worth reading. */
export function listed(values: readonly string[]): string[] {
  const shown = values.slice(0, mostValues).map(shorten);
  const more = values.length - shown.length;
  return more > 0 ? [...shown, `… and ${more} more (--json shows all)`] : shown;
}

const longest = 1000;

/** Escaped, and cut where it is absurdly long. */
export const shorten = (text: string): string =>
  printable(text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text);

const titles = {
  certificate: 'certificate',
  request: 'certificate request',
  crl: 'certificate revocation list',
  'private-key': 'private key',
  'public-key': 'public key',
  foreign: 'something else',
} as const;

/** What is shown of one item. */
export function itemLines(index: number, inspection: Inspection, look: Look, output: Output): string[] {
  const one = inspection.found[index];
  if (!one) return [];
  const { paint } = output;
  const title = `${inspection.found.length > 1 ? `[${index + 1}] ` : ''}${titles[one.description.kind]}`;
  const where = whereOf(one, look);
  const rows = [
    ...rowsOf(one, look, output),
    ...relationRows(index, inspection),
    ...one.item.notes.map((note): Row => ['note', paint.yellow(printable(note))]),
  ];
  return [`${paint.bold(title)}${where === '' ? '' : paint.dim(` ${where}`)}`, ...rows.flatMap(rowLines)];
}

function whereOf({ file, item: { place } }: FoundItem, { target }: Look): string {
  const parts = [
    ...(file === target ? [] : [printable(file)]),
    ...(place.block === undefined ? [] : [`block ${place.block}`]),
    ...(place.container === 'pkcs7' ? ['in PKCS#7'] : place.container === 'pkcs12' ? ['in PKCS#12'] : []),
    ...(place.friendlyName === undefined ? [] : [`"${shorten(place.friendlyName)}"`]),
  ];
  return parts.join(', ');
}

function rowsOf({ item, description }: FoundItem, look: Look, output: Output): Row[] {
  switch (description.kind) {
    case 'certificate':
      return certificateRows(description, item, look, output);
    case 'request':
      return requestRows(description);
    case 'crl':
      return crlRows(description, look, output);
    case 'private-key':
    case 'public-key':
      return keyRows(description);
    case 'foreign':
      return [
        ['what', printable(description.what)],
        ['try', printable(description.advice)],
      ];
  }
}

const relationWords = {
  'key-of': ['belongs to', 'its key'],
  'public-key-of': ['belongs to', 'its public key'],
  'request-of': ['requested', 'its request'],
  'issued-by': ['issued by', 'issued'],
} as const;

function relationRows(index: number, { related: { relations } }: Inspection): Row[] {
  const rows = new Map<string, string[]>();
  const add = (label: string, other: number): void => {
    rows.set(label, [...(rows.get(label) ?? []), `[${other + 1}]`]);
  };
  for (const { type, from, to } of relations) {
    if (from === index) add(relationWords[type][0], to);
    if (to === index) add(relationWords[type][1], from);
  }
  return [...rows].map(([label, others]) => {
    const shown = others.slice(0, 20).join(' ');
    return [label, others.length > 20 ? `${shown} … and ${others.length - 20} more` : shown];
  });
}

const width = 14;

export function rowLines([label, ...values]: Row): string[] {
  return values.map((value, at) => `  ${(at === 0 ? label : '').padEnd(width)}${value}`);
}

/** `1 file`, `2 files`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** To the second where it is a whole one. */
export const timeText = (iso: string): string => iso.replace('.000Z', 'Z');
