import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import type { Response as OpenAIResponse, ResponseFunctionToolCall, ResponseInput, ResponseInputItem } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RunningServer, startServer } from '../doubles/running-server.ts';

const instant = 'ttft-ms=0; tokens-per-second=0';
const model = 'kimi-k2-thinking';
const weather = {
  type: 'function' as const, name: 'get_weather', description: 'The weather of a city.', strict: false,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
};

let server: RunningServer;
let client: OpenAI;
beforeAll(async () => {
  server = await startServer();
  client = new OpenAI({ apiKey: server.testKey, baseURL: `${server.url}/v1`, maxRetries: 0, defaultHeaders: { 'x-moongate-sandbox': instant } });
});
afterAll(() => server?.stop());

function script(text: string): { headers: Record<string, string> } {
  return { headers: { 'x-moongate-sandbox': `${instant}; ${text}` } };
}

function callsOf(response: OpenAIResponse): ResponseFunctionToolCall[] {
  return response.output.filter((item) => item.type === 'function_call');
}

function answersTo(response: OpenAIResponse): ResponseInputItem[] {
  return callsOf(response).map(({ call_id }) => ({ type: 'function_call_output', call_id, output: '{"sky":"clear"}' }));
}

/** As it is when nothing is under way any more. */
async function settled(id: string): Promise<OpenAIResponse> {
  for (;;) {
    const response = await client.responses.retrieve(id);
    if (response.status !== 'queued' && response.status !== 'in_progress') return response;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('responses of the official openai SDK', () => {
  it('completes, with the reasoning as an item of its own', async () => {
    const response = await client.responses.create({ model, instructions: 'Be brief.', input: 'Why is the sky blue?' });
    expect(response.status).toBe('completed');
    expect(response.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
    expect(response.output_text).toMatch(/\S/);
    const { input_tokens: input, output_tokens: output, total_tokens: total } = response.usage ?? {};
    expect([input, output, total]).toEqual([expect.any(Number), expect.any(Number), Number(input) + Number(output)]);
    expect(response.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
  });

  it('streams with its own helper, which enforces the order of events', async () => {
    const stream = client.responses.stream({ model, input: 'Why is the sky blue?', tools: [weather], tool_choice: 'none' });
    const events = await Array.fromAsync(stream);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_event, index) => index));
    const final = await stream.finalResponse();
    expect(final.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
    const said = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
    expect(said).toBe(final.output_text);
  });

  it('assembles streamed tool calls, and goes on from the stored response', async () => {
    const first = await client.responses.stream({ model, input: 'What is the weather in Rome?', tools: [weather] }).finalResponse();
    const [call] = callsOf(first);
    expect(JSON.parse(call?.arguments ?? '')).toHaveProperty('city');
    const second = await client.responses.create({ model, previous_response_id: first.id, input: answersTo(first), tools: [weather] });
    expect(second.previous_response_id).toBe(first.id);
    expect(second.output_text).toMatch(/\S/);
  });

  it('goes on without anything stored, by the items that it was given', async () => {
    const ask = { model, store: false, include: ['reasoning.encrypted_content' as const], tools: [weather] };
    const question: ResponseInput = [{ role: 'user', content: 'What is the weather in Rome?' }];
    const first = await client.responses.create({ ...ask, input: question });
    expect(first.output.find((item) => item.type === 'reasoning')?.encrypted_content).toMatch(/\S/);
    const second = await client.responses.create({ ...ask, input: [...question, ...first.output, ...answersTo(first)] as ResponseInput });
    expect(second.output_text).toMatch(/\S/);
    await expect(client.responses.retrieve(first.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  it('parses what a schema asked for', async () => {
    const response = await client.responses.parse({ model, input: 'A city', text: { format: zodTextFormat(z.object({ city: z.string(), people: z.number() }), 'city') } });
    expect(response.output_parsed).toEqual({ city: expect.any(String), people: expect.any(Number) });
  });

  it('retrieves, lists and deletes what is stored', async () => {
    const response = await client.responses.create({ model, input: 'Remember me', metadata: { run: '7' } });
    expect(await client.responses.retrieve(response.id)).toMatchObject({ id: response.id, output_text: response.output_text, metadata: { run: '7' } });
    const items = await Array.fromAsync(client.responses.inputItems.list(response.id));
    expect(items).toMatchObject([{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Remember me' }] }]);
    await client.responses.delete(response.id);
    await expect(client.responses.retrieve(response.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  it('works in the background, with polling, a resumed stream, and cancelling', async () => {
    const queued = await client.responses.create({ model, input: 'Take your time', background: true });
    expect(['queued', 'in_progress', 'completed']).toContain(queued.status);
    expect(await settled(queued.id)).toMatchObject({ status: 'completed', output_text: expect.stringMatching(/\S/) });

    const live = await client.responses.create({ model, input: 'Tell it twice', background: true, stream: true });
    const all = await Array.fromAsync(live);
    const [created] = all;
    if (created?.type !== 'response.created') throw new Error(`the first event is ${created?.type}`);
    const rest = await Array.fromAsync(await client.responses.retrieve(created.response.id, { stream: true, starting_after: 3 }));
    expect(rest).toEqual(all.slice(4));

    const slow = await client.responses.create({ model, input: 'A long story', background: true }, { headers: { 'x-moongate-sandbox': 'ttft-ms=20000' } });
    expect((await client.responses.cancel(slow.id)).status).toBe('cancelled');
    expect((await settled(slow.id)).status).toBe('cancelled');
  });

  it('keeps conversations', async () => {
    const conversation = await client.conversations.create({ metadata: { topic: 'stars' }, items: [{ type: 'message', role: 'user', content: 'My name is Ada.' }] });
    await client.responses.create({ model, conversation: conversation.id, input: 'Who am I?' });
    const items = await Array.fromAsync(client.conversations.items.list(conversation.id, { order: 'asc' }));
    expect(items.map(({ type }) => type)).toEqual(['message', 'message', 'reasoning', 'message']);
    expect(await client.conversations.update(conversation.id, { metadata: { topic: 'moons' } })).toMatchObject({ metadata: { topic: 'moons' } });
    await client.conversations.items.delete(items[0]?.id ?? '', { conversation_id: conversation.id });
    expect(await Array.fromAsync(client.conversations.items.list(conversation.id))).toHaveLength(3);
    expect(await client.conversations.delete(conversation.id)).toMatchObject({ deleted: true });
    await expect(client.conversations.retrieve(conversation.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  it('counts input tokens, and compacts', async () => {
    const few = await client.responses.inputTokens.count({ model, input: 'Hello' });
    const more = await client.responses.inputTokens.count({ model, input: 'Hello there, how are you?', tools: [weather] });
    expect(more.input_tokens).toBeGreaterThan(few.input_tokens);
    const compacted = await client.responses.compact({ model, input: [{ role: 'user', content: 'A long history of the moon' }] });
    const next = await client.responses.create({ model, input: [...compacted.output, { role: 'user', content: 'And then?' }] as ResponseInput });
    expect(next.output_text).toMatch(/\S/);
  });

  it('raises its own typed errors', async () => {
    const stranger = new OpenAI({ apiKey: 'sk-nobody', baseURL: `${server.url}/v1`, maxRetries: 0 });
    await expect(stranger.responses.create({ model, input: 'hi' })).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(client.responses.create({ model: 'kimi-k99', input: 'hi' })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(client.responses.create({ model, input: 'hi', previous_response_id: 'resp_none' })).rejects.toMatchObject({ code: 'previous_response_not_found' });
    await expect(client.responses.create({ model, input: 'hi' }, script('fault=rate-limit; retry-after=3'))).rejects.toBeInstanceOf(OpenAI.RateLimitError);
  });

  it('raises the error that comes in mid-stream', async () => {
    const stream = await client.responses.create({ model, input: 'story', stream: true }, script('fault=error-event; cut-after=4; output-tokens=50'));
    await expect(Array.fromAsync(stream)).rejects.toBeInstanceOf(OpenAI.APIError);
  });

  it('ends incomplete at the limit', async () => {
    const response = await client.responses.create({ model, input: 'story', max_output_tokens: 16 }, script('output-tokens=500'));
    expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  });
});
