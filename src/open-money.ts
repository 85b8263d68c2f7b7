import type { KeyStore } from './access/key-store.ts';
import type { Clock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import type { Catalog } from './catalog/catalog.ts';
import { ExchangeRateStore } from './catalog/exchange-rate-store.ts';
import { ExchangeRates } from './catalog/exchange-rates.ts';
import { SellRules } from './catalog/sell-rules.ts';
import type { MoneyConfig } from './config/money-config.ts';
import type { PricesDeps } from './http/admin/prices.ts';
import type { RatesDeps } from './http/admin/rates.ts';
import { RateFeed } from './rate-feed.ts';
import type { Database } from './storage/database.ts';

interface MoneyParts {
  readonly money: MoneyConfig;
  readonly database: Database;
  readonly catalog: Catalog;
  readonly store: Pick<KeyStore, 'tenant' | 'tenantByName'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What prices are turned into charges with. */
export interface Money extends AsyncDisposable {
  readonly exchange: ExchangeRates;
  readonly sellRules: SellRules;
  /** What the admin API shows of it. */
  readonly admin: { readonly prices: PricesDeps; readonly rates: RatesDeps };
  /** Begins to keep the exchange rates up to date. */
  start(): void;
}

/** The sell rules and exchange rates of a configuration, with the rates that are in the database. */
export async function openMoney({ money, database, catalog, store: tenants, clock, log }: MoneyParts): Promise<Money> {
  const exchange = new ExchangeRates(money, money.rates);
  const store = new ExchangeRateStore(database);
  const sellRules = new SellRules(money.sell, (name) => catalog.resolve(name)?.model.id);
  const feed = new RateFeed({ feed: money.feed, exchange, store, clock, log });
  await feed.reload();
  await warnOfStrangers(money.sell, tenants, log);
  return {
    exchange,
    sellRules,
    admin: {
      prices: { catalog, sellRules, exchange, clock, currency: money.currency },
      rates: {
        exchange,
        feed: money.feed,
        clock,
        async importCsv(csv) {
          const count = await store.importCsv(csv, clock.nowMs());
          await feed.reload();
          return count;
        },
      },
    },
    start: () => feed.start(),
    [Symbol.asyncDispose]: () => feed[Symbol.asyncDispose](),
  };
}

/** A rule for a tenant that is not there may be early, or misspelt: then another rule's price is charged, and nobody is told. */
async function warnOfStrangers(rules: MoneyConfig['sell'], tenants: MoneyParts['store'], log: Log): Promise<void> {
  for (const { id, tenant } of rules) {
    if (tenant === undefined || (await tenants.tenant(tenant)) !== undefined || (await tenants.tenantByName(tenant)) !== undefined) continue;
    log.write('warn', 'a rule of money.sell is for a tenant that is not there', { field: `money.sell: ${id}` });
  }
}
