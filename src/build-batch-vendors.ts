import type { Clock } from './base/clock.ts';
import type { BatchVendor } from './batches/batch-vendor.ts';
import type { EnabledUpstream } from './catalog/catalog.ts';
import type { Config } from './config/config.ts';
import { WireBatchVendor } from './upstreams/batch/wire-batch-vendor.ts';

interface BatchVendorParts {
  readonly config: Pick<Config, 'upstreams'>;
  /** The configuration's upstreams as the catalog knows them. */
  readonly enabled: readonly EnabledUpstream[];
  readonly clock: Clock;
}

/** The upstreams that make batches by themselves, by their ids. Nothing is asked yet; `stack` closes the connections. */
export function buildBatchVendors({ config, enabled, clock }: BatchVendorParts, stack: AsyncDisposableStack): ReadonlyMap<string, BatchVendor> {
  const baseUrls = new Map(enabled.map(({ id, baseUrl }) => [id, baseUrl]));
  const vendors = new Map<string, BatchVendor>();
  for (const { id, kind, apiKey, batches } of config.upstreams) {
    const baseUrl = baseUrls.get(id);
    if (batches !== 'native' || baseUrl === undefined) continue;
    vendors.set(id, stack.use(new WireBatchVendor({ upstreamId: id, kind, baseUrl, ...(apiKey === undefined ? {} : { apiKey }), clock })));
  }
  return vendors;
}
