import { type CompiledQuery, sql } from 'kysely';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import type { Database } from './database.ts';
import type { Migration } from './migration.ts';

interface Tables {
  account: { id: number; name: string; balance_nanos: bigint; share: number | null; note: Uint8Array | null };
  entry: { id: number; account_id: number };
}

const migrations: readonly Migration[] = [
  {
    name: 'test/0001-accounts',
    statements: [
      `CREATE TABLE account (
        id BIGINT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        balance_nanos BIGINT NOT NULL CHECK (balance_nanos >= 0),
        share DOUBLE PRECISION,
        note BYTEA
      )`,
      'CREATE TABLE entry (id BIGINT NOT NULL PRIMARY KEY, account_id BIGINT NOT NULL REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED)',
    ],
  },
];

function insertion(database: Database, id: number, name = `n${id}`, balance = 0n): CompiledQuery {
  return database.builder<Tables>().insertInto('account').values({ id, name, balance_nanos: balance, share: null, note: null }).compile();
}

/** Takes `amount`, if the account holds it. */
function withdrawal(database: Database, id: number, amount: bigint): CompiledQuery {
  return database
    .builder<Tables>()
    .updateTable('account')
    .set((column) => ({ balance_nanos: column('balance_nanos', '-', amount) }))
    .where('id', '=', id)
    .where('balance_nanos', '>=', amount)
    .compile();
}

async function ids(database: Database): Promise<number[]> {
  const rows = await database.query(database.builder<Tables>().selectFrom('account').select('id').orderBy('id').compile());
  return rows.map((row) => row.id);
}

async function balance(database: Database, id: number): Promise<bigint | undefined> {
  const rows = await database.query(database.builder<Tables>().selectFrom('account').select('balance_nanos').where('id', '=', id).compile());
  return rows[0]?.balance_nanos;
}

onEveryDatabase((databases) => {
  let database: Database;
  beforeAll(async () => void (database = await databases.open(migrations)));
  beforeEach(async () => {
    const builder = database.builder<Tables>();
    await database.commit([builder.deleteFrom('entry').compile(), builder.deleteFrom('account').compile()]);
  });

  describe('commit', () => {
    it('answers with the rows changed by each statement', async () => {
      const builder = database.builder<Tables>();
      expect(await database.commit([])).toEqual([]);
      expect(await database.commit([insertion(database, 1)])).toEqual([1]);
      const raise = builder.updateTable('account').set({ balance_nanos: 5n }).compile();
      expect(await database.commit([insertion(database, 2), raise, builder.deleteFrom('account').where('id', '=', 99).compile()])).toEqual([1, 2, 0]);
      const again = builder.insertInto('account').values({ id: 1, name: 'again', balance_nanos: 0n }).onConflict((conflict) => conflict.doNothing()).compile();
      expect(await database.commit([again, raise])).toEqual([0, 2]);
    });

    it('fails alone, among many at the same time, and leaves nothing of what failed', async () => {
      await database.commit([insertion(database, 0)]);
      const commits = Array.from({ length: 64 }, (_, index) => {
        const id = index + 1;
        return id % 7 === 3
          ? database.commit([insertion(database, id), insertion(database, 1_000 + id, 'n0')])
          : database.commit([insertion(database, id), insertion(database, 2_000 + id)]);
      });
      const results = await Promise.allSettled(commits);
      for (const [index, result] of results.entries()) {
        if ((index + 1) % 7 === 3) expect(result).toMatchObject({ status: 'rejected', reason: { name: 'StatementError', constraint: 'unique' } });
        else expect(result).toEqual({ status: 'fulfilled', value: [1, 1] });
      }
      const kept = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index + 1] : []));
      expect(await ids(database)).toEqual([0, ...kept, ...kept.map((id) => 2_000 + id)]);
    });

    it('keeps others whole when one breaks a rule that is only looked at in the end', async () => {
      const orphan = database.builder<Tables>().insertInto('entry').values({ id: 1, account_id: 404 }).compile();
      const results = await Promise.allSettled([
        database.commit([insertion(database, 1)]),
        database.commit([orphan, insertion(database, 2)]),
        database.commit([orphan]),
        database.commit([insertion(database, 3)]),
      ]);
      expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
      expect(results[1]).toMatchObject({ reason: { constraint: 'foreign-key' } });
      expect(results[2]).toMatchObject({ reason: { constraint: 'foreign-key' } });
      expect(await ids(database)).toEqual([1, 3]);
    });

    it('names the broken rule, and no value', async () => {
      const builder = database.builder<Tables>();
      await database.commit([insertion(database, 1, 'SECRET')]);
      const failures = await Promise.allSettled([
        database.commit([insertion(database, 2, 'SECRET', -77_001n)]),
        database.commit([sql`INSERT INTO account (id, balance_nanos) VALUES (3, 77001)`.compile(builder)]),
        database.commit([insertion(database, 4, 'SECRET')]),
        database.commit([sql`INSERT INTO nowhere VALUES (77001)`.compile(builder)]),
        database.commit([insertion(database, 5), sql`UPDATE account SET nothing = ${'SECRET'}`.compile(builder)]),
      ]);
      const reasons = failures.map((failure) => (failure.status === 'rejected' ? failure.reason : undefined));
      expect(reasons).toMatchObject([
        { name: 'StatementError', constraint: 'check' }, { constraint: 'not-null' }, { constraint: 'unique' },
        { name: 'StatementError', constraint: undefined }, { name: 'StatementError', constraint: undefined },
      ]);
      for (const reason of reasons) expect(String(reason)).not.toMatch(/SECRET|77001/);
      expect(await ids(database)).toEqual([1]);
    });

    it('refuses a value that no column can hold, and no other commit suffers', async () => {
      const bad = (value: unknown): CompiledQuery => ({ ...insertion(database, 1), parameters: [1, 'x', 0n, null, value] });
      const results = await Promise.allSettled([
        database.commit([bad(() => {})]),
        database.commit([bad(undefined)]),
        database.commit([bad(true)]),
        database.commitIf([bad(new Date(0))], []),
        database.commit([insertion(database, 2)]),
      ]);
      expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected', 'fulfilled']);
      expect(await ids(database)).toEqual([2]);
    });

    it('is finished, if it was begun, before the database closes', async () => {
      const place = await databases.create();
      const closing = await place.open(migrations);
      const commits = Array.from({ length: 300 }, (_, id) => closing.commit([insertion(closing, id)]));
      await closing[Symbol.asyncDispose]();
      expect(await Promise.all(commits)).toHaveLength(300);
      await expect(closing.commit([insertion(closing, 999)])).rejects.toMatchObject({ code: 'storage_unavailable' });
      await expect(closing.commitIf([insertion(closing, 999)], [])).rejects.toMatchObject({ code: 'storage_unavailable' });
      await expect(ids(closing)).rejects.toMatchObject({ code: 'storage_unavailable' });
      await closing[Symbol.asyncDispose]();
      await using again = await place.open(migrations);
      expect(await ids(again)).toHaveLength(300);
    });
  });

  describe('commitIf', () => {
    it('does all of it when every guard changes a row, and nothing of it when one does not', async () => {
      await database.commit([insertion(database, 1, 'a', 100n), insertion(database, 2, 'b', 10n)]);
      const note = insertion(database, 3);
      expect(await database.commitIf([withdrawal(database, 1, 60n), withdrawal(database, 2, 5n)], [note])).toEqual({ committed: true, changes: [1] });
      const refused = await database.commitIf([withdrawal(database, 1, 10n), withdrawal(database, 2, 6n), withdrawal(database, 1, 1_000n)], [insertion(database, 4)]);
      expect(refused).toEqual({ committed: false, guard: 1 });
      expect([await balance(database, 1), await balance(database, 2), await ids(database)]).toEqual([40n, 5n, [1, 2, 3]]);
    });

    it('takes a guard alone, and none at all', async () => {
      await database.commit([insertion(database, 1, 'a', 100n)]);
      expect(await database.commitIf([withdrawal(database, 1, 60n)], [])).toEqual({ committed: true, changes: [] });
      expect(await database.commitIf([withdrawal(database, 1, 60n)], [])).toEqual({ committed: false, guard: 0 });
      expect(await database.commitIf([], [insertion(database, 2)])).toEqual({ committed: true, changes: [1] });
      expect(await database.commitIf([], [])).toEqual({ committed: true, changes: [] });
      expect(await balance(database, 1)).toBe(40n);
    });

    it('is undone by an error, in a guard as in a statement, and the first one counts', async () => {
      await database.commit([insertion(database, 1, 'a', 100n)]);
      const unique = insertion(database, 2, 'a');
      await expect(database.commitIf([withdrawal(database, 1, 1n), unique], [])).rejects.toMatchObject({ constraint: 'unique' });
      await expect(database.commitIf([withdrawal(database, 1, 1n)], [insertion(database, 3), unique, insertion(database, 4, 'x', -1n)])).rejects.toMatchObject({ constraint: 'unique' });
      expect(await database.commitIf([withdrawal(database, 1, 1_000n), unique], [])).toEqual({ committed: false, guard: 0 });
      expect([await balance(database, 1), await ids(database)]).toEqual([100n, [1]]);
    });

    it('never lets 200 withdrawals at once take more than there is', async () => {
      await database.commit([insertion(database, 1, 'a', 100n), insertion(database, 2, 'other')]);
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, index) => database.commitIf([withdrawal(database, 1, 1n)], [insertion(database, 100 + index)])),
      );
      expect(results.filter((result) => result.committed)).toHaveLength(100);
      expect(await balance(database, 1)).toBe(0n);
      expect(await ids(database)).toHaveLength(102);
    });
  });

  describe('query and report', () => {
    it('read nanos as bigint, whole to the last digit, and other integers as numbers, also in sums', async () => {
      const builder = database.builder<Tables>();
      const large = 9_007_199_254_740_993n;
      await database.commit([insertion(database, 1, 'a', large), insertion(database, 2, 'b', 1n)]);
      const all = builder.selectFrom('account').selectAll().orderBy('id').compile();
      const expected = [
        { id: 1, name: 'a', balance_nanos: large, share: null, note: null },
        { id: 2, name: 'b', balance_nanos: 1n, share: null, note: null },
      ];
      expect(await database.query(all)).toEqual(expected);
      expect(await database.report(all)).toEqual(expected);
      const sums = builder
        .selectFrom('account')
        .select((column) => [
          column.fn.sum<bigint>('balance_nanos').as('sum_nanos'), column.fn.sum<number>('id').as('sum'), column.fn.countAll<number>().as('count'),
          column.fn.avg<number>('id').as('average'), column.fn.max('id').as('max'), column.fn.sum<number | null>('share').as('nothing'),
        ])
        .compile();
      expect(await database.report(sums)).toEqual([{ sum_nanos: large + 1n, sum: 3, count: 2, average: 1.5, max: 2, nothing: null }]);
    });

    it('throw on an integer that a number cannot hold', async () => {
      const builder = database.builder<Tables>();
      await expect(database.query(sql`SELECT 9007199254740993 AS x`.compile(builder))).rejects.toThrow();
      await expect(database.query(sql`SELECT 9007199254740993 AS x, 1 AS y_nanos`.compile(builder))).rejects.toThrow(/not safe/);
      expect(await database.query(sql`SELECT 1 AS x`.compile(builder))).toEqual([{ x: 1 }]);
    });

    it('give back fractions, bytes, text in any script, and comparisons as 0 and 1', async () => {
      const builder = database.builder<Tables>();
      const row = { id: 1, name: 'Küche 厨房 🥄 \'"\\ $1 ?', balance_nanos: 0n, share: 0.1 + 0.2, note: Uint8Array.of(0, 1, 92, 255) };
      await database.commit([builder.insertInto('account').values(row).compile()]);
      const [read] = await database.query(builder.selectFrom('account').selectAll().select((column) => [column('id', '=', 1).as('yes'), column('id', '>', 1).as('no')]).compile());
      expect(read).toEqual({ ...row, yes: 1, no: 0 });
      for (const share of [5e-324, 1.7976931348623157e308, 1e21, -0.5, 3]) {
        await database.commit([builder.updateTable('account').set({ share }).compile()]);
        expect((await database.query(builder.selectFrom('account').select('share').compile()))[0]).toEqual({ share });
      }
    });

    it('take whole numbers for numbers wherever they stand', async () => {
      const builder = database.builder<Tables>();
      await database.commit([insertion(database, 1, 'a', 7n)]);
      expect(await database.query(sql`SELECT ${5} AS x, ${6n} AS y_nanos, ${'t'} AS z`.compile(builder))).toEqual([{ x: 5, y_nanos: 6n, z: 't' }]);
      const branches = builder
        .updateTable('account')
        .set((column) => ({ balance_nanos: column.case().when('id', '=', 1).then(8n).else(9n).end() }))
        .compile();
      const copy = sql`INSERT INTO account (id, name, balance_nanos) SELECT ${2}, ${'b'}, balance_nanos + ${1} FROM account WHERE id = ${1} LIMIT ${1}`.compile(builder);
      expect(await database.commit([branches, copy])).toEqual([1, 1]);
      expect([await balance(database, 1), await balance(database, 2)]).toEqual([8n, 9n]);
    });

    it('store a text with NUL in it, which not every database can hold as it is', async () => {
      await database.commit([insertion(database, 1, 'a\0b')]);
      const found = await database.query<{ name: string }>(database.builder<Tables>().selectFrom('account').select('name').where('name', '=', 'a\0b').compile());
      expect(found).toEqual([{ name: databases.kind === 'SQLite' ? 'a\0b' : 'a\uFFFDb' }]);
    });

    it('cannot write', async () => {
      await expect(database.query(insertion(database, 1))).rejects.toThrow();
      await expect(database.report(insertion(database, 1))).rejects.toThrow();
      expect(await ids(database)).toEqual([]);
    });

    it('see a commit as soon as it is acknowledged', async () => {
      for (let id = 0; id < 50; id += 1) {
        await database.commit([insertion(database, id)]);
        expect(await ids(database)).toHaveLength(id + 1);
      }
    });

    it('run nothing through the builder itself', async () => {
      await expect(database.builder<Tables>().selectFrom('account').selectAll().execute()).rejects.toThrow(/commit, query or report/);
    });
  });

  describe('exclusively', () => {
    it('gives what its task gives, and passes on what it throws', async () => {
      expect(await database.exclusively(async () => 5)).toBe(5);
      await expect(database.exclusively(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
      expect(await database.exclusively(async () => ids(database))).toEqual([]);
    });
  });
});
