import type { Clock } from './base/clock.ts';
import type { EnabledUpstream } from './catalog/catalog.ts';
import type { Config } from './config/config.ts';
import { type AccountFigures, openAccountFigures } from './upstreams/account-figures.ts';

/** The accounts that tell about money, by upstream; disposing of it closes their connections. */
export interface Accounts extends AsyncDisposable {
  readonly byUpstream: ReadonlyMap<string, AccountFigures>;
}

/** Opens the account at every upstream of the configuration that can be asked. Nothing is asked yet. */
export function buildAccounts(config: Config, enabled: readonly EnabledUpstream[], clock: Clock): Accounts {
  const baseUrls = new Map(enabled.map(({ id, baseUrl }) => [id, baseUrl]));
  const byUpstream = new Map<string, AccountFigures>();
  for (const { id, kind, apiKey } of config.upstreams) {
    const baseUrl = baseUrls.get(id);
    if (apiKey === undefined || baseUrl === undefined) continue;
    const account = openAccountFigures({ upstreamId: id, kind, baseUrl, apiKey, clock });
    if (account !== undefined) byUpstream.set(id, account);
  }
  return {
    byUpstream,
    async [Symbol.asyncDispose]() {
      await Promise.all([...byUpstream.values()].map((account) => account[Symbol.asyncDispose]()));
    },
  };
}
