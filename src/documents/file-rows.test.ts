import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Database } from '../storage/database.ts';
import { FileRows } from './file-rows.ts';

describe('the rows of files', () => {
  it('are opened some at a time, so that a long list holds nobody up', async () => {
    const dialect = { createAdapter: () => new SqliteAdapter(), createDriver: () => new DummyDriver(), createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db), createQueryCompiler: () => new SqliteQueryCompiler() };
    const found = Array.from({ length: 1_000 }, (_, index) => ({
      id: `file_${index}`, tenant_id: 'ten_1', mode: 'live', purpose: 'user_data', filename: 'sealed', bytes: 1, content_id: 'c', created_ms: 1, expires_ms: null, blob_key: 'b',
    }));
    const database: Pick<Database, 'builder' | 'query'> = { builder: <Tables>() => new Kysely<Tables>({ dialect }), query: <Row>() => Promise.resolve(found as Row[]) };
    let opened = 0;
    const rows = new FileRows({ database, sealer: { seal: (text) => text, open: (text) => { opened += 1; return text; } } });
    const listing = rows.list({ tenantId: 'ten_1', mode: 'live' }, { limit: 1_000, order: 'asc' }, 0);
    const atOnce: number[] = [];
    for (let before = 0; before < found.length; before = opened) {
      await new Promise((resolve) => setImmediate(resolve));
      atOnce.push(opened - before);
    }
    expect((await listing).map(({ id }) => id)).toEqual(found.map(({ id }) => id));
    expect(Math.max(...atOnce)).toBeLessThanOrEqual(100);
  });
});
