import type { Clock } from './base/clock.ts';
import type { EnabledUpstream } from './catalog/catalog.ts';
import type { Config } from './config/config.ts';
import { Reconciliation } from './records/reconciliation.ts';
import type { Database } from './storage/database.ts';
import { type AccountFigures, openAccountFigures } from './upstreams/account-figures.ts';

interface ReconciliationParts {
  readonly config: Pick<Config, 'upstreams' | 'switchedOff'>;
  /** The configuration's upstreams as the catalog knows them. */
  readonly enabled: readonly EnabledUpstream[];
  readonly database: Database;
  readonly clock: Clock;
}

/** Reconciliation with the account at every upstream that can be asked. Nothing is asked yet; `stack` closes the connections. */
export function buildReconciliation({ config, enabled, database, clock }: ReconciliationParts, stack: AsyncDisposableStack): Reconciliation {
  const baseUrls = new Map(enabled.map(({ id, baseUrl }) => [id, baseUrl]));
  const accounts = new Map<string, AccountFigures>();
  for (const { id, kind, apiKey } of config.upstreams) {
    const baseUrl = baseUrls.get(id);
    if (apiKey === undefined || baseUrl === undefined) continue;
    const account = openAccountFigures({ upstreamId: id, kind, baseUrl, apiKey, clock });
    if (account !== undefined) accounts.set(id, stack.use(account));
  }
  const upstreamIds = new Set([...config.upstreams, ...config.switchedOff].map(({ id }) => id));
  return new Reconciliation({ database, clock, accounts, upstreamIds });
}
