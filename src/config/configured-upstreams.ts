import { sandboxUpstreamId } from '../catalog/catalog.ts';
import { shippedCatalog } from '../catalog/shipped-catalog.ts';
import { baseUrlProblem, normalBaseUrl } from './base-url.ts';
import type { ConfigDocument, ConfigProblem } from './config-file.ts';
import type { ConfigFile } from './config-schema.ts';
import type { ReadVariable } from './environment-reader.ts';
import { type ProtocolEndpoint, protocolEndpoints, type ProtocolProblem, type ProtocolWish } from './protocol-endpoints.ts';
import { isSelfHosted, shippedRow, type UpstreamKind, upstreamKinds } from './upstream-kind.ts';

/** How long to wait for an upstream, in milliseconds. */
export interface DeadlinesConfig {
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
  /** Of a call to a batch endpoint, in place of the two before. */
  readonly batchMs: number;
}

/** An upstream that is switched on. */
export interface UpstreamConfig {
  readonly id: string;
  readonly kind: UpstreamKind;
  /** Undefined: the kind's own base, from the catalog. */
  readonly baseUrl?: string;
  /** What it speaks and where, in the order of preference; never empty. */
  readonly endpoints: readonly ProtocolEndpoint[];
  readonly apiKey?: string;
  readonly models?: readonly string[];
  /** Whether it makes batches by itself. */
  readonly batches: 'native' | 'here';
  readonly deadlines: DeadlinesConfig;
}

/** An upstream that the file details, but whose environment variable is not set. */
export interface SwitchedOffUpstream {
  readonly id: string;
  readonly variable: string;
}

export interface ConfiguredUpstreams {
  /** Those of the environment first, in the catalog's order, then those of the file. */
  readonly upstreams: readonly UpstreamConfig[];
  readonly switchedOff: readonly SwitchedOffUpstream[];
}

type Entry = NonNullable<ConfigFile['upstreams']>[number];

/** What the environment says of an upstream of the shipped catalog. */
interface Credentials {
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  readonly switchedOn: boolean;
  /** The variable by which it is switched on. */
  readonly variable: string;
}

/**
 * First byte is long: a thinking model that is asked without streaming says nothing until it is done. A batch endpoint is waited for as
 * long as Ark's own examples do (responses-ark-anthropic-batch.md 2.5).
 */
const deadlinesDefault: DeadlinesConfig = { connectMs: 5_000, firstByteMs: 600_000, idleMs: 120_000, totalMs: 3_600_000, batchMs: 86_400_000 };

/**
 * The upstreams that the environment switches on and those of the file, which may also detail one of the environment by
 * its id. What is wrong is added to `problems`; the result then holds what is needed to look for more, no more.
 */
export function configuredUpstreams(document: ConfigDocument, read: ReadVariable, problems: ConfigProblem[]): ConfiguredUpstreams {
  const byId = new Map<string, UpstreamConfig>();
  const deadlines = { ...deadlinesDefault, ...document.file.deadlines };
  for (const kind of upstreamKinds) {
    const credentials = credentialsOf(kind, read);
    if (credentials?.switchedOn !== true) continue;
    const { apiKey } = credentials;
    const baseUrl = environmentBaseUrl(kind, read, problems);
    const endpoints = endpointsOf(kind, baseUrl);
    byId.set(kind, {
      id: kind, kind, ...(baseUrl === undefined ? {} : { baseUrl }), endpoints, ...(apiKey === undefined ? {} : { apiKey }), batches: batchesOf(kind), deadlines,
    });
  }
  const switchedOff: SwitchedOffUpstream[] = [];
  const firstIndex = new Map<string, number>();
  for (const [index, entry] of (document.file.upstreams ?? []).entries()) {
    const idProblem = problemOfId(entry, firstIndex, document);
    firstIndex.set(entry.id, firstIndex.get(entry.id) ?? index);
    if (idProblem !== undefined) {
      problems.push(document.problemAt(['upstreams', index, 'id'], idProblem));
      continue;
    }
    const found = fromEntry(entry, { document, index, read, problems });
    if ('variable' in found) switchedOff.push(found);
    else byId.set(entry.id, found);
  }
  return { upstreams: [...byId.values()], switchedOff };
}

interface EntryPlace {
  readonly document: ConfigDocument;
  readonly index: number;
  readonly read: ReadVariable;
  readonly problems: ConfigProblem[];
}

function fromEntry(entry: Entry, { document, index, read, problems }: EntryPlace): UpstreamConfig | SwitchedOffUpstream {
  const { id, kind, models } = entry;
  const refuse = (key: string, message: string): void => void problems.push(document.problemAt(['upstreams', index, key], message));
  // Only the upstream that bears its kind's name is the environment's; a second account has a key and a base URL of its own.
  const environment = id === kind ? credentialsOf(kind, read) : undefined;
  const selfHosted = isSelfHosted(kind, shippedCatalog());
  const reference = entry.apiKey?.slice(2, -1);
  const apiKey = reference === undefined ? environment?.apiKey : read(reference);
  if (reference !== undefined && apiKey === undefined) {
    refuse('apiKey', `expected a key in the environment variable ${reference}, which is not set`);
  } else if (!selfHosted && apiKey === undefined) {
    if (environment !== undefined) return { id, variable: environment.variable };
    refuse('apiKey', `expected the key of this ${kind} account, as a reference to an environment variable such as \${MY_KEY}`);
  }
  // The environment wins over the file, so a base URL that it names stays.
  const fromEnvironment = environment?.baseUrl === undefined ? undefined : environmentBaseUrl(kind, read, environment.switchedOn ? [] : problems);
  const baseUrl = fromEnvironment ?? entry.baseUrl;
  if (selfHosted && baseUrl === undefined) {
    const orVariable = environment === undefined ? '' : `, here or in ${environment.variable}`;
    refuse('baseUrl', `expected the base URL of your ${kind} server, such as http://localhost:8000/v1${orVariable}`);
  }
  const protocolProblems: ProtocolProblem[] = [];
  const endpoints = endpointsOf(kind, baseUrl, entry, protocolProblems);
  for (const { key, message } of protocolProblems) refuse(key, message);
  return {
    id,
    kind,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    endpoints,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(models === undefined ? {} : { models }),
    batches: entry.batches ?? batchesOf(kind),
    deadlines: { ...deadlinesDefault, ...document.file.deadlines, ...entry.deadlines },
  };
}

/** Moonshot has a batch API (moonshot-api.md 1.6); of Kimi Code's plan and of the others none is known. */
function batchesOf(kind: UpstreamKind): UpstreamConfig['batches'] {
  return kind === 'moonshot' ? 'native' : 'here';
}

/** `baseUrl` undefined: the kind's own. */
function endpointsOf(
  kind: UpstreamKind,
  baseUrl: string | undefined,
  wish: Pick<ProtocolWish, 'protocols' | 'messagesBaseUrl' | 'responsesBaseUrl'> = {},
  problems: ProtocolProblem[] = [],
): readonly ProtocolEndpoint[] {
  const { protocols, messagesBaseUrl, responsesBaseUrl } = wish;
  const inForce = baseUrl ?? shippedRow(kind, shippedCatalog())?.baseUrl ?? '';
  return protocolEndpoints({ kind, baseUrl: inForce, protocols, messagesBaseUrl, responsesBaseUrl }, problems);
}

/** Why an entry cannot have its id: an id names one upstream, and a kind's name is for that kind, whose key comes with it. */
function problemOfId({ id, kind }: Entry, firstIndex: ReadonlyMap<string, number>, document: ConfigDocument): string | undefined {
  if (id === sandboxUpstreamId) return `expected another id than "${id}", which is the built-in sandbox's`;
  if (id !== kind && upstreamKinds.some((one) => one === id)) return `expected another id than "${id}", or kind: ${id}; it is no name for an upstream of kind ${kind}`;
  const earlier = firstIndex.get(id);
  if (earlier !== undefined) return `expected an id of its own; "${id}" is already that of the upstream in line ${document.lineOf(['upstreams', earlier])}`;
  return undefined;
}

/** Undefined for `openai`: `OPENAI_API_KEY` is a key for OpenAI, not for any server that speaks like it. */
function credentialsOf(kind: UpstreamKind, read: ReadVariable): Credentials | undefined {
  const row = shippedRow(kind, shippedCatalog());
  if (row === undefined) return undefined;
  const apiKey = read(row.credentialEnv);
  const baseUrl = read(row.baseUrlEnv);
  return row.kind === 'hosted'
    ? { apiKey, baseUrl, switchedOn: apiKey !== undefined, variable: row.credentialEnv }
    : { apiKey, baseUrl, switchedOn: baseUrl !== undefined, variable: row.baseUrlEnv };
}

function environmentBaseUrl(kind: UpstreamKind, read: ReadVariable, problems: ConfigProblem[]): string | undefined {
  const source = shippedRow(kind, shippedCatalog())?.baseUrlEnv;
  const text = source === undefined ? undefined : read(source);
  if (source === undefined || text === undefined) return undefined;
  const problem = baseUrlProblem(text);
  if (problem !== undefined) problems.push({ source, message: problem });
  return normalBaseUrl(text);
}
