import type { FeedName } from '../../catalog/exchange-rate-feed.ts';
import type { StoredCount } from '../../catalog/exchange-rate-store.ts';
import type { ExchangeRates } from '../../catalog/exchange-rates.ts';
import type { Clock } from '../../base/clock.ts';
import type { AdminHandlers } from './admin-handlers.ts';

export interface RatesDeps {
  readonly exchange: Pick<ExchangeRates, 'rows' | 'isInForce' | 'isStale' | 'policy'>;
  readonly feed: FeedName | undefined;
  /** Stores the rates of a CSV file and takes them into use. Throws `invalid_request` and `conflict` faults. */
  readonly importCsv: (csv: string) => Promise<StoredCount>;
  readonly clock: Clock;
}

/** Listing and importing exchange rates. */
export function ratesHandlers({ exchange, feed, importCsv, clock }: RatesDeps): Pick<AdminHandlers, 'rates' | 'importRates'> {
  return {
    rates({ all }) {
      const nowMs = clock.nowMs();
      const rows = exchange.rows().map((row) => {
        const inForce = exchange.isInForce(row, nowMs);
        return { ...row, inForce, stale: inForce && exchange.isStale(row, nowMs) };
      });
      return { rates: rows.filter(({ inForce }) => all || inForce), feed: feed ?? null, ...exchange.policy };
    },
    importRates: ({ csv }) => importCsv(csv),
  };
}
