import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from './doubles/running-server.ts';
import { chunk, completion, jsonReply, type Script, ScriptedUpstream, streamReply } from './doubles/scripted-upstream.ts';

let folder: string;
let upstream: ScriptedUpstream;
let server: RunningServer;
let liveKey: string;
/** Requests that the upstream had received before the test. */
let before: number;

async function start(): Promise<void> {
  server = await startServer({ dataDir: join(folder, 'data'), environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: upstream.baseUrl } });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-idempotency-'));
  upstream = await ScriptedUpstream.start();
  await start();
  ({ liveKey } = server);
});

afterAll(async () => {
  await server.stop();
  await upstream[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  before = upstream.requests.length;
});

const called = (): number => upstream.requests.length - before;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function post(key: string, body: Record<string, unknown> = {}, base = '/v1', signal?: AbortSignal): Promise<Response> {
  return fetch(`${server.url}${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${liveKey}`, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ model: 'kimi-k2', messages: [{ role: 'user', content: 'hi' }], ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function chat(...args: Parameters<typeof post>): Promise<Answer> {
  const response = await post(...args);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const slowly = (script: Script): Script => [{ do: 'wait', ms: 200 }, ...script];
const failed = jsonReply({ error: { message: 'broken', type: 'server_error' } }, 500);

describe.each(['/v1', '/api/v1', '/api/v3'])('Idempotency-Key under %s', (base) => {
  const keyed = (key: string): string => `${base} ${key}`;

  it('makes one call of 50 twins', async () => {
    upstream.script(slowly(jsonReply(completion('only once'))));
    const twins = await Promise.all(Array.from({ length: 50 }, () => chat(keyed('twins'), {}, base)));
    const answered = twins.filter(({ status }) => status === 200);
    expect(answered.length).toBeGreaterThanOrEqual(1);
    for (const { text } of answered) expect(text).toBe(answered[0]?.text);
    for (const { status, headers, text } of twins) {
      if (status === 200) continue;
      expect(status).toBe(409);
      expect(headers.get('retry-after')).toBe('1');
      expect(text).toContain('Idempotency-Key');
    }
    const later = await chat(keyed('twins'), {}, base);
    expect([later.status, later.text, later.headers.get('idempotent-replayed')]).toEqual([200, answered[0]?.text, 'true']);
    expect(called()).toBe(1);
  });

  it('refuses another body', async () => {
    upstream.script(jsonReply(completion('hello')));
    await chat(keyed('changed'), {}, base);
    const refused = await chat(keyed('changed'), { max_tokens: 5 }, base);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Idempotency-Key');
    expect(called()).toBe(1);
  });

  it('gives a stream again as it was', async () => {
    upstream.script(streamReply(chunk({ role: 'assistant', content: 'Hel' }), chunk({ content: 'lo' }), chunk({}, 'stop', { usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } })));
    const first = await chat(keyed('stream'), { stream: true, stream_options: { include_usage: true } }, base);
    expect(first.text).toMatch(/Hel.*lo.*\[DONE\]/s);
    const again = await chat(keyed('stream'), { stream: true, stream_options: { include_usage: true } }, base);
    expect(again.text).toBe(first.text);
    expect(again.status).toBe(200);
    for (const name of ['content-type', 'x-generation-id', 'x-moongate-upstream']) expect(again.headers.get(name)).toBe(first.headers.get(name));
    expect(called()).toBe(1);
  });

  it('gives a failure of the upstream again, whole and in mid-stream', async () => {
    upstream.script(failed);
    const first = await chat(keyed('failed'), {}, base);
    const again = await chat(keyed('failed'), {}, base);
    expect([first.status, again.status, again.text]).toEqual([502, 502, first.text]);
    upstream.script([{ do: 'write', body: `data: ${JSON.stringify(chunk({ role: 'assistant', content: 'Hel' }))}\n\n` }, { do: 'cut' }]);
    const cut = await chat(keyed('cut'), { stream: true }, base);
    expect(cut.text).toMatch(/Hel.*"error"/s);
    expect((await chat(keyed('cut'), { stream: true }, base)).text).toBe(cut.text);
    expect(called()).toBe(2);
  });

  it('keeps nothing of what was refused before a call', async () => {
    expect((await chat(keyed('refused'), { model: 'gpt-99' }, base)).status).toBe(404);
    expect((await chat(keyed('refused'), { messages: [] }, base)).status).toBe(400);
    upstream.script(jsonReply(completion('now')));
    const answer = await chat(keyed('refused'), {}, base);
    expect([answer.status, answer.headers.get('idempotent-replayed'), called()]).toEqual([200, null, 1]);
  });

  it.each([true, false])('does not call again for a client that left, nor take a part for the whole; streamed: %s', async (stream) => {
    upstream.script([...(stream ? [{ do: 'write', body: `data: ${JSON.stringify(chunk({ role: 'assistant', content: 'Hel' }))}\n\n` } as const] : []), { do: 'hang' }]);
    const leaving = new AbortController();
    const left = post(keyed(`left ${stream}`), { stream }, base, leaving.signal);
    if (stream) await (await left).body?.getReader().read();
    const request = await upstream.request(before);
    leaving.abort();
    if (!stream) await expect(left).rejects.toThrow();
    await request.aborted;
    await expect.poll(async () => (await chat(keyed(`left ${stream}`), { stream }, base)).headers.get('x-should-retry')).toBe('false');
    const again = await chat(keyed(`left ${stream}`), { stream }, base);
    expect([again.status, called()]).toEqual([409, 1]);
    expect(again.text).toContain('use a new key');
  });
});

it('survives kill -9: what was answered is given again, what was under way is not called again', async () => {
  upstream.script(jsonReply(completion('before the kill')), [{ do: 'hang' }]);
  const first = await chat('kept over the kill');
  const lost = post('under way at the kill').catch(() => undefined);
  await upstream.request(before + 1);
  await server.kill();
  await lost;
  await start();
  const again = await chat('kept over the kill');
  expect([again.status, again.text, again.headers.get('idempotent-replayed')]).toEqual([200, first.text, 'true']);
  const unknown = await chat('under way at the kill');
  expect([unknown.status, unknown.headers.get('x-should-retry'), unknown.headers.get('retry-after')]).toEqual([409, 'false', null]);
  expect(unknown.text).toContain('how far it had come is not known');
  expect(called()).toBe(2);
});
