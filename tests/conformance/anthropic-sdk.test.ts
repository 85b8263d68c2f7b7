import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { npmClient } from '../doubles/npm-client.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';

const client = await npmClient('@anthropic-ai/sdk@1.14.0');

interface Block {
  readonly type: string;
  readonly text?: string;
  readonly thinking?: string;
  readonly signature?: string;
  readonly id?: string;
  readonly name?: string;
  readonly input?: unknown;
}

interface Message {
  readonly content: readonly Block[];
  readonly stop_reason: string;
  readonly usage: { readonly input_tokens: number; readonly cache_read_input_tokens: number; readonly output_tokens: number };
}

type Body = Readonly<Record<string, unknown>>;
interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

interface MessageStream extends AsyncIterable<{ readonly type: string }> {
  finalMessage(): Promise<Message>;
  abort(): void;
}

/** What is used here of the SDK. */
interface Sdk {
  new (options: Body): {
    readonly messages: {
      create(body: Body, options?: RequestOptions): Promise<Message>;
      stream(body: Body, options?: RequestOptions): MessageStream;
      countTokens(body: Body): Promise<{ readonly input_tokens: number }>;
    };
    readonly models: { list(): AsyncIterable<{ readonly id: string }> };
    readonly beta: { readonly messages: { toolRunner(body: Body): Promise<Message> } };
  };
  readonly BadRequestError: new () => Error;
  readonly AuthenticationError: new () => Error;
  readonly NotFoundError: new () => Error;
  readonly RateLimitError: new () => Error;
  readonly APIError: new () => Error;
}

const weather = { name: 'get_weather', description: 'The weather of a city.', input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
const hi = { model: 'kimi-k2-thinking', max_tokens: 2000, messages: [{ role: 'user', content: 'Why is the sky blue?' }] };
const withTool = { ...hi, messages: [{ role: 'user', content: 'What is the weather in Rome?' }], tools: [weather] };
const instant = 'ttft-ms=0; tokens-per-second=0';

describe.skipIf(client.missing)(`the official Anthropic SDK (needs ${client.needs})`, () => {
  let server: RunningServer;
  let sdk: Sdk;
  let anthropic: InstanceType<Sdk>;
  beforeAll(async () => {
    server = await startServer();
    sdk = (client.load('@anthropic-ai/sdk') as { readonly Anthropic: Sdk }).Anthropic;
    anthropic = connect({ apiKey: server.testKey });
  });
  afterAll(() => server?.stop());

  function connect(options: Body): InstanceType<Sdk> {
    return new sdk({ baseURL: server.url, maxRetries: 0, defaultHeaders: { 'x-moongate-sandbox': instant }, ...options });
  }

  it.each([
    ['its own version', {}],
    ['the old version', { 'anthropic-version': '2023-06-01' }],
  ])('completes under %s, with signed thinking before the answer', async (_title, headers) => {
    const message = await anthropic.messages.create(hi, { headers });
    expect(message.content.map(({ type }) => type)).toEqual(['thinking', 'text']);
    expect(message.content[0]?.thinking).toMatch(/\S/);
    expect(message.content[0]?.signature).toMatch(/\S/);
    expect(message.stop_reason).toBe('end_turn');
    expect(message.usage.input_tokens + message.usage.cache_read_input_tokens).toBeGreaterThan(0);
    expect(message.usage.output_tokens).toBeGreaterThan(0);
  });

  it('streams the same that it completes', async () => {
    const stream = anthropic.messages.stream({ ...hi, messages: [{ role: 'user', content: 'Say it in a stream' }] });
    const seen = await Array.fromAsync(stream, ({ type }) => type);
    const message = await stream.finalMessage();
    expect(seen[0]).toBe('message_start');
    expect(seen.slice(-2)).toEqual(['message_delta', 'message_stop']);
    expect(message.content.map(({ type }) => type)).toEqual(['thinking', 'text']);
    expect(message.content[0]?.signature).toMatch(/\S/);
    const whole = await anthropic.messages.create({ ...hi, messages: [{ role: 'user', content: 'Say it in a stream' }] });
    expect(message.content.map(({ text, thinking }) => [text, thinking])).toEqual(whole.content.map(({ text, thinking }) => [text, thinking]));
  });

  it('assembles streamed tool calls, and goes on with their results', async () => {
    const first = await anthropic.messages.stream(withTool).finalMessage();
    expect(first.stop_reason).toBe('tool_use');
    const calls = first.content.filter(({ type }) => type === 'tool_use');
    expect(calls[0]).toMatchObject({ name: 'get_weather', input: { city: expect.any(String) } });
    const results = calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text: 'sunny' }] }));
    const messages = [...withTool.messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }];
    const second = await anthropic.messages.create({ ...withTool, messages });
    expect(second.stop_reason).toBe('end_turn');
    expect(second.content.at(-1)?.text).toMatch(/\S/);
  });

  it('runs its own tool loop', async () => {
    const asked: unknown[] = [];
    const tool = { ...weather, parse: (input: unknown) => input, run: (input: unknown) => (asked.push(input), 'sunny') };
    const message = await anthropic.beta.messages.toolRunner({ ...withTool, tools: [tool], max_iterations: 4 });
    expect(message.stop_reason).toBe('end_turn');
    expect(asked[0]).toHaveProperty('city');
  });

  it('counts tokens and lists models', async () => {
    const { input_tokens: few } = await anthropic.messages.countTokens({ model: hi.model, messages: hi.messages });
    const { input_tokens: more } = await anthropic.messages.countTokens({ model: hi.model, messages: hi.messages, tools: [weather], system: 'Be brief.' });
    expect(few).toBeGreaterThan(0);
    expect(more).toBeGreaterThan(few);
    expect((await Array.fromAsync(anthropic.models.list())).map(({ id }) => id)).toContain('kimi-k2-thinking');
  });

  it('raises its own typed errors', async () => {
    await expect(connect({ apiKey: 'sk-nobody' }).messages.create(hi)).rejects.toBeInstanceOf(sdk.AuthenticationError);
    await expect(anthropic.messages.create({ ...hi, model: 'kimi-k99' })).rejects.toBeInstanceOf(sdk.NotFoundError);
    await expect(anthropic.messages.create({ ...hi, messages: [] })).rejects.toBeInstanceOf(sdk.BadRequestError);
    const orphan = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_none', content: 'x' }] };
    await expect(anthropic.messages.create({ ...withTool, messages: [orphan] })).rejects.toBeInstanceOf(sdk.BadRequestError);
    const limited = anthropic.messages.create(hi, { headers: { 'x-moongate-sandbox': 'fault=rate-limit; retry-after=3' } });
    await expect(limited).rejects.toBeInstanceOf(sdk.RateLimitError);
    const overloaded = anthropic.messages.create(hi, { headers: { 'x-moongate-sandbox': 'fault=overloaded' } });
    await expect(overloaded).rejects.toMatchObject({ status: 529, error: { type: 'error', error: { type: 'overloaded_error' } } });
  });

  it('raises the error that comes in mid-stream', async () => {
    const stream = anthropic.messages.stream(hi, { headers: { 'x-moongate-sandbox': `${instant}; fault=error-event; cut-after=4` } });
    await expect(stream.finalMessage()).rejects.toBeInstanceOf(sdk.APIError);
  });
});
