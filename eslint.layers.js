// Who may import whom. Downwards only:
//   bin -> commands -> lifecycle -> authorities, store, deploy, tls -> x509 -> ground
// One table, one rule; static imports, type imports, re-exports and import() are all judged alike.
import { isBuiltin } from 'node:module';
import { posix, relative, sep } from 'node:path';

/**
 * `path` is a folder or a file; the longest that fits a file is its room.
 * `rooms` may be imported, `types` only for their types, of `packages` these alone.
 * A room's own files may always be imported. The built-in modules in `not` may not.
 */
export const rooms = [
  { path: 'bin/', rooms: ['dist/'] },
  { path: 'dist/' },

  { path: 'src/commands/', rooms: ['src/pki/lifecycle/', 'src/pki/x509/', 'src/pki/'], packages: ['commander'] },
  {
    path: 'src/commands/output.ts',
    like: 'src/commands/',
    packages: ['chalk', 'ora'],
  },

  {
    path: 'src/pki/lifecycle/',
    rooms: [
      'src/pki/authorities/',
      'src/pki/authorities/authority.ts',
      'src/pki/authorities/local/',
      'src/pki/authorities/acm-pca/',
      'src/pki/authorities/acm/',
      'src/pki/store/',
      'src/pki/deploy/',
      'src/pki/tls/',
      'src/pki/x509/',
      'src/pki/',
    ],
  },

  // The contract; what opens one of its implementations; the implementations, strangers to each other.
  { path: 'src/pki/authorities/authority.ts', rooms: ['src/pki/x509/', 'src/pki/'] },
  {
    path: 'src/pki/authorities/',
    rooms: [
      'src/pki/authorities/authority.ts',
      'src/pki/authorities/local/',
      'src/pki/authorities/acm-pca/',
      'src/pki/authorities/acm/',
      'src/pki/x509/',
      'src/pki/',
    ],
  },
  {
    path: 'src/pki/authorities/local/',
    rooms: ['src/pki/authorities/authority.ts', 'src/pki/x509/', 'src/pki/'],
  },
  {
    path: 'src/pki/authorities/acm-pca/',
    rooms: ['src/pki/authorities/authority.ts', 'src/pki/x509/', 'src/pki/'],
  },
  {
    path: 'src/pki/authorities/acm/',
    rooms: ['src/pki/authorities/authority.ts', 'src/pki/x509/', 'src/pki/'],
  },

  // The store implements the Journal, which is declared beside the contract.
  {
    path: 'src/pki/store/',
    rooms: ['src/pki/x509/', 'src/pki/'],
    types: ['src/pki/authorities/authority.ts'],
  },
  { path: 'src/pki/deploy/', rooms: ['src/pki/x509/', 'src/pki/'] },
  { path: 'src/pki/tls/', rooms: ['src/pki/x509/', 'src/pki/'] },

  { path: 'src/pki/x509/', rooms: ['src/pki/'] },
  {
    path: 'src/pki/x509/request.ts',
    like: 'src/pki/x509/',
    packages: ['@peculiar/x509', 'reflect-metadata'],
  },

  // The ground: errors.ts and what every room stands on.
  { path: 'src/pki/' },
];
