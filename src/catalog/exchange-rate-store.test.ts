import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import type { Database } from '../storage/database.ts';
import { ExchangeRateStore } from './exchange-rate-store.ts';
import { catalogMigrations, type CatalogTables } from './exchange-rate-tables.ts';
import type { ExchangeRate } from './exchange-rate.ts';

onEveryDatabase((databases) => {
  let database: Database;
  let store: ExchangeRateStore;

  beforeAll(async () => {
    database = await databases.open(catalogMigrations);
    store = new ExchangeRateStore(database);
  });

  beforeEach(() => database.commit([database.builder<CatalogTables>().deleteFrom('exchange_rates').compile()]));

  const usd: ExchangeRate = { from: 'EUR', to: 'USD', rate: '1.0867', validFrom: '2026-10-30', source: 'ecb' };
  const csv = (...lines: readonly string[]): string => ['from,to,rate,date', ...lines].join('\n');

  describe('add', () => {
    it('keeps every digit, and a row of each source', async () => {
      const rows: ExchangeRate[] = [usd, { ...usd, rate: '999999999999.000000000001', source: 'import' }, { ...usd, validFrom: '2026-10-31' }];
      expect(await store.add(rows, 1)).toEqual({ stored: 3, known: 0 });
      expect(new Set(await store.rows())).toEqual(new Set(rows));
      expect(await store.count()).toBe(3);
    });

    it('lets the first rate of a pair, day and source stay', async () => {
      await store.add([usd], 1);
      expect(await store.add([{ ...usd, rate: '2' }, { ...usd, to: 'PLN' }], 2)).toEqual({ stored: 1, known: 1 });
      expect((await store.rows()).find(({ to }) => to === 'USD')?.rate).toBe('1.0867');
      expect(await store.add([], 3)).toEqual({ stored: 0, known: 0 });
    });

    it('takes many rows at once', async () => {
      const days = Array.from({ length: 1201 }, (_none, day) => new Date(Date.UTC(2020, 0, 1 + day)).toISOString().slice(0, 10));
      expect(await store.add(days.map((validFrom) => ({ ...usd, validFrom })), 1)).toEqual({ stored: 1201, known: 0 });
    });
  });

  describe('importCsv', () => {
    it('stores all of a file, and what is known already only once', async () => {
      expect(await store.importCsv(csv('EUR,USD,1.0867,2026-10-30', 'USD,RUB,81.1234,2026-10-31'), 1)).toEqual({ stored: 2, known: 0 });
      expect(await store.importCsv(csv('EUR,USD,1.08670,2026-10-30', 'USD,RUB,82,2026-11-01'), 2)).toEqual({ stored: 1, known: 1 });
      expect((await store.rows()).map(({ source }) => source)).toEqual(['import', 'import', 'import']);
    });

    it('stores nothing of a file with a mistake, and names the lines', async () => {
      const mistaken = csv('EUR,USD,1.0867,2026-10-30', 'EUR,PLN,0,2026-10-30', 'EUR,XXQ,1,2026-10-30');
      await expect(store.importCsv(mistaken, 1)).rejects.toMatchObject({ code: 'invalid_request', field: 'csv', message: expect.stringMatching(/line 3: rate: .*; line 4: to: "XXQ"/) });
      await expect(store.importCsv(csv(...Array.from({ length: 9 }, () => 'x')), 1)).rejects.toMatchObject({ message: expect.stringMatching(/line 6: [^;]*; and 4 more$/) });
      await expect(store.importCsv('from,to,rate,date\n', 1)).rejects.toMatchObject({ code: 'invalid_request', field: 'csv' });
      expect(await store.count()).toBe(0);
    });

    it('does not change what has been imported before, but may differ from a feed', async () => {
      await store.add([usd], 1);
      await store.importCsv(csv('EUR,USD,1.1,2026-10-30'), 1);
      const changed = csv('EUR,PLN,4.3,2026-10-30', 'EUR,USD,1.2,2026-10-30');
      await expect(store.importCsv(changed, 2)).rejects.toMatchObject({ code: 'conflict', field: 'csv', message: expect.stringContaining('line 3: the rate of EUR in USD for 2026-10-30 has been imported as 1.1 already') });
      expect(await store.count()).toBe(2);
    });
  });
});
