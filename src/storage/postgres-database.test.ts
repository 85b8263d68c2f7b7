import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { type CompiledQuery, sql } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { canStartPostgres, type PostgresServer, startPostgres } from '../../tests/doubles/postgres-server.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import type { Announcement } from './database.ts';
import type { Migration } from './migration.ts';
import { openPostgresDatabase, type PostgresDatabase } from './postgres-database.ts';
import { UnknownOutcome } from './unknown-outcome.ts';

interface Tables {
  account: { id: number; balance: number };
}

const migrations: readonly Migration[] = [
  { name: 'test/0001-accounts', statements: ['CREATE TABLE account (id BIGINT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL)'] },
];

const recoveryMs = 5_000;
const poll = { timeout: recoveryMs, interval: 20 };

let server: PostgresServer;
let opened: PostgresDatabase[] = [];

const insertion = (database: PostgresDatabase, id: number): CompiledQuery =>
  database.builder<Tables>().insertInto('account').values({ id, balance: 100 }).compile();
const withdrawal = (database: PostgresDatabase, id: number): CompiledQuery =>
  database.builder<Tables>().updateTable('account').set((column) => ({ balance: column('balance', '-', 1) })).where('id', '=', id).where('balance', '>=', 1).compile();
const raw = (database: PostgresDatabase, text: string): CompiledQuery<Record<string, unknown>> =>
  sql<Record<string, unknown>>`${sql.raw(text)}`.compile(database.builder());

async function open(url: string): Promise<PostgresDatabase> {
  const database = await openPostgresDatabase({ url, migrations });
  opened.push(database);
  return database;
}

async function ids(database: PostgresDatabase): Promise<number[]> {
  return (await database.query(database.builder<Tables>().selectFrom('account').select('id').orderBy('id').compile())).map(({ id }) => id);
}

/** A connection past our own code, as an operator or another program has one. */
async function outsider(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

describe.skipIf(!canStartPostgres)('Postgres (needs postgres)', () => {
  beforeAll(async () => void (server = await startPostgres()));
  afterAll(() => server.stop());
  afterEach(async () => {
    await Promise.all(opened.map((database) => database[Symbol.asyncDispose]()));
    opened = [];
  });

  describe('opening', () => {
    it('migrates once, however many open it at the same time', async () => {
      const url = await server.createDatabase();
      const counted: Migration = { name: 'test/0002-count', statements: ['INSERT INTO account SELECT count(*) + 1, 0 FROM account'] };
      const all = await Promise.all(Array.from({ length: 6 }, () => openPostgresDatabase({ url, migrations: [...migrations, counted] })));
      opened.push(...all);
      for (const database of all) expect(await ids(database)).toEqual([1]);
    });

    it('runs one at a time of what must happen once, whichever process it is', async () => {
      const url = await server.createDatabase();
      const all = await Promise.all([open(url), open(url), open(url)]);
      let inside = 0;
      let worst = 0;
      const made = await Promise.all(
        all.map((database) =>
          database.exclusively(async () => {
            worst = Math.max(worst, (inside += 1));
            const first = (await ids(database)).length === 0;
            if (first) await database.commit([insertion(database, 1)]);
            inside -= 1;
            return first;
          }),
        ),
      );
      expect([worst, made.filter(Boolean).length]).toEqual([1, 1]);
    });

    it.each([
      ['a server that is not there', async () => 'postgres://someone:SECRET@127.0.0.1:1/moongate', /127\.0\.0\.1:1, database "moongate": connect ECONNREFUSED/],
      ['a database that is not there', async () => Object.assign(new URL(await server.createDatabase()), { pathname: '/nowhere' }).href, /database "nowhere" does not exist/],
      ['another encoding', () => withEncoding('SQL_ASCII'), /encoding is SQL_ASCII.*createdb/],
    ])('refuses %s, in one line without the password', async (_name, urlOf, message) => {
      const refusal = await openPostgresDatabase({ url: await urlOf(), migrations }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).toBeInstanceOf(StartRefusal);
      expect((refusal as Error).message).toMatch(message);
      expect((refusal as Error).message).not.toMatch(/\n|SECRET/);
    });
  });

  async function withEncoding(encoding: string): Promise<string> {
    const url = await server.createDatabase();
    await using client = await outsider(url);
    const name = `other_${encoding.toLowerCase()}`;
    await client.query(`CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0`);
    return Object.assign(new URL(url), { pathname: `/${name}` }).href;
  }

  describe('a session', () => {
    it('syncs every commit and sees what is committed, whatever the role is set up with', async () => {
      const url = await server.createDatabase();
      {
        await using client = await outsider(url);
        const name = new URL(url).pathname.slice(1);
        for (const setting of ['synchronous_commit = off', "default_transaction_isolation = 'serializable'", 'bytea_output = escape', 'default_transaction_read_only = on']) {
          await client.query(`ALTER DATABASE ${name} SET ${setting}`);
        }
      }
      const database = await open(url);
      await database.commit([insertion(database, 1)]);
      const settings = `SELECT current_setting('synchronous_commit') AS sync, current_setting('transaction_isolation') AS isolation,
        current_setting('application_name') AS name, decode('00ff', 'hex') AS bytes`;
      expect(await database.query(raw(database, settings))).toEqual([{ sync: 'on', isolation: 'read committed', name: 'moongate', bytes: Uint8Array.of(0, 255) }]);
    });
  });

  describe('a commit', () => {
    it('is run again when it was the victim of a deadlock', async () => {
      const url = await server.createDatabase();
      const database = await open(url);
      await database.commit([insertion(database, 1), insertion(database, 2)]);
      await using other = await outsider(url);
      await other.query('BEGIN; UPDATE account SET balance = balance - 10 WHERE id = 2');
      const ours = database.commitIf([withdrawal(database, 1), withdrawal(database, 2)], [insertion(database, 3)]);
      // Ours waits first, so that it is the one that finds the deadlock, and is undone.
      await expect.poll(async () => (await database.query(raw(database, 'SELECT 1 FROM pg_locks WHERE NOT granted'))).length, poll).toBe(1);
      await other.query('UPDATE account SET balance = balance - 10 WHERE id = 1');
      await other.query('COMMIT');
      expect(await ours).toEqual({ committed: true, changes: [1] });
      expect(await database.query(raw(database, 'SELECT balance FROM account ORDER BY id'))).toEqual([{ balance: 89 }, { balance: 89 }, { balance: 100 }]);
    });

    it('that is cut off before its end is storage_unavailable, and nothing of it happened', async () => {
      const database = await open(await server.createDatabase());
      await database.commit([insertion(database, 1)]);
      const end = raw(database, 'UPDATE account SET balance = 0 WHERE pg_terminate_backend(pg_backend_pid())');
      const failure = await database.commitIf([withdrawal(database, 1), end], [insertion(database, 2)]).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'storage_unavailable', cause: expect.not.objectContaining({ name: 'UnknownOutcome' }) });
      expect(await database.query(raw(database, 'SELECT id, balance FROM account'))).toEqual([{ id: 1, balance: 100 }]);
    });

    it.each([
      ['of several statements', (database: PostgresDatabase) => database.commit([insertion(database, 1), insertion(database, 2)]), [0, 1, 2]],
      ['of one statement', (database: PostgresDatabase) => database.commit([insertion(database, 1)]), [0, 1]],
      ['of one guard', (database: PostgresDatabase) => database.commitIf([insertion(database, 1)], []), [0, 1]],
    ])('%s whose answer is lost says that it may have happened', async (_name, commit, expected) => {
      const url = await server.createDatabase();
      await using proxy = await AnswerLosingProxy.start(Number(new URL(url).port));
      const database = await open(Object.assign(new URL(url), { port: String(proxy.port) }).href);
      await database.commit([insertion(database, 0)]);
      proxy.loseAnswersTo = commitIsSent;
      const failure = await commit(database).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'storage_unavailable' });
      expect((failure as Error).cause).toBeInstanceOf(UnknownOutcome);
      await expect.poll(() => ids(database), poll).toEqual(expected);
    });

    it('beyond what may wait is refused, and all others are done', async () => {
      const database = await open(await server.createDatabase());
      // Eight of them have a connection, and 2,000 may wait.
      const results = await Promise.allSettled(Array.from({ length: 2_058 }, (_, id) => database.commit([insertion(database, id)])));
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused).toHaveLength(50);
      expect(refused[0]).toMatchObject({ reason: { code: 'storage_unavailable' } });
      expect(await ids(database)).toEqual(results.flatMap((result, id) => (result.status === 'fulfilled' ? [id] : [])));
    });
  });

  describe('announcements', () => {
    const heardBy = (database: PostgresDatabase): Announcement[] => {
      const heard: Announcement[] = [];
      database.onAnnouncement((announcement) => heard.push(announcement));
      return heard;
    };

    it('reach every process, in order, and only of what was committed', async () => {
      const url = await server.createDatabase();
      const [one, other] = await Promise.all([open(url), open(url)]);
      const [here, there] = [heardBy(one), heardBy(other)];
      await one.commit([insertion(one, 1), ...one.announcement('key', 'key_1')]);
      await expect(one.commit([insertion(one, 1), ...one.announcement('key', 'key_undone')])).rejects.toThrow();
      expect(await one.commitIf([withdrawal(one, 99)], one.announcement('key', 'key_refused'))).toMatchObject({ committed: false });
      await one.commit(one.announcement('tenant', 'ten:1'));
      const expected = [{ kind: 'heard', topic: 'key', payload: 'key_1' }, { kind: 'heard', topic: 'tenant', payload: 'ten:1' }];
      await expect.poll(() => there, poll).toEqual(expected);
      await expect.poll(() => here, poll).toEqual(expected);
    });

    it('are no longer told to one that has stopped listening', async () => {
      const database = await open(await server.createDatabase());
      const told: Announcement[] = [];
      const end = database.onAnnouncement((announcement) => told.push(announcement));
      const others = heardBy(database);
      end();
      await database.commit(database.announcement('key', 'key_1'));
      await expect.poll(() => others.length, poll).toBe(1);
      expect(told).toEqual([]);
    });

    it('say when they are lost, and when they are heard again', async () => {
      const url = await server.createDatabase();
      const database = await open(url);
      const heard = heardBy(database);
      await database.commit([raw(database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`)]);
      await expect.poll(() => heard, poll).toEqual([{ kind: 'lost' }, { kind: 'missed' }]);
      await database.commit(database.announcement('key', 'key_2'));
      await expect.poll(() => heard.at(-1), poll).toEqual({ kind: 'heard', topic: 'key', payload: 'key_2' });
    });
  });

  describe('a server that goes away', () => {
    it('is storage_unavailable at once, and used again within 5 s of its return', async () => {
      const database = await open(await server.createDatabase());
      const heard: Announcement[] = [];
      database.onAnnouncement((announcement) => heard.push(announcement));
      await Promise.all(Array.from({ length: 8 }, (_, id) => database.commit([insertion(database, id)])));
      await server.halt();
      const failedAfterMs = performance.now();
      await expect(database.commit([insertion(database, 10)])).rejects.toMatchObject({ code: 'storage_unavailable' });
      await expect(database.commitIf([withdrawal(database, 1)], [])).rejects.toMatchObject({ code: 'storage_unavailable' });
      await expect(ids(database)).rejects.toMatchObject({ code: 'storage_unavailable' });
      await expect(database.report(raw(database, 'SELECT 1'))).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(performance.now() - failedAfterMs).toBeLessThan(1_000);
      await server.start();
      await expect.poll(() => database.commit([insertion(database, 11)]).catch(() => 'gone'), poll).toEqual([1]);
      await expect.poll(() => heard, poll).toEqual([{ kind: 'lost' }, { kind: 'missed' }]);
      expect(await ids(database)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 11]);
    });

    it('is given up when it stands still, and used again within 5 s of going on', async () => {
      const database = await open(await server.createDatabase());
      const heard: Announcement[] = [];
      database.onAnnouncement((announcement) => heard.push(announcement));
      await Promise.all(Array.from({ length: 4 }, (_, id) => database.commit([insertion(database, id)])));
      server.pause();
      try {
        const crowd = Array.from({ length: 200 }, (_, id) => database.commitIf([withdrawal(database, 1)], [insertion(database, 100 + id)]));
        const calls = [...crowd, database.commit([insertion(database, 10), insertion(database, 11)]), ids(database)];
        for (const result of await Promise.allSettled(calls)) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'storage_unavailable' } });
        await expect.poll(() => heard, poll).toEqual([{ kind: 'lost' }]);
      } finally {
        server.resume();
      }
      await expect.poll(() => database.commit([insertion(database, 12)]).catch(() => 'gone'), poll).toEqual([1]);
      await expect.poll(() => heard, poll).toEqual([{ kind: 'lost' }, { kind: 'missed' }]);
    });
  });
});

/** COMMIT, or a statement that is a transaction of its own, is on its way to the server. */
const commitIsSent = (sent: Buffer): boolean => sent.includes('COMMIT') || (sent.includes('insert into') && !sent.includes('BEGIN'));

/** Between client and server; when it has passed on what `loseAnswersTo` knows, it cuts the connection in place of the answer. */
class AnswerLosingProxy implements AsyncDisposable {
  loseAnswersTo: (sent: Buffer) => boolean = () => false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async start(port: number): Promise<AnswerLosingProxy> {
    const proxy = new AnswerLosingProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const upstream = connectTcp(port, '127.0.0.1');
      let losing = false;
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          client.destroy();
          upstream.destroy();
        });
      }
      client.on('data', (sent: Buffer) => {
        losing ||= this.loseAnswersTo(sent);
        if (losing) this.loseAnswersTo = () => false;
        upstream.write(sent);
      });
      upstream.on('data', (answer: Buffer) => {
        if (losing) client.destroy();
        else client.write(answer);
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
