import { afterEach, describe, expect, it } from 'vitest';
import { completion, jsonReply, type Script, ScriptedUpstream } from '../../../tests/doubles/scripted-upstream.ts';
import { UpstreamCaller, verdictOf } from '../../../tests/doubles/upstream-caller.ts';
import type { DialogueReply } from '../../dialogue/reply.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { wireBatchEndpoint, wireEndpoints } from '../wire-endpoints.ts';
import { WireUpstream } from '../wire-upstream.ts';

const deadlines = { connectMs: 2_000, firstByteMs: 60, idleMs: 2_000, totalMs: 60 };
const never = new AbortController().signal;
const request: DialogueRequest = { protocol: 'openai-responses', model: 'kimi-k2', messages: [{ role: 'user', content: 'hi' }], sampling: {}, stream: false };

const cleanUp: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function place(kind: 'ark' | 'moonshot', script: Script, batchMs = 2_000) {
  const server = await ScriptedUpstream.start(script);
  const batch = wireBatchEndpoint(kind, server.baseUrl);
  const places = (['openai-chat', 'openai-responses'] as const).map((protocol) => ({ protocol, baseUrl: server.baseUrl }));
  const upstream = new WireUpstream({
    id: 'here', baseUrl: server.baseUrl, endpoints: wireEndpoints('here', kind, places), deadlines,
    ...(batch === undefined ? {} : { batch: { ...batch, deadlines: { ...deadlines, firstByteMs: batchMs, totalMs: batchMs } } }),
  });
  cleanUp.push(server, upstream);
  const generate = (batchEndpoint: boolean): Promise<DialogueReply | undefined> =>
    upstream.generate({ request, upstreamModel: 'ep-bi-1', ...(batchEndpoint ? { batchEndpoint } : {}), generationId: 'gen_1' }, new UpstreamCaller(), never);
  return { server, generate };
}

const late: Script = [{ do: 'wait', ms: 200 }, ...jsonReply(completion('at last'))];

describe('a call of a batch at a vendor that takes them one by one', () => {
  it('waits there by a deadline of its own, long after any other call would have been given up', async () => {
    const { server, generate } = await place('ark', late);
    expect(await generate(true)).toMatchObject({ choices: [{ text: 'at last' }] });
    const sent = await server.request(0);
    expect(sent.path).toBe('/v1/batch/chat/completions');
    expect(JSON.parse(sent.body)).toEqual({ model: 'ep-bi-1', messages: [{ role: 'user', content: 'hi' }] });
  });

  it('is given up when that one has passed', async () => {
    const { generate } = await place('ark', [{ do: 'hang' }], 80);
    expect(await verdictOf(generate(true))).toBe('upstream_timeout maybe');
  });

  it('leaves the deadlines of other calls alone', async () => {
    const { generate } = await place('ark', late);
    expect(await verdictOf(generate(false))).toBe('upstream_timeout maybe');
  });

  it('is refused where there is no such endpoint, rather than made at another price', async () => {
    const { server, generate } = await place('moonshot', late);
    expect(await verdictOf(generate(true))).toBe('model_not_found not-sent');
    expect(server.requests).toHaveLength(0);
  });
});
