/**
 * Who may import whom: the table of docs/ARCHITECTURE.md. A room is a folder of `src/`, or one of the other top-level
 * folders. Rooms are listed from the ground up; each may import only rooms above its own line in this file.
 */
const ground = ['base'] as const;
const stored = ['storage', ...ground] as const;
const spoken = ['dialogue', ...ground] as const;
const spokenAndStored = ['dialogue', ...stored] as const;

export const importTable: Readonly<Record<string, readonly string[]>> = {
  base: [],
  dialogue: ground,
  storage: ground,
  wire: spoken,
  catalog: spokenAndStored,
  ledger: stored,
  access: stored,
  people: stored,
  records: spokenAndStored,
  threads: spokenAndStored,
  jobs: stored,
  tokens: spoken,
  documents: stored,
  fidelity: spokenAndStored,
  routing: ['catalog', 'fidelity', ...spokenAndStored],
  upstreams: ['wire', ...spoken],
  gateway: ['routing', 'catalog', 'ledger', 'access', 'records', 'tokens', 'documents', 'fidelity', ...spokenAndStored],
  batches: ['gateway', 'jobs', 'threads', 'documents', 'fidelity', ...spokenAndStored],
  agents: ['gateway', 'jobs', 'threads', 'documents', 'fidelity', ...spokenAndStored],
  http: [
    'contract', 'agents', 'batches', 'gateway', 'routing', 'fidelity', 'documents', 'tokens', 'jobs', 'threads', 'records',
    'people', 'access', 'ledger', 'catalog', 'wire', ...spokenAndStored,
  ],
  launch: [],
  contract: [],
  client: ['contract'],
  cli: ['client', 'launch'],
  console: ['client'],
};

/** Single files that a room may import from a room that is otherwise closed to it, with the reason. */
export const importDoors: readonly { readonly room: string; readonly path: string; readonly why: string }[] = [
  { room: 'gateway', path: 'src/upstreams/upstream.ts', why: 'the port; the adapters behind it are handed in by compose' },
  { room: 'batches', path: 'src/access/caller.ts', why: 'in whose name lines run; who that is, compose says' },
];

/**
 * The composition root: what lies directly in src/, and config/. It knows every concrete class, reads the environment, and
 * exits; it imports all of src, and nobody imports it.
 */
export function isCompositionRoot(path: string): boolean {
  return /^src\/([^/]+|config\/.+)$/.test(path);
}

/** The room of a path: `base` for src/base/id.ts, `client` for client/x.ts, undefined for tools, tests, bench, sim and files at the top. */
export function roomOf(path: string): string | undefined {
  const inSource = /^src\/([^/]+)\//.exec(path)?.[1];
  if (inSource !== undefined) return isCompositionRoot(path) ? undefined : inSource;
  return /^(launch|contract|client|cli|console)\//.exec(path)?.[1];
}
