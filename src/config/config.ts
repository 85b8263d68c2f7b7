import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseRootSecret } from '../base/secret.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import { CatalogError } from '../catalog/assemble-catalog.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { shippedCatalog } from '../catalog/shipped-catalog.ts';
import { checkBatchModels } from './batch-models.ts';
import { type BatchesConfig, batchesConfig } from './batches-config.ts';
import { ConfigError, type ConfigDocument, type ConfigProblem, parseConfig, readConfigFile } from './config-file.ts';
import type { ConfigFile } from './config-schema.ts';
import { configuredUpstreams, type SwitchedOffUpstream, type UpstreamConfig } from './configured-upstreams.ts';
import { databaseUrlOf } from './database-url.ts';
import { type DocumentsConfig, documentsConfig } from './documents-config.ts';
import { type FilesConfig, filesConfig } from './files-config.ts';
import { type LimitsConfig, limitsConfig, valkeyUrlOf } from './limits-config.ts';
import { openCatalog } from './enabled-upstreams.ts';
import { type Environment, environmentReader } from './environment-reader.ts';
import { type MoneyConfig, moneyConfig } from './money-config.ts';

/** What the server runs with: defaults, under the file, under the environment, under the flags. */
export interface Config {
  /** Undefined: both loopback addresses. */
  readonly host?: string;
  readonly port: number;
  readonly bodyBytesMax: number;
  readonly drainMs: number;
  readonly dataDir: string;
  readonly tokenizerPath?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly policy: { readonly allowUnpriced: boolean; readonly mapRetired: boolean };
  readonly upstreams: readonly UpstreamConfig[];
  /** Those that the file details, but that nothing switches on. */
  readonly switchedOff: readonly SwitchedOffUpstream[];
  readonly sandbox: { readonly tokensPerSecond: number; readonly firstTokenMs: number; readonly script?: string };
  readonly limits: LimitsConfig;
  /** Where the counters of the limits are shared with other replicas. May hold a password; never to be shown. */
  readonly valkeyUrl?: string;
  /** Generations without a number: kept for ever. Responses and conversations: so long after they were last gone on from. */
  readonly retention: { readonly generationsDays?: number; readonly responsesDays: number };
  /** Undefined: only when asked for. */
  readonly reconciliation: { readonly everyHours?: number };
  readonly catalog: ConfigFile['catalog'];
  readonly money: MoneyConfig;
  readonly batches: BatchesConfig;
  readonly files: FilesConfig;
  readonly documents: DocumentsConfig;
  /** Where the process is to die; for the simulation of kills. */
  readonly crashAt?: string;
  /** The root secret, when the environment holds it. */
  readonly rootSecret?: string;
  /** Of Postgres, with its password; then there is a root secret too. Absent: SQLite in the data folder. */
  readonly databaseUrl?: string;
}

/** `--port --host --data-dir --config`, as text. */
export interface ConfigFlags {
  readonly port?: string;
  readonly host?: string;
  readonly dataDir?: string;
  readonly config?: string;
}

/** OpenAI keeps them at least 30 days (responses-ark-anthropic-batch.md 1.2). */
const responsesDaysDefault = 30;

const fileDefault = 'moongate.yaml';

const flagNames = { port: '--port', host: '--host', dataDir: '--data-dir', config: '--config' } as const;
const flagValues = { port: 'a port from 0 to 65535', host: 'an address to listen on', dataDir: 'the path of a folder', config: 'the path of a file' };

/**
 * Puts the configuration together. The file is `flags.config`, else `MOONGATE_CONFIG`, else `./moongate.yaml` if it is
 * there. A variable that is empty counts as not set. Throws `ConfigError` naming every problem: what the start would
 * stumble over later in the file, its catalog included, is found here.
 */
export function loadConfig(flags: ConfigFlags, environment: Environment): Config {
  const problems: ConfigProblem[] = [];
  const read = environmentReader(environment);
  const flag = (name: keyof ConfigFlags): string | undefined => flagOf(flags, name, problems);
  const path = flag('config') ?? read('MOONGATE_CONFIG') ?? (existsSync(fileDefault) ? fileDefault : undefined);
  const document = path === undefined ? parseConfig('', fileDefault) : readConfigFile(path);
  const { file } = document;
  const { upstreams, switchedOff } = configuredUpstreams(document, read, problems);
  checkBatchModels(document, upstreams, problems);
  const catalog = checkedCatalog(document, upstreams, switchedOff, problems);
  const money = moneyConfig(document, { folder: path === undefined ? '.' : dirname(path), catalog, upstreams, switchedOff }, problems);
  const limits = limitsConfig(document, catalog, problems);
  const valkeyUrl = valkeyUrlOf(read('MOONGATE_VALKEY_URL'), problems);
  const portFlag = flag('port');
  const port = portOf(portFlag ?? read('MOONGATE_PORT'), portFlag === undefined ? 'MOONGATE_PORT' : '--port', problems);
  const host = flag('host') ?? read('MOONGATE_HOST') ?? file.server?.host;
  const dataDir = flag('dataDir') ?? read('MOONGATE_DATA_DIR') ?? file.dataDir ?? 'data';
  const batches = batchesConfig(document, [...upstreams, ...switchedOff].map(({ id }) => id), problems);
  const files = filesConfig(document, dataDir, read, problems);
  const tokenizerPath = read('MOONGATE_TOKENIZER') ?? file.tokenizer;
  const rootSecret = rootSecretOf(read('MOONGATE_SECRET'), problems);
  const databaseUrl = databaseUrlOf(read('MOONGATE_DATABASE_URL'), rootSecret, problems);
  const crashPoint = read('MOONGATE_CRASH_AT');
  const logLevel = logLevelOf(read('MOONGATE_LOG_LEVEL'), problems) ?? file.logLevel ?? 'info';
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    ...(host === undefined ? {} : { host }),
    port: port ?? file.server?.port ?? 8787,
    bodyBytesMax: file.server?.bodyBytesMax ?? 32 * 1024 * 1024,
    drainMs: file.server?.drainMs ?? 30_000,
    dataDir: resolve(dataDir),
    ...(tokenizerPath === undefined ? {} : { tokenizerPath }),
    logLevel,
    policy: { allowUnpriced: file.policy?.allowUnpriced ?? false, mapRetired: file.policy?.mapRetired ?? false },
    upstreams,
    switchedOff,
    sandbox: {
      tokensPerSecond: file.sandbox?.tokensPerSecond ?? 200,
      firstTokenMs: file.sandbox?.firstTokenMs ?? 150,
      ...(file.sandbox?.script === undefined ? {} : { script: file.sandbox.script }),
    },
    limits,
    ...(valkeyUrl === undefined ? {} : { valkeyUrl }),
    retention: {
      ...(file.retention?.generationsDays === undefined ? {} : { generationsDays: file.retention.generationsDays }),
      responsesDays: file.retention?.responsesDays ?? responsesDaysDefault,
    },
    reconciliation: file.reconciliation?.everyHours === undefined ? {} : { everyHours: file.reconciliation.everyHours },
    catalog: file.catalog,
    money,
    batches,
    files,
    documents: documentsConfig(document, read),
    ...(crashPoint === undefined ? {} : { crashAt: crashPoint }),
    ...(rootSecret === undefined ? {} : { rootSecret }),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  };
}

/** The catalog of the configuration. What only it can tell goes into `problems`: offers of models that do not exist, and the like. */
function checkedCatalog(
  document: ConfigDocument,
  upstreams: readonly UpstreamConfig[],
  switchedOff: readonly SwitchedOffUpstream[],
  problems: ConfigProblem[],
): Catalog | undefined {
  try {
    return openCatalog({ upstreams, switchedOff, catalog: document.file.catalog }, shippedCatalog());
  } catch (thrown) {
    if (!(thrown instanceof CatalogError)) throw thrown;
    for (const { path, message, other } of thrown.issues) {
      const where = other === undefined ? '' : `; the other stands in line ${document.lineOf(['catalog', ...other.split('.')])}`;
      problems.push(document.problemAt(['catalog', ...path.split('.')], message + where));
    }
    return undefined;
  }
}

/** A flag that is given must say something: `--host=` would otherwise listen on every address. */
function flagOf(flags: ConfigFlags, name: keyof ConfigFlags, problems: ConfigProblem[]): string | undefined {
  const text = flags[name];
  if (text === undefined || text.trim() !== '') return text;
  problems.push({ source: flagNames[name], message: `expected ${flagValues[name]}, not nothing` });
  return undefined;
}

function rootSecretOf(text: string | undefined, problems: ConfigProblem[]): string | undefined {
  try {
    if (text !== undefined) parseRootSecret(text, 'it');
  } catch (thrown) {
    if (!(thrown instanceof StartRefusal)) throw thrown;
    problems.push({ source: 'MOONGATE_SECRET', message: thrown.message });
  }
  return text;
}

function portOf(text: string | undefined, source: string, problems: ConfigProblem[]): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  problems.push({ source, message: `expected a port from 0 to 65535, not "${text}"` });
  return undefined;
}

function logLevelOf(text: string | undefined, problems: ConfigProblem[]): Config['logLevel'] | undefined {
  if (text === undefined) return undefined;
  const level = (['debug', 'info', 'warn', 'error', 'silent'] as const).find((one) => one === text);
  if (level === undefined) problems.push({ source: 'MOONGATE_LOG_LEVEL', message: 'expected debug, info, warn, error or silent' });
  return level;
}
