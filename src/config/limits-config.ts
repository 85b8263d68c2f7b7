import type { LimitPolicy, RateLimits } from '../access/limit-policy.ts';
import type { ServerLimits } from '../access/limits/limit-set.ts';
import type { QueueSettings } from '../access/limits/fair-queue.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ConfigDocument, ConfigPath, ConfigProblem } from './config-file.ts';

/** `limits:` of the configuration, with every model by its canonical id. */
export interface LimitsConfig extends ServerLimits {
  /** Undefined: who meets a limit is refused at once. */
  readonly queue?: QueueSettings;
  readonly whenCountersAreGone: 'share' | 'refuse';
}

/** The canonical id that a model's name stands for; undefined when there is no such model. */
type ResolveModel = (name: string) => string | undefined;

/**
 * The limits of a configuration file. Adds to `problems` the models that `catalog` does not know, and those named twice. Without
 * a catalog, which then has problems of its own, every name is taken as it is.
 */
export function limitsConfig(document: ConfigDocument, catalog: Pick<Catalog, 'resolve'> | undefined, problems: ConfigProblem[]): LimitsConfig {
  const resolve: ResolveModel = (name) => (catalog === undefined ? name : catalog.resolve(name)?.model.id);
  const { models, tenantDefault, queue, whenCountersAreGone = 'share' } = document.file.limits ?? {};
  const byId = (limits: Readonly<Record<string, RateLimits>> | undefined, path: ConfigPath): Readonly<Record<string, RateLimits>> =>
    modelsById(limits ?? {}, path, document, resolve, problems);
  const defaultModels = tenantDefault?.models === undefined ? undefined : byId(tenantDefault.models, ['limits', 'tenantDefault', 'models']);
  const policy: LimitPolicy | undefined =
    tenantDefault === undefined ? undefined : { ...tenantDefault, ...(defaultModels === undefined ? {} : { models: defaultModels }) };
  return {
    models: byId(models, ['limits', 'models']),
    ...(policy === undefined ? {} : { tenantDefault: policy }),
    ...(queue === undefined ? {} : { queue }),
    whenCountersAreGone,
  };
}

function modelsById(
  limits: Readonly<Record<string, RateLimits>>,
  path: ConfigPath,
  document: ConfigDocument,
  resolve: ResolveModel,
  problems: ConfigProblem[],
): Readonly<Record<string, RateLimits>> {
  const found = new Map<string, RateLimits>();
  for (const [name, rates] of Object.entries(limits)) {
    const id = resolve(name);
    if (id === undefined) {
      problems.push(document.problemAt([...path, name], 'expected a model of the catalog; one of your own is to be added under catalog.models'));
    } else if (found.has(id)) {
      problems.push(document.problemAt([...path, name], `expected each model once; "${id}" has limits here already`));
    } else {
      found.set(id, rates);
    }
  }
  return Object.fromEntries(found);
}

/** The address of the shared counters, by its variable's text. Adds to `problems`, without repeating what may be a password. */
export function valkeyUrlOf(text: string | undefined, problems: ConfigProblem[]): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text.trim());
  if (url !== null && /^(redis|valkey)s?:$/.test(url.protocol) && url.hostname !== '' && /^(\/\d*)?$/.test(url.pathname)) return text.trim();
  problems.push({ source: 'MOONGATE_VALKEY_URL', message: 'expected redis://host:6379, or rediss://, valkey:// or valkeys://, with ":password@" before the host if need be, and the number of the database behind it' });
  return undefined;
}
