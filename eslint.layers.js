// Who may import whom, downwards only:
//   bin -> commands -> lifecycle -> config -> authorities, store; lifecycle -> deploy, tls; all -> x509
//   -> ground (errors.ts, durable.ts)
// One table, one rule. Static imports, type imports, re-exports and import() are judged alike.
import { isBuiltin } from 'node:module';
import { posix, relative, sep } from 'node:path';

const contract = 'src/pki/authorities/authority.ts';
const kinds = ['src/pki/authorities/local/', 'src/pki/authorities/acm-pca/', 'src/pki/authorities/acm/'];
// What ACM and AWS Private CA have in common.
const aws = 'src/pki/authorities/aws/';
// What is written in certwright.yaml and request.json about a deploy.
const plan = 'src/pki/deploy/plan.ts';
const storedPlan = 'src/pki/deploy/stored-plan.ts';
const x509 = 'src/pki/x509/';
const ground = 'src/pki/';

/**
 * A file is in the room with the longest path that fits. It may import its own room, the rooms listed, the listed
 * `types` for their types only, of npm's packages the listed ones, and what Node.js brings but for `never`.
 */
const rooms = {
  'bin/': { rooms: ['dist/'] },
  'dist/': {},

  'src/commands/': { rooms: ['src/pki/lifecycle/', x509, ground], packages: ['commander'] },
  'src/commands/output.ts': { within: 'src/commands/', packages: ['chalk', 'ora'] },

  'src/pki/lifecycle/': {
    rooms: [
      'src/pki/config/',
      'src/pki/authorities/',
      contract,
      ...kinds,
      aws,
      'src/pki/store/',
      'src/pki/deploy/',
      plan,
      'src/pki/tls/',
      x509,
      ground,
    ],
  },

  'src/pki/config/': { rooms: ['src/pki/authorities/', aws, 'src/pki/store/', plan, x509, ground] },
  'src/pki/config/yaml.ts': { within: 'src/pki/config/', packages: ['yaml'] },

  [contract]: { rooms: [x509, ground] },
  'src/pki/authorities/': { rooms: [contract, ...kinds, aws, x509, ground] },
  [aws]: { rooms: [contract, x509, ground] },
  'src/pki/authorities/local/': { rooms: [contract, x509, ground] },
  'src/pki/authorities/acm-pca/': {
    rooms: [contract, aws, x509, ground],
    packages: ['@aws-sdk/client-acm-pca'],
  },
  // ACM's private certificates are made by a CA of AWS Private CA, which alone tells what it will do.
  'src/pki/authorities/acm/': {
    rooms: [contract, aws, 'src/pki/authorities/acm-pca/', x509, ground],
    packages: ['@aws-sdk/client-acm'],
  },
  // The store implements the Journal, which is declared beside the contract.
  'src/pki/store/': { rooms: [plan, storedPlan, x509, ground], types: [contract] },
  'src/pki/deploy/': { rooms: [plan, x509, ground] },
  [plan]: { rooms: [x509, ground] },
  [storedPlan]: { rooms: [plan, x509, ground] },
  'src/pki/tls/': { rooms: [x509, ground] },

  [x509]: { rooms: [ground] },
  'src/pki/x509/request.ts': { within: x509, packages: ['@peculiar/x509', 'reflect-metadata'] },
  [ground]: {},
};

/** The world is lent to src/pki, never taken. */
export const takenFromTheWorld = ['process', 'console'];

export const layers = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      room: '{{from}} may not import {{to}}: see the table in eslint.layers.js',
      typesOnly: '{{from}} may import only types from {{to}}: see the table in eslint.layers.js',
      homeless: '{{from}} belongs to no room of the table in eslint.layers.js',
      computed: 'import() of a computed name cannot be judged: write the name out',
    },
  },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');
    const from = roomOf(file);

    function judge(node, source, isType) {
      if (source?.type !== 'Literal' || typeof source.value !== 'string') {
        context.report({ node, messageId: 'computed' });
        return;
      }
      const to = targetOf(file, source.value);
      const verdict = judgeImport(from, to);
      if (verdict === 'allowed' || (verdict === 'typesOnly' && isType)) return;
      context.report({ node, messageId: verdict, data: { from, to: source.value } });
    }

    return {
      Program(node) {
        if (from === undefined) context.report({ node, messageId: 'homeless', data: { from: file } });
      },
      ImportDeclaration: (node) => judge(node, node.source, isTypeOnly(node, node.importKind)),
      ExportAllDeclaration: (node) => judge(node, node.source, node.exportKind === 'type'),
      ExportNamedDeclaration(node) {
        if (node.source) judge(node, node.source, isTypeOnly(node, node.exportKind));
      },
      ImportExpression: (node) => judge(node, node.source, false),
      // A require() of a computed name is bin's own: which file of dist/ it starts.
      CallExpression({ callee, arguments: [name] }) {
        if (callee.name === 'require' && name?.type === 'Literal') judge(callee, name, false);
      },
      TSImportType: (node) => judge(node, node.source, true),
      TSExternalModuleReference: (node) => judge(node, node.expression, false),
    };
  },
};

function judgeImport(from, to) {
  // A homeless file is reported once, as a whole.
  if (from === undefined) return 'allowed';
  const { within = from, packages = [] } = rooms[from];
  const { rooms: lower = [], types = [] } = rooms[within];
  switch (to.kind) {
    case 'builtin':
      return from.startsWith(ground) && takenFromTheWorld.includes(to.name) ? 'room' : 'allowed';
    case 'package':
      return packages.includes(to.name) || rooms[within].packages?.includes(to.name) ? 'allowed' : 'room';
    default: {
      const home = rooms[to.room]?.within ?? to.room;
      if (home === within || lower.includes(home)) return 'allowed';
      return types.includes(home) ? 'typesOnly' : 'room';
    }
  }
}

/** What a type import is: `import type`, or `import { type A, type B }` with nothing beside it. */
function isTypeOnly(node, kind) {
  if (kind === 'type') return true;
  const named = node.specifiers;
  return (
    named.length > 0 && named.every(({ importKind, exportKind }) => (importKind ?? exportKind) === 'type')
  );
}

function targetOf(file, specifier) {
  if (isBuiltin(specifier)) return { kind: 'builtin', name: specifier.replace(/^node:/, '') };
  if (!/^\.{0,2}\//.test(specifier)) {
    return { kind: 'package', name: /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier };
  }
  const path = posix.join(posix.dirname(file), specifier);
  return { kind: 'file', name: path, room: roomOf(path) };
}

function roomOf(path) {
  const fitting = Object.keys(rooms).filter((room) =>
    room.endsWith('/') ? path.startsWith(room) : path === room,
  );
  return fitting.sort((a, b) => b.length - a.length)[0];
}
