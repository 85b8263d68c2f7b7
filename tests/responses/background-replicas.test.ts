import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { canStartPostgres, type PostgresServer, startPostgres } from '../doubles/postgres-server.ts';
import { startRedis, type TestRedis } from '../doubles/redis-server.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { chunk, frame, type RecordedRequest, type Script, ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { brokenLaws } from './books-proof.ts';
import { idOf, instantConfig, numbersOf, pause, range, ResponsesCaller, textOf, thoughtReply } from './responses-caller.ts';

describe.skipIf(!canStartPostgres)('background responses of two servers on one database (needs postgres)', () => {
  let postgres: PostgresServer;
  let redis: TestRedis | undefined;
  let databaseUrl: string;
  let upstream: ScriptedUpstream;
  let one: RunningServer;
  let other: RunningServer;
  let throughOne: ResponsesCaller;
  let throughOther: ResponsesCaller;

  const start = async (): Promise<RunningServer> => startServer({
    config: instantConfig,
    environment: {
      MOONGATE_DATABASE_URL: databaseUrl, MOONGATE_SECRET: 's'.repeat(32), MOONSHOT_API_KEY: 'x', MOONSHOT_BASE_URL: upstream.baseUrl,
      ...(redis === undefined ? {} : { MOONGATE_REDIS_URL: redis.url }),
    },
  });

  beforeAll(async () => {
    [postgres, redis, upstream] = await Promise.all([startPostgres(), startRedis(), ScriptedUpstream.start()]);
    databaseUrl = await postgres.createDatabase();
    one = await start();
    other = await start();
    throughOne = new ResponsesCaller(one, one.liveKey);
    throughOther = new ResponsesCaller(other, one.liveKey);
  });
  afterAll(async () => {
    await Promise.all([one, other].map((server) => server?.stop()));
    await redis?.stop();
    await upstream?.[Symbol.asyncDispose]();
    await postgres?.stop();
  });

  /** Accepted by `caller`'s server; resolves when its upstream is asked. */
  async function begun(caller: ResponsesCaller, script: Script): Promise<{ readonly id: string; readonly request: RecordedRequest }> {
    const index = upstream.requests.length;
    upstream.script(script);
    const id = idOf(await caller.create({ input: 'hi', background: true }));
    return { id, request: await upstream.request(index) };
  }

  async function run(statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query(statement);
    await client.end();
  }

  const words = Array.from({ length: 12 }, (_, index) => `word${index} `);
  const slowWords: Script = [
    ...words.flatMap((content) => [{ do: 'write', body: frame(chunk({ content })) } as const, { do: 'wait', ms: 40 } as const]),
    ...thoughtReply('', 'end'),
  ];

  it('are made once each, whoever accepts them, and are there on both', async () => {
    upstream.fallback = thoughtReply('hm', 'done');
    onTestFinished(() => void (upstream.fallback = [{ do: 'head', status: 500 }]));
    const before = upstream.requests.length;
    const created = await Promise.all(Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? throughOne : throughOther).create({ input: `call ${index}`, background: true })));
    const ended = await Promise.all(created.map((answer, index) => (index % 2 === 0 ? throughOther : throughOne).ended(idOf(answer))));
    expect(ended.map(({ status }) => status)).toEqual(created.map(() => 'completed'));
    await pause(1_200);
    const asked = upstream.requests.slice(before).map(({ body }) => /call \d+/.exec(body)?.[0]);
    expect(asked.toSorted()).toEqual(created.map((_, index) => `call ${index}`).toSorted());
  });

  it('are followed through the other, to the end, also when another follower leaves', async () => {
    const { id } = await begun(throughOne, slowWords);
    const leaving = new AbortController();
    const left = fetch(`${one.url}/v1/responses/${id}?stream=true`, { headers: { authorization: `Bearer ${one.liveKey}` }, signal: leaving.signal });
    const followers = Promise.all([throughOther.resume(id), throughOne.resume(id), throughOther.resume(id, 1)]);
    await left;
    leaving.abort();
    const [far, near, late] = await followers;
    expect(numbersOf(far)).toEqual(range(0, far.length - 1));
    expect(far.at(-1)?.event).toBe('response.completed');
    expect(far).toEqual(near);
    expect(late).toEqual(far.slice(2));
  });

  it('are cancelled and deleted through the other, which ends the upstream’s call', async () => {
    const silent: Script = [{ do: 'write', body: frame(chunk({ content: 'said' })) }, { do: 'hang' }];
    const cancelled = await begun(throughOne, silent);
    const deleted = await begun(throughOther, silent);
    await pause(200);
    // Whichever made them, one of these is the other.
    expect(textOf((await throughOther.call('POST', `/v1/responses/${cancelled.id}/cancel`)).body)).toBe('said');
    expect(await throughOne.call('DELETE', `/v1/responses/${deleted.id}`)).toMatchObject({ status: 200 });
    const beforeMs = performance.now();
    await Promise.all([cancelled.request.aborted, deleted.request.aborted]);
    expect(performance.now() - beforeMs).toBeLessThan(1_500);
    expect((await throughOne.retrieve(cancelled.id)).body).toMatchObject({ status: 'cancelled' });
  });

  it('are kept, with the whole stream, when the database comes back that was away at their end', async () => {
    await run(`CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = '57P03'; END $$;
      CREATE TRIGGER away BEFORE UPDATE ON responses FOR EACH ROW WHEN (NEW.ended_ms IS NOT NULL) EXECUTE FUNCTION away()`);
    const { id } = await begun(throughOne, thoughtReply('hm', 'done'));
    const follower = throughOther.resume(id);
    await pause(500);
    expect((await throughOne.retrieve(id)).body).toMatchObject({ status: 'in_progress' });
    await run('DROP TRIGGER away ON responses');
    const ended = await throughOne.ended(id);
    expect([ended['status'], textOf(ended)]).toEqual(['completed', 'done']);
    const events = await follower;
    expect(numbersOf(events)).toEqual(range(0, events.length - 1));
    expect(events.at(-1)?.event).toBe('response.completed');
  });

  it('end incomplete when the server that made them dies, and those who follow through the other are told', { timeout: 60_000 }, async () => {
    const third = await start();
    onTestFinished(() => third.kill());
    const { id } = await begun(new ResponsesCaller(third, one.liveKey), [{ do: 'write', body: frame(chunk({ content: 'last words' })) }, { do: 'hang' }]);
    await pause(200);
    const follower = throughOther.resume(id);
    await third.kill();
    // In place of the twenty seconds that the dead count as alive.
    await run('UPDATE jobs SET available_ms = 0');
    const ended = await throughOne.ended(id);
    expect([ended['status'], textOf(ended)]).toEqual(['incomplete', 'last words']);
    const events = await follower;
    expect(numbersOf(events)).toEqual(range(0, events.length - 1));
    expect(events.at(-1)).toMatchObject({ event: 'response.incomplete', data: { response: { incomplete_details: { reason: 'interrupted' } } } });
    expect(brokenLaws({ databaseUrl })).toEqual([]);
  });
});
