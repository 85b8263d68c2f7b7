import type { Clock } from './base/clock.ts';
import { type Catalog, type EnabledUpstream, sandboxUpstreamId } from './catalog/catalog.ts';
import type { Config } from './config/config.ts';
import type { TokenCounter } from './tokens/token-counter.ts';
import { wireBatchEndpoint, wireEndpoints } from './upstreams/wire-endpoints.ts';
import { WireUpstream } from './upstreams/wire-upstream.ts';
import { SandboxUpstream } from './upstreams/sandbox/sandbox-upstream.ts';
import type { Upstream } from './upstreams/upstream.ts';
import { UpstreamSet } from './upstreams/upstream-set.ts';

interface UpstreamParts {
  readonly config: Config;
  /** The configuration's upstreams as the catalog knows them. */
  readonly enabled: readonly EnabledUpstream[];
  readonly catalog: Catalog;
  readonly counter: TokenCounter;
  readonly clock: Clock;
}

/** Every upstream of the configuration, and the sandbox. What a self-hosted one serves is told to the catalog. */
export function buildUpstreams({ config, enabled, catalog, counter, clock }: UpstreamParts): UpstreamSet {
  const enabledById = new Map(enabled.map((upstream) => [upstream.id, upstream]));
  const upstreams: Upstream[] = config.upstreams.map(({ id, kind, apiKey, endpoints, deadlines }) => {
    const baseUrl = enabledById.get(id)?.baseUrl ?? '';
    const batch = wireBatchEndpoint(kind, baseUrl);
    const { connectMs, idleMs, batchMs } = deadlines;
    return new WireUpstream({
      id, baseUrl, endpoints: wireEndpoints(id, kind, endpoints), ...(apiKey === undefined ? {} : { apiKey }), deadlines, clock,
      ...(batch === undefined ? {} : { batch: { ...batch, deadlines: { connectMs, idleMs, firstByteMs: batchMs, totalMs: batchMs } } }),
    });
  });
  const { tokensPerSecond, firstTokenMs, script } = config.sandbox;
  upstreams.push(
    new SandboxUpstream({
      id: sandboxUpstreamId,
      clock,
      tokensPerSecond,
      ttftMs: firstTokenMs,
      ...(script === undefined ? {} : { script }),
      countTokens: (text) => counter.estimateText(text),
    }),
  );
  const own = config.upstreams.filter(({ id }) => enabledById.get(id)?.selfHosted === true);
  for (const { id, models } of own) if (models !== undefined) catalog.discover(id, models);
  return new UpstreamSet({
    upstreams,
    discover: new Set(own.filter(({ models }) => models === undefined).map(({ id }) => id)),
    onDiscovered: (upstreamId, models) => catalog.discover(upstreamId, models),
    clock,
  });
}
