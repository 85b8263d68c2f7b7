import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { systemRandom } from '../base/random.ts';
import { openSqliteDatabase, type SqliteDatabase } from '../storage/sqlite-database.ts';
import { LedgerJournal } from './ledger-journal.ts';
import { ledgerMigrations } from './ledger-tables.ts';
import { Wallets } from './wallets.ts';

let folder: string;
let database: SqliteDatabase;
let journal: LedgerJournal;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-journal-'));
  database = await openSqliteDatabase({ path: join(folder, 'test.db'), migrations: ledgerMigrations });
  journal = new LedgerJournal(database);
  const clock = new ManualClock();
  const wallets = new Wallets({ database, clock, random: systemRandom });
  for (const [tenantId, references] of [['ten_1', ['a', 'b', 'c']], ['ten_2', ['d']]] as const) {
    await database.commit(wallets.openingStatements({ tenantId, currency: 'USD' }));
    // Three of one moment, so that only their ids tell them apart.
    for (const reference of references) await wallets.topUp({ tenantId, currency: 'USD', amountNanos: 5n, reference, openable: false });
    clock.advance(1_000);
  }
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const ids = async (page: Parameters<LedgerJournal['latest']>[0]): Promise<string[]> => (await journal.latest(page)).map(({ id }) => id.replace('top-up/', ''));

describe('the journal', () => {
  it('comes newest first, in pages that neither lose nor repeat a row of the same moment', async () => {
    expect(await ids({ limit: 10 })).toEqual(['ten_2/d', 'ten_1/c', 'ten_1/b', 'ten_1/a']);
    expect(await ids({ limit: 2 })).toEqual(['ten_2/d', 'ten_1/c']);
    expect(await ids({ limit: 2, before: 'top-up/ten_1/c' })).toEqual(['ten_1/b', 'ten_1/a']);
    expect(await ids({ limit: 2, before: 'top-up/ten_1/a' })).toEqual([]);
  });

  it('can be of one tenant', async () => {
    expect(await ids({ limit: 10, tenantId: 'ten_2' })).toEqual(['ten_2/d']);
    expect(await ids({ limit: 10, tenantId: 'ten_1', before: 'top-up/ten_2/d' })).toHaveLength(3);
  });

  it('says that the transfer to go on from is not there', async () => {
    await expect(journal.latest({ limit: 1, before: 'top-up/ten_1/z' })).rejects.toMatchObject({ code: 'not_found', field: 'before' });
  });
});
