import { describe, expect, it } from 'vitest';
import { sql } from 'kysely';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import type { Database } from './database.ts';
import { type Migration, pendingMigrations } from './migration.ts';

const first: Migration = { name: 'a/0001-one', statements: ['CREATE TABLE one (x INTEGER)', 'INSERT INTO one VALUES (1)'] };
const second: Migration = { name: 'a/0002-two', statements: ['ALTER TABLE one ADD COLUMN y INTEGER'] };
const other: Migration = { name: 'b/0001-other', statements: ['CREATE TABLE other (x INTEGER)'] };

const rows = <Row>(database: Database, text: string): Promise<Row[]> => database.query<Row>(sql<Row>`${sql.raw(text)}`.compile(database.builder()));
const applied = async (database: Database): Promise<string[]> =>
  (await rows<{ name: string }>(database, 'SELECT name FROM schema_migrations ORDER BY name')).map(({ name }) => name);

onEveryDatabase((databases) => {
  describe('migrations', () => {
    it('run once each, in order', async () => {
      const place = await databases.create();
      const opened = await place.open([first, other]);
      await opened[Symbol.asyncDispose]();
      const again = await place.open([first, other]);
      expect(await applied(again)).toEqual(['a/0001-one', 'b/0001-other']);
      expect(await rows(again, 'SELECT count(*) AS n FROM one')).toEqual([{ n: 1 }]);
      const [noted] = await rows<{ applied_ms: number }>(again, 'SELECT applied_ms FROM schema_migrations');
      expect(noted?.applied_ms).toBeGreaterThan(1_700_000_000_000);
    });

    it('let one room go on though another room came after it', async () => {
      const place = await databases.create();
      await (await place.open([first, other]))[Symbol.asyncDispose]();
      const again = await place.open([first, second, other]);
      expect(await rows(again, 'SELECT x, y FROM one')).toEqual([{ x: 1, y: null }]);
    });

    it('refuse a database of a newer Moongate, and change nothing', async () => {
      const place = await databases.create();
      await (await place.open([first, second]))[Symbol.asyncDispose]();
      await expect(place.open([first, other])).rejects.toThrow(StartRefusal);
      await expect(place.open([first, other])).rejects.toThrow(/^[^\n]*newer Moongate[^\n]*a\/0002-two[^\n]*$/);
      expect(await applied(await place.open([first, second]))).toEqual(['a/0001-one', 'a/0002-two']);
    });

    it('leave nothing of one that fails half way', async () => {
      const place = await databases.create();
      const broken = { name: 'a/0002-broken', statements: ['CREATE TABLE half (x INTEGER)', 'CREATE TABLE one (x INTEGER)'] };
      await expect(place.open([first, broken])).rejects.toThrow(/already exists/);
      const opened = await place.open([first]);
      expect(await applied(opened)).toEqual(['a/0001-one']);
      await expect(rows(opened, 'SELECT * FROM half')).rejects.toThrow(/half/);
    });
  });
});

describe('pendingMigrations', () => {
  const noted = (migration: Migration, checksum = checksums.get(migration.name)): Record<string, unknown> => ({ name: migration.name, checksum });
  /** As released: databases out there hold them, whichever kind they are. */
  const checksums = new Map([
    ['a/0001-one', '734b6770765774048280b59831f835dbbdc542ba88630476a2f84094513d03b4'],
    ['a/0002-two', '4ffc34bd22b4bc3051fe2bb58f65663bb27f0d2d7ce06190e58ef4e41413050e'],
  ]);

  it('are those that have not run', () => {
    expect(pendingMigrations([noted(first)], [first, second, other])).toEqual([second, other]);
  });

  it('are refused when one has changed since', () => {
    const changed = { ...first, statements: [...first.statements, 'CREATE TABLE more (x INTEGER)'] };
    expect(() => pendingMigrations([noted(first)], [changed])).toThrow(/"a\/0001-one" differs/);
  });

  it('are refused when one in the middle is missing', () => {
    expect(() => pendingMigrations([noted(second)], [first, second])).toThrow(/but not the ones before/);
  });

  it('are refused when the table is not ours', () => {
    expect(() => pendingMigrations([{ name: 'a/0001-one', checksum: null }], [first])).toThrow(StartRefusal);
  });

  it.each([
    [[second, first], /out of order/],
    [[first, first], /out of order/],
    [[{ name: 'first', statements: [] }], /expected <room>/],
  ])('are refused in a list that breaks its own rules', (list, message) => {
    expect(() => pendingMigrations([], list)).toThrow(message);
  });
});
