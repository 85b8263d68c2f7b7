import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { Sealer } from '../../src/base/sealer.ts';
import { parseRootSecret } from '../../src/base/secret.ts';
import { jobOf, openedJob, sealedJob } from '../../src/http/surfaces/responses/background-job.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { chunk, completion, frame, jsonReply, type Script, ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { brokenLaws, recordedCalls } from './books-proof.ts';
import { eventsSoFar, idOf, instantConfig, type Json, numbersOf, outputOf, plainUsage, range, ResponsesCaller, textOf } from './responses-caller.ts';

/** How many responses one server makes at once (background-worker.ts); the next one waits. */
const runsMax = 256;
/** A busy machine may take so long over what is to be done at once. */
const endedMsMax = 3_000;
const drainMs = 1_500;

let folder: string;
let dataDir: string;
let upstream: ScriptedUpstream;
let server: RunningServer | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-background-'));
  dataDir = join(folder, 'data');
  upstream = await ScriptedUpstream.start();
});
afterEach(async () => {
  await server?.kill();
  await upstream[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function start(config = ''): Promise<RunningServer> {
  server = await startServer({ dataDir, config: `${instantConfig}${config}`, environment: { MOONSHOT_API_KEY: 'x', MOONSHOT_BASE_URL: upstream.baseUrl } });
  return server;
}

const half: Script = [
  { do: 'write', body: frame(chunk({ reasoning_content: 'thought' })) },
  { do: 'write', body: frame(chunk({ content: 'one ' })) },
  { do: 'write', body: frame(chunk({ content: 'two' })) },
];

/** Begins a response, and reads its stream until it has said all of `half`; `rest` is what comes after that. */
async function halfWay(caller: ResponsesCaller, body: Json): Promise<{ readonly id: string; readonly last: number; readonly rest: Promise<string> }> {
  const begun = await caller.create({ input: 'hi', background: true, ...body });
  const id = idOf(begun);
  const stream = await caller.fetch('GET', `/v1/responses/${id}?stream=true`);
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!text.includes('"two"')) {
    const { value } = await reader.read();
    text += decoder.decode(value, { stream: true });
  }
  const read = async (): Promise<string> => {
    let more = '';
    for (;;) {
      const part = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (part.done) return more;
      more += decoder.decode(part.value, { stream: true });
    }
  };
  return { id, last: numbersOf(eventsSoFar(text)).at(-1) ?? -1, rest: read() };
}

/** Of what cannot be asked for in time; makes them all wait. */
const endless = { 'x-moongate-sandbox': 'ttft-ms=600000' };

/** Takes all places but one, which is taken already, so that whatever comes next waits. */
async function allBusy(caller: ResponsesCaller): Promise<readonly string[]> {
  return (await Promise.all(Array.from({ length: runsMax - 1 }, () => caller.create({ input: 'hi', background: true }, endless)))).map(idOf);
}

async function admin(running: RunningServer, path: string, body: Json = {}): Promise<Json> {
  const headers = { authorization: `Bearer ${running.adminToken}`, 'content-type': 'application/json' };
  return (await (await fetch(`${running.url}/admin/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()) as Json;
}

/** What was accepted by another version of the program, and is not understood by this one. */
function spoil(id: string): void {
  const sealer = new Sealer(parseRootSecret(readFileSync(join(dataDir, 'secret'), 'utf8').trim()).derive('encryption', 1), systemRandom);
  const database = new DatabaseSync(join(dataDir, 'moongate.db'));
  const jobId = jobOf(id);
  const { payload } = database.prepare('SELECT payload FROM jobs WHERE id = ?').get(jobId) as { payload: string };
  const job = openedJob({ sealer }, jobId, payload);
  database.prepare('UPDATE jobs SET payload = ? WHERE id = ?').run(sealedJob({ sealer }, jobId, { ...job, wire: { ...job.wire, input: 5 } }), jobId);
  database.close();
}

describe('after a kill with -9', () => {
  it('what was being made ends incomplete with what it has said, and what waited is made once, unless its key was revoked', { timeout: 60_000 }, async () => {
    const first = await start();
    const [caller, sandboxed] = [new ResponsesCaller(first, first.liveKey), new ResponsesCaller(first, first.testKey)];
    upstream.script([...half, { do: 'hang' }]);
    const { id, last } = await halfWay(caller, { metadata: { a: 'b' } });
    const busy = await allBusy(sandboxed);
    const { key, secret } = (await admin(first, '/keys', { mode: 'test', label: 'soon revoked' })) as { key: { id: string }; secret: string };
    const waiting = idOf(await sandboxed.create({ input: 'hi', background: true }));
    const revoked = idOf(await new ResponsesCaller(first, secret).create({ input: 'hi', background: true }));
    await admin(first, `/keys/${key.id}/revoke`);
    const spoilt = idOf(await sandboxed.create({ input: 'hi', background: true }));
    for (const each of [waiting, revoked, spoilt]) expect((await sandboxed.retrieve(each)).body).toMatchObject({ status: 'queued' });
    await first.kill();
    spoil(spoilt);

    const second = await start();
    const [again, sandboxedAgain] = [new ResponsesCaller(second, first.liveKey), new ResponsesCaller(second, first.testKey)];
    const ended = await again.ended(id, endedMsMax);
    expect(ended).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'interrupted' }, error: null, metadata: { a: 'b' } });
    expect(textOf(ended)).toBe('one two');
    expect(await again.resume(id, last)).toMatchObject([{ event: 'response.incomplete', data: { sequence_number: last + 1, response: { id, status: 'incomplete' } } }]);
    expect(numbersOf(await again.resume(id))).toEqual(range(0, last + 1));
    // What it has thought can be referred to.
    upstream.script(jsonReply(completion('ok')));
    const reasoning = outputOf(ended).find(({ type }) => type === 'reasoning');
    await again.create({ input: [{ type: 'item_reference', id: reasoning?.['id'] }, { role: 'assistant', content: 'x' }, { role: 'user', content: 'go on' }] });
    expect(JSON.parse((await upstream.request(1)).body)).toMatchObject({ messages: [{ reasoning_content: 'thought' }, { content: 'go on' }] });

    expect(await sandboxedAgain.ended(waiting)).toMatchObject({ status: 'completed' });
    expect(await sandboxedAgain.ended(revoked)).toMatchObject({ status: 'failed', error: { code: 'invalid_api_key', message: expect.stringContaining('revoked') } });
    expect(await sandboxedAgain.ended(spoilt)).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'interrupted' }, output: [] });
    expect(new Set(await Promise.all(busy.map(async (each) => (await sandboxedAgain.ended(each))['status'])))).toEqual(new Set(['incomplete']));
    await second.stop();
    const calls = recordedCalls(dataDir, '/v1/responses');
    expect(calls.filter(({ state }) => state === 'complete')).toHaveLength(2);
    expect(calls.filter(({ charges }) => charges > 0)).toEqual([{ state: 'complete', charges: 1 }]);
    expect(brokenLaws({ dataDir })).toEqual([]);
  });
});

/** Lets a response or conversation end three hours ago, as if its days were over. */
function expire(table: 'responses' | 'conversations', id: string): void {
  const database = new DatabaseSync(join(dataDir, 'moongate.db'));
  database.prepare(`UPDATE ${table} SET expires_ms = ? WHERE id = ?`).run(Date.now() - 3 * 3_600_000, id);
  database.close();
}

function rowsOf(table: string, column: string, id: string): number {
  const database = new DatabaseSync(join(dataDir, 'moongate.db'), { readOnly: true });
  const { count } = database.prepare(`SELECT COUNT(*) AS count FROM ${table} WHERE ${column} = ?`).get(id) as { count: number };
  database.close();
  return count;
}

describe('what is past its days', () => {
  it('is not there at once, and removed with all that belongs to it by the next sweep', { timeout: 60_000 }, async () => {
    const first = await start('retention:\n  responsesDays: 2\n');
    const caller = new ResponsesCaller(first, first.testKey);
    const made = await caller.create({ input: 'hi', background: true });
    const id = idOf(made);
    await caller.ended(id);
    const conversation = idOf(await caller.call('POST', '/v1/conversations', { items: [{ role: 'user', content: 'hi' }] }));
    const database = new DatabaseSync(join(dataDir, 'moongate.db'), { readOnly: true });
    const { kept } = database.prepare('SELECT expires_ms - created_ms AS kept FROM responses WHERE id = ?').get(id) as { kept: number };
    database.close();
    expect(kept).toBe(2 * 86_400_000);
    expire('responses', id);
    expire('conversations', conversation);
    for (const [method, path] of [['GET', ''], ['GET', '/input_items'], ['POST', '/cancel'], ['DELETE', '']] as const) {
      expect(await caller.call(method, `/v1/responses/${id}${path}`)).toMatchObject({ status: 404 });
    }
    expect(await caller.create({ input: 'x', previous_response_id: id })).toMatchObject({ status: 404 });
    expect(await caller.call('GET', `/v1/conversations/${conversation}`)).toMatchObject({ status: 404 });
    await first.stop();
    await start();
    for (const [table, column, of] of [['responses', 'id', id], ['response_items', 'response_id', id], ['response_events', 'response_id', id], ['conversations', 'id', conversation], ['conversation_items', 'conversation_id', conversation]] as const) {
      await expect.poll(() => rowsOf(table, column, of), { timeout: 5_000 }).toBe(0);
    }
  });
});

describe('SIGTERM', () => {
  it('lets responses end that nobody follows, and at the drain limit ends the others incomplete with what they have said', { timeout: 60_000 }, async () => {
    const first = await start(`server:\n  drainMs: ${drainMs}\n`);
    const caller = new ResponsesCaller(first, first.liveKey);
    upstream.script([...half, { do: 'hang' }]);
    const followed = await halfWay(caller, {});
    upstream.script([...half, { do: 'wait', ms: 300 }, { do: 'write', body: frame(chunk({}, 'stop', { usage: plainUsage })) + frame('[DONE]') }]);
    const ending = idOf(await caller.create({ input: 'hi', background: true }));
    await upstream.request(1);
    const beforeMs = performance.now();
    expect(await first.stop()).toBe(0);
    expect(performance.now() - beforeMs).toBeLessThan(drainMs + endedMsMax);
    expect(eventsSoFar(await followed.rest)).toMatchObject([{ event: 'response.incomplete', data: { sequence_number: followed.last + 1, response: { status: 'incomplete' } } }]);

    const second = await start('server:\n  drainMs: 300\n');
    const again = new ResponsesCaller(second, first.liveKey);
    const { body: completed } = await again.retrieve(ending);
    expect([completed['status'], textOf(completed)]).toEqual(['completed', 'one two']);
    const { body: cut } = await again.retrieve(followed.id);
    expect([cut, textOf(cut)]).toMatchObject([{ status: 'incomplete', incomplete_details: { reason: 'interrupted' } }, 'one two']);
    // One that has no connection does not hold the house open either.
    upstream.script([{ do: 'hang' }]);
    await again.create({ input: 'hi', background: true });
    await upstream.request(2);
    expect(await second.stop()).toBe(0);
    expect(recordedCalls(dataDir, '/v1/responses').map(({ state, charges }) => `${state} ${charges}`).toSorted()).toEqual(['complete 1', 'failed 0', 'partial 1']);
    expect(brokenLaws({ dataDir })).toEqual([]);
  });
});
