import type { Caller } from '../caller.ts';
import type { LimitPolicy, RateLimits } from '../limit-policy.ts';
import type { LimitCounter, LimitKind } from './limit-counter.ts';

/** What the operator has set for the whole server. */
export interface ServerLimits {
  /** By canonical model id, over all tenants together. */
  readonly models: Readonly<Record<string, RateLimits>>;
  /** For tenants that have no policy of their own. */
  readonly tenantDefault?: LimitPolicy;
}

/** Every limit that holds for the calls of one caller to one model; at least one. */
export type LimitSet = readonly LimitCounter[];

const kinds: readonly LimitKind[] = ['rpm', 'tpm', 'tpd', 'concurrency'];

/** Which limits hold for whom. */
export class LimitSets {
  readonly #server: ServerLimits;
  /** By the caller's object: a key that changes gets a new one, so that nothing old is ever found here. */
  readonly #known = new WeakMap<Caller, Map<string, LimitSet | undefined>>();

  constructor(server: ServerLimits) {
    this.#server = server;
  }

  /** Undefined when nothing limits the call; then nothing has been allocated to find that out. */
  of(caller: Caller, modelId: string): LimitSet | undefined {
    const tenantPolicy = caller.tenantLimits ?? this.#server.tenantDefault;
    const forModel = own(this.#server.models, modelId);
    if (caller.keyLimits === undefined && tenantPolicy === undefined && forModel === undefined) return undefined;
    let sets = this.#known.get(caller);
    if (sets === undefined) {
      sets = new Map();
      this.#known.set(caller, sets);
    }
    if (sets.has(modelId)) return sets.get(modelId);
    const set = [
      ...ofPolicy(caller.keyLimits, { scope: 'key', subject: `{${caller.tenantId}}:${caller.keyId}` }, modelId),
      ...ofPolicy(tenantPolicy, { scope: 'tenant', subject: `{${caller.tenantId}}:all` }, modelId),
      ...counters(forModel, { scope: 'server', subject: '{server}:all' }, modelId),
    ];
    const found = set.length === 0 ? undefined : set;
    sets.set(modelId, found);
    return found;
  }

  /** Whether any of them counts tokens, so that a call must be estimated before it is let in. */
  countsTokens(caller: Caller, modelId: string): boolean {
    return this.of(caller, modelId)?.some(({ kind }) => kind === 'tpm' || kind === 'tpd') === true;
  }
}

interface Subject {
  readonly scope: LimitCounter['scope'];
  /** Begins the counter's id. What stands in braces keeps the counters of a tenant together where keys are spread by hash. */
  readonly subject: string;
}

function ofPolicy(policy: LimitPolicy | undefined, subject: Subject, modelId: string): readonly LimitCounter[] {
  if (policy === undefined) return [];
  const forModel = policy.models === undefined ? undefined : own(policy.models, modelId);
  return [...counters(policy.all, subject, undefined), ...counters(forModel, subject, modelId)];
}

function counters(limits: RateLimits | undefined, { scope, subject }: Subject, modelId: string | undefined): readonly LimitCounter[] {
  if (limits === undefined) return [];
  return kinds.flatMap((kind) => {
    const limit = limits[kind];
    return limit === undefined ? [] : [{ id: `${subject}:${modelId ?? '*'}:${kind}`, kind, limit, scope, modelId }];
  });
}

/** A model may be called `constructor`. */
function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
