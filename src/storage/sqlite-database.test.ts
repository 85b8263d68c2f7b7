import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { type CompiledQuery, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartRefusal } from '../base/start-refusal.ts';
import type { Migration } from './migration.ts';
import { openSqliteDatabase, type SqliteDatabase } from './sqlite-database.ts';

interface Tables {
  account: { id: number; name: string; balance_nanos: bigint; note: Uint8Array | string | number | null };
  entry: { id: number; account_id: number };
}

const migrations: readonly Migration[] = [
  {
    name: 'test/0001-accounts',
    statements: [
      'CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, balance_nanos BIGINT NOT NULL CHECK (balance_nanos >= 0), note)',
      'CREATE TABLE entry (id INTEGER PRIMARY KEY, account_id BIGINT NOT NULL REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED)',
    ],
  },
];

let folder: string;
let path: string;
let workers: Worker[];
const noteWorker = (worker: Worker): void => void workers.push(worker);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-sqlite-'));
  path = join(folder, 'test.db');
  workers = [];
  process.on('worker', noteWorker);
});

afterEach(() => {
  process.off('worker', noteWorker);
  rmSync(folder, { recursive: true, force: true });
});

const open = (onFailure?: (cause: unknown) => void): Promise<SqliteDatabase> =>
  openSqliteDatabase({ path, migrations, ...(onFailure === undefined ? {} : { onFailure }) });

function insertion(database: SqliteDatabase, id: number, name = `n${id}`, balance = 0n): CompiledQuery {
  return database.builder<Tables>().insertInto('account').values({ id, name, balance_nanos: balance, note: null }).compile();
}

async function ids(database: SqliteDatabase): Promise<number[]> {
  const rows = await database.query(database.builder<Tables>().selectFrom('account').select('id').orderBy('id').compile());
  return rows.map((row) => row.id);
}

describe('the connection', () => {
  it('syncs every commit: the writer itself reports WAL, FULL and foreign keys', async () => {
    await using database = await open();
    expect(database.settings).toEqual({ journalMode: 'wal', synchronous: 2, foreignKeys: true, busyTimeoutMs: 5_000 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('refuses a file that is no database, in one line that names it', async () => {
    writeFileSync(path, 'not a database, but long enough to be looked at as one. '.repeat(40));
    await expect(open()).rejects.toThrow(StartRefusal);
    await expect(open()).rejects.toThrow(/^[^\n]*test\.db: [^\n]*$/);
  });

  it('leaves everything in the one file when it is closed', async () => {
    const database = await open();
    await database.commit([insertion(database, 7, 'MARKER')]);
    await database[Symbol.asyncDispose]();
    expect(readFileSync(path).includes('MARKER')).toBe(true);
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
    await expect(database.commit([insertion(database, 8)])).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(ids(database)).rejects.toMatchObject({ code: 'storage_unavailable' });
    await database[Symbol.asyncDispose]();
  });

  it('finishes what was begun before it closes', async () => {
    const database = await open();
    const commits = Array.from({ length: 1_000 }, (_, id) => database.commit([insertion(database, id)]));
    await database[Symbol.asyncDispose]();
    expect(await Promise.all(commits)).toHaveLength(1_000);
    await using again = await open();
    expect(await ids(again)).toHaveLength(1_000);
  });
});

describe('commit', () => {
  it('rolls back a failing commit alone, among many of the same group', async () => {
    await using database = await open();
    const commits = Array.from({ length: 64 }, (_, id) =>
      id % 7 === 3
        ? database.commit([insertion(database, id), insertion(database, 1_000 + id, 'n0')])
        : database.commit([insertion(database, id)]),
    );
    const results = await Promise.allSettled(commits);
    for (const [id, result] of results.entries()) {
      if (id % 7 === 3) expect(result).toMatchObject({ status: 'rejected', reason: { name: 'StatementError', constraint: 'unique' } });
      else expect(result).toEqual({ status: 'fulfilled', value: [1] });
    }
    expect(await ids(database)).toEqual(results.flatMap((result, id) => (result.status === 'fulfilled' ? [id] : [])));
  });

  it('keeps others whole when one breaks a rule that is only looked at in the end', async () => {
    await using database = await open();
    const builder = database.builder<Tables>();
    const orphan = builder.insertInto('entry').values({ id: 1, account_id: 404 }).compile();
    const results = await Promise.allSettled([
      database.commit([insertion(database, 1)]),
      database.commit([orphan, insertion(database, 2)]),
      database.commit([insertion(database, 3)]),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { constraint: 'foreign-key' } });
    expect(await ids(database)).toEqual([1, 3]);
  });

  it('keeps others whole when one throws the transaction away', async () => {
    await using database = await open();
    const rollback = sql`INSERT OR ROLLBACK INTO account (id, name, balance_nanos) VALUES (1, 'n1', 0)`.compile(database.builder<Tables>());
    const results = await Promise.allSettled([
      database.commit([insertion(database, 1)]),
      database.commit([insertion(database, 2), rollback]),
      database.commit([insertion(database, 3)]),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await ids(database)).toEqual([1, 3]);
  });

  it('refuses more than it can hold, and takes all the others', async () => {
    await using database = await open();
    const results = await Promise.allSettled(Array.from({ length: 10_050 }, (_, id) => database.commit([insertion(database, id)])));
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(50);
    expect(refused[0]).toMatchObject({ reason: { code: 'storage_unavailable' } });
    expect(await ids(database)).toHaveLength(10_000);
  });

  it('calls a full disk its own fault, keeps what it acknowledged, and goes on once there is room', async () => {
    await using database = await open();
    const builder = database.builder<Tables>();
    const limit = (pages: number): CompiledQuery => sql`PRAGMA max_page_count = ${sql.lit(pages)}`.compile(builder);
    const large = (id: number): CompiledQuery => insertion(database, id, `${id}`.padEnd(20_000, 'x'));
    await database.commit([limit(30)]);
    const acknowledged: number[] = [];
    let refusal: unknown;
    for (let id = 0; id < 50 && refusal === undefined; id += 1) {
      await database.commit([large(id)]).then(() => acknowledged.push(id), (error: unknown) => (refusal = error));
    }
    expect(refusal).toMatchObject({ code: 'storage_unavailable' });
    expect(await ids(database)).toEqual(acknowledged);
    await database.commit([limit(1_000_000)]);
    await database.commit([large(100)]);
    expect(await ids(database)).toEqual([...acknowledged, 100]);
  });

  it('goes on when it has seen more SQL texts than it keeps', async () => {
    await using database = await open();
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(
        Array.from({ length: 700 }, (_, index) => {
          const id = round * 700 + index;
          return database.commit([sql`INSERT INTO account (id, name, balance_nanos) VALUES (${sql.lit(id)}, ${`n${id}`}, 0)`.compile(database.builder<Tables>())]);
        }),
      );
    }
    expect(await ids(database)).toEqual(Array.from({ length: 2_100 }, (_, id) => id));
  });
});

describe('query and report', () => {
  it('hold up no commit and no short read while a report runs', async () => {
    await using database = await open();
    const builder = database.builder<Tables>();
    const slow = sql`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) AS c FROM n`.compile(builder);
    let reported = false;
    const report = database.report(slow).then(() => (reported = true));
    await database.commit([insertion(database, 1)]);
    expect(await ids(database)).toEqual([1]);
    expect(reported).toBe(false);
    await report;
  });
});

describe('a database thread that dies', () => {
  it('fails every call with storage_unavailable, and the server is told once', async () => {
    const causes: unknown[] = [];
    const database = await open((cause) => causes.push(cause));
    const [writer, reader] = workers;
    const pending = Promise.allSettled(Array.from({ length: 600 }, (_, id) => database.commit([insertion(database, id)])));
    await writer?.terminate();
    for (const result of await pending) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'storage_unavailable' });
    }
    await expect(database.commit([insertion(database, 9_999)])).rejects.toMatchObject({ code: 'storage_unavailable' });
    await reader?.terminate();
    await expect(ids(database)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(causes).toHaveLength(1);
    await database[Symbol.asyncDispose]();
  });
});

describe('kill -9', () => {
  it('loses nothing that was acknowledged', async () => {
    const program = `
      import { writeSync } from 'node:fs';
      const { openSqliteDatabase } = await import(${JSON.stringify(new URL('./sqlite-database.ts', import.meta.url).href)});
      const database = await openSqliteDatabase({ path: ${JSON.stringify(path)}, migrations: ${JSON.stringify(migrations)} });
      const builder = database.builder();
      let next = Number(process.argv[1]);
      const loop = async () => {
        for (;;) {
          const id = next++;
          await database.commit([builder.insertInto('account').values({ id, name: 'n' + id, balance_nanos: 0n, note: null }).compile()]);
          writeSync(1, id + '\\n');
        }
      };
      for (let client = 0; client < 16; client += 1) loop();`;
    const acknowledged: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, String(round * 1_000_000)], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      const ended = new Promise((resolve) => child.stdout.once('end', resolve));
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk: Buffer) => {
          // Counted from the first acknowledgement, so that a slow start does not make it a test of nothing.
          if (text === '') setTimeout(resolve, 20 + Math.random() * 200);
          text += chunk.toString();
        });
      });
      child.kill('SIGKILL');
      await ended;
      acknowledged.push(...text.slice(0, text.lastIndexOf('\n')).split('\n').map(Number));
    }
    expect(acknowledged.length).toBeGreaterThan(30);
    await using database = await open();
    const present = new Set(await ids(database));
    expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
    expect(await database.query(sql`PRAGMA integrity_check`.compile(database.builder<Tables>()))).toEqual([{ integrity_check: 'ok' }]);
  });
});
