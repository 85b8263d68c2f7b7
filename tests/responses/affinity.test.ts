import { expect, it } from 'vitest';
import { startServer } from '../doubles/running-server.ts';
import { completion, jsonReply, ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { type Json, ResponsesCaller, textOf } from './responses-caller.ts';

const said = (text: string) => jsonReply(completion(text));

it('a thread stays with the upstream that answered it, which is given the same key for its cache', async () => {
  await using first = await ScriptedUpstream.start();
  await using second = await ScriptedUpstream.start();
  const server = await startServer({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: first.baseUrl, OPENROUTER_API_KEY: 'o', OPENROUTER_BASE_URL: second.baseUrl } });
  try {
    const caller = new ResponsesCaller(server, server.liveKey);
    const ask = async (input: string, more: Json = {}): Promise<Json> => (await caller.call('POST', '/v1/responses', { model: 'kimi-k2.6', input, ...more })).body;
    // Refused by the one that is first in the order of attempts, answered by the other.
    first.script(jsonReply({ error: { message: 'broken', type: 'server_error' } }, 500));
    second.fallback = said('from the second');
    first.fallback = said('from the first');
    const one = await ask('one');
    // What is no part of it goes to the first all the same, which is well again.
    await expect.poll(async () => textOf(await ask('anything')), { timeout: 20_000, interval: 500 }).toBe('from the first');
    const asked = first.requests.length;
    const two = await ask('two', { previous_response_id: one['id'] });
    const three = await ask('three', { previous_response_id: two['id'] });
    expect([one, two, three].map(textOf)).toEqual(['from the second', 'from the second', 'from the second']);
    expect(first.requests).toHaveLength(asked);
    const keys = second.requests.slice(-2).map(({ body }) => (JSON.parse(body) as Json)['prompt_cache_key']);
    expect(keys).toEqual([one['id'], one['id']]);
  } finally {
    await server.stop();
  }
});
