import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrateSqlite } from '../storage/migrate-sqlite.ts';
import { openSqliteDatabase } from '../storage/sqlite-database.ts';
import { RecordsStore } from './records-store.ts';
import { recordsMigrations } from './records-tables.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-migrations-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps the rows of the first release, and takes what was priced for what was charged', async () => {
  const path = join(folder, 'old.db');
  const old = new DatabaseSync(path);
  old.exec('PRAGMA journal_mode = WAL');
  migrateSqlite(old, recordsMigrations.slice(0, 1), 1);
  const insert = old.prepare(`INSERT INTO generations (
    id, tenant_id, key_id, mode, surface, requested_model, model_id, upstream_id, upstream_reply_id, streamed, state, finish_reason, cancelled, attempts,
    input_uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens, usage_estimated, cost_state, cost_nanos, currency, price_id, started_ms, duration_ms
  ) VALUES (?, 'ten_1', 'key_1', 'live', '/v1/chat/completions', 'K2', 'kimi-k2', 'moonshot', ?, 1, 'complete', 'stop', 0, 1, 10, 5, 0, 7, 0, ?, ?, ?, 'p/1', 1000, 2.5)`);
  insert.run('gen_1', 'chatcmpl-1', 'priced', 9_007_199_254_740_993n, 'USD');
  insert.run('gen_2', 'chatcmpl-2', 'free', 5n, 'USD');
  insert.run('gen_3', 'chatcmpl-3', 'unpriced', null, null);
  old.close();

  await using database = await openSqliteDatabase({ path, migrations: recordsMigrations });
  const store = new RecordsStore(database);
  const common = {
    tenantId: 'ten_1', keyId: 'key_1', mode: 'live', surface: '/v1/chat/completions', requestedModel: 'K2', modelId: 'kimi-k2', upstreamId: 'moonshot', streamed: true,
    state: 'complete', finishReason: 'stop', cancelled: false, attempts: 1, usage: { inputUncached: 10, cacheRead: 5, cacheWrite: 0, output: 7, estimated: false },
    priceId: 'p/1', startedMs: 1000, durationMs: 2.5,
  };
  expect(await store.list({ limit: 10 })).toEqual([
    { ...common, id: 'gen_3', upstreamReplyId: 'chatcmpl-3', costState: 'unpriced' },
    { ...common, id: 'gen_2', upstreamReplyId: 'chatcmpl-2', costState: 'free', costNanos: 5n, currency: 'USD' },
    {
      ...common, id: 'gen_1', upstreamReplyId: 'chatcmpl-1', costState: 'priced', costNanos: 9_007_199_254_740_993n, currency: 'USD',
      chargeNanos: 9_007_199_254_740_993n, chargeCurrency: 'USD',
    },
  ]);
  expect(await store.get('ten_1', 'chatcmpl-2')).toMatchObject({ id: 'gen_2' });
  expect(await store.prunedBeforeMs()).toBe(0);
});
