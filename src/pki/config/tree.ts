/** Where something stands in a text: both counted from one, the column in UTF-16 units, as editors do. */
export interface Position {
  line: number;
  column: number;
}

/** A file of settings as it was written, whatever syntax it was written in. */
export type Tree =
  | { kind: 'scalar'; at: Position; value: unknown; source: string }
  | { kind: 'list'; at: Position; items: readonly Tree[] }
  | { kind: 'map'; at: Position; entries: readonly Entry[] };

export interface Entry {
  key: string;
  at: Position;
  value: Tree;
}
