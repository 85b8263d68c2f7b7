import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import { SseParser } from '../../base/sse.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import { Fold } from '../../dialogue/fold.ts';
import type { DialogueReply } from '../../dialogue/reply.ts';
import type { ChatDialect } from './chat-dialect.ts';
import type { ChatStyle } from './chat-style.ts';
import { decodeChatReply } from './reply-decode.ts';
import { encodeChatReply } from './reply-encode.ts';
import { decodeChatRequest } from './request-decode.ts';
import { encodeChatRequest } from './request-encode.ts';
import { ChatStreamDecoder } from './stream-decode.ts';
import { ChatStreamEncoder } from './stream-encode.ts';

const openai: ChatDialect = {
  family: 'openai', outputLimitField: 'max_completion_tokens', thinkingFields: ['reasoning_content'], thinkingSwitch: 'effort-only',
  streamOptions: true, builtinTools: false, developerRole: true, partial: undefined, promptCacheKey: true, jsonSchema: true, documents: true, temperatureMax: 2, moonshotRules: false, stopMax: 16, choicesMax: 128,
};

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const name = fc.stringMatching(/^[a-z_]{1,8}$/);
const json = fc.jsonValue({ maxDepth: 2 }).map((value): JsonValue => JSON.parse(JSON.stringify(value)));

/** `record` with some of its keys left out. */
function some(model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(model, { requiredKeys: [] });
}

const unknown = fc.dictionary(name.map((key) => `x_${key}`), json, { maxKeys: 2 });
const part = fc.oneof(
  fc.record({ type: fc.constant('text'), text }),
  fc.record({ type: fc.constant('image_url'), image_url: fc.record({ url: text, detail: text }, { requiredKeys: ['url'] }) }),
  fc.record({ type: fc.constant('video_url'), video_url: fc.record({ url: text }) }),
  fc.record({ type: fc.constant('input_audio'), input_audio: json }),
);
const content = fc.oneof(text, fc.array(part, { minLength: 1, maxLength: 3 }));
const calls = fc.array(fc.record({ name, arguments: text }), { minLength: 1, maxLength: 3 });

/** One turn: what is asked and answered, with results for each call. `turn` keeps ids apart. */
const turns = fc.array(
  fc.oneof(
    fc.record({ role: fc.constantFrom('system', 'developer', 'user'), content }).chain((message) => unknown.map((more) => [{ ...message, ...more }])),
    fc.record({ role: fc.constant('assistant'), content: text, reasoning_content: fc.string() }, { requiredKeys: ['role', 'content'] }).map((message) => [message]),
    calls.map((made) => [
      { role: 'assistant', tool_calls: made.map((call, index) => ({ id: `#${index}`, type: 'function', function: call })) },
      ...made.map((_call, index) => ({ role: 'tool', tool_call_id: `#${index}`, content: 'r' })),
    ]),
  ),
  { minLength: 1, maxLength: 5 },
).map((list) => list.flat());

const tools = fc.uniqueArray(fc.record({ name, description: text, parameters: fc.constant({ type: 'object' }), strict: fc.boolean() }, { requiredKeys: ['name'] }), {
  selector: (declared) => declared.name, minLength: 1, maxLength: 3,
}).map((list) => list.map((declared) => ({ type: 'function', function: declared })));

const requests = fc.tuple(
  fc.record({ model: text, messages: turns }),
  some({
    tools, tool_choice: fc.constantFrom('auto', 'none'), parallel_tool_calls: fc.boolean(), max_tokens: fc.integer({ min: 1, max: 1e6 }),
    temperature: fc.double({ min: 0, max: 2, noNaN: true }), top_p: fc.double({ min: 0, max: 1, noNaN: true }), n: fc.integer({ min: 1, max: 5 }),
    stop: fc.array(text, { minLength: 1, maxLength: 4 }), stream: fc.boolean(), stream_options: some({ include_usage: fc.boolean() }),
    reasoning_effort: fc.constantFrom('none', 'low', 'high'), prompt_cache_key: text,
    response_format: fc.constantFrom({ type: 'text' }, { type: 'json_object' }, { type: 'json_schema', json_schema: { name: 's', schema: {}, strict: true } }),
  }),
  unknown,
).map(([base, more, rest]) => ({ ...rest, ...more, ...base }));

describe('laws', () => {
  it('decode(encode(decode(request))) = decode(request)', () => {
    fc.assert(
      fc.property(requests, (body) => {
        const { request } = decodeChatRequest(body, 'moonshot');
        const { body: sent, losses } = encodeChatRequest(request, { model: request.model, dialect: openai });
        expect(losses).toEqual([]);
        const again = decodeChatRequest(JSON.parse(JSON.stringify(sent)), 'moonshot').request;
        // Minus zero is zero on the wire.
        expect(JSON.parse(JSON.stringify(again))).toEqual(JSON.parse(JSON.stringify(request)));
      }),
      { numRuns: 300 },
    );
  });

  it('a reply that is streamed folds to the reply, however it is cut, named and numbered', () => {
    fc.assert(
      fc.property(replies, streams, (reply, stream) => {
        const whole = decodeChatReply(reply);
        const decoded = foldOf(cut(sse(chunksOf(reply, stream)), stream.cuts));
        expect(decoded).toEqual(neutral(whole));
      }),
      { numRuns: 300 },
    );
  });

  it('what we write of a stream is read as the same, in normal form', () => {
    fc.assert(
      fc.property(replies, streams, styles, fc.boolean(), (reply, stream, style, keepFrames) => {
        const sent = rewritten(cut(sse(chunksOf(reply, stream)), stream.cuts), style, keepFrames);
        const expected = neutral(decodeChatReply(reply));
        expect(foldOf([Buffer.from(sent)])).toEqual(expected);
        expectNormalForm(sent, style);
      }),
      { numRuns: 300 },
    );
  });

  it('thinking that is excluded goes, and nothing else', () => {
    fc.assert(
      fc.property(replies, streams, styles, fc.boolean(), (reply, stream, shown, keepFrames) => {
        const style: ChatStyle = { ...shown, thinking: 'excluded' };
        const sent = rewritten(cut(sse(chunksOf(reply, stream)), stream.cuts), style, keepFrames);
        const { choices, ...rest } = neutral(decodeChatReply(reply));
        const expected = { ...rest, choices: choices.map(({ thinking: _thinking, ...kept }) => kept) };
        expect(foldOf([Buffer.from(sent)])).toEqual(expected);
        expect(neutral(decodeChatReply(encodeChatReply(decodeChatReply(reply), style)))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('decode(encode(reply)) = reply, by the same protocol and built anew', () => {
    fc.assert(
      fc.property(replies, styles, (value, style) => {
        const reply = decodeChatReply(value);
        expect(neutral(decodeChatReply(encodeChatReply(reply, style)))).toEqual(neutral(reply));
        expect(neutral(decodeChatReply(encodeChatReply(neutral(reply), style)))).toEqual(neutral(reply));
      }),
    );
  });
});

const styles: fc.Arbitrary<ChatStyle> = fc.record({ vendor: fc.constantFrom('moonshot', 'openrouter', 'ark'), reasoningAlias: fc.boolean(), thinking: fc.constant('shown'), includeUsage: fc.boolean() });

const choice = fc.record({
  message: some({
    content: text, reasoning_content: text, refusal: text,
    tool_calls: fc.array(fc.record({ name, arguments: text }), { minLength: 1, maxLength: 3 }).map((list) =>
      list.map((call, index) => ({ id: `functions.${call.name}:${index}`, type: 'function', function: call }))),
  }),
  finish_reason: fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter', 'repeat'),
});

const replies = fc.record({
  id: text, model: name, created: fc.nat(), object: fc.constant('chat.completion'),
  choices: fc.array(choice, { minLength: 1, maxLength: 2 }).map((list) => list.map((one, index) => ({ index, ...one }))),
  usage: fc.record({ prompt_tokens: fc.integer({ min: 5, max: 99 }), completion_tokens: fc.nat(99), cached_tokens: fc.nat(5) }),
}).map((value): JsonObject & { choices: { message: Record<string, unknown>; finish_reason: string }[] } => JSON.parse(JSON.stringify(value)));

interface StreamShape {
  readonly pieceLength: number;
  readonly thinkingField: string;
  /** Of the fragments after a call's first. */
  readonly continuation: JsonObject;
  readonly usage: 'own chunk' | 'repeated finish' | 'finish';
  readonly indexFrom: number;
  readonly cuts: readonly number[];
}

const streams: fc.Arbitrary<StreamShape> = fc.record({
  pieceLength: fc.integer({ min: 1, max: 20 }),
  thinkingField: fc.constantFrom('reasoning_content', 'reasoning'),
  continuation: fc.constantFrom<JsonObject>({}, { id: null }, { type: 'function' }, { id: '', type: 'function' }),
  usage: fc.constantFrom('own chunk', 'repeated finish', 'finish'),
  indexFrom: fc.constantFrom(0, 1),
  cuts: fc.array(fc.nat(5000), { maxLength: 12 }),
});

function pieces(whole: unknown, length: number): string[] {
  if (typeof whole !== 'string') return [];
  const characters = [...whole];
  return Array.from({ length: Math.ceil(characters.length / length) }, (_none, index) => characters.slice(index * length, (index + 1) * length).join(''));
}

function chunksOf(reply: JsonObject & { choices: { message: Record<string, unknown>; finish_reason: string }[] }, shape: StreamShape): JsonObject[] {
  const { id, model, created, usage } = reply;
  const chunks: JsonObject[] = [];
  const push = (index: number, delta: JsonObject, more: JsonObject = {}): void => {
    chunks.push({ id: id ?? '', object: 'chat.completion.chunk', created: created ?? 0, model: model ?? '', choices: [{ index, delta, finish_reason: null, ...more }] });
  };
  for (const [index, { message }] of reply.choices.entries()) {
    push(index, { role: 'assistant', content: '' });
    for (const piece of pieces(message['reasoning_content'], shape.pieceLength)) push(index, { [shape.thinkingField]: piece });
    for (const piece of pieces(message['content'], shape.pieceLength)) push(index, { content: piece });
    for (const piece of pieces(message['refusal'], shape.pieceLength)) push(index, { refusal: piece });
    const made = (message['tool_calls'] ?? []) as { id: string; function: { name: string; arguments: string } }[];
    for (const [at, call] of made.entries()) {
      const upstreamIndex = at + shape.indexFrom;
      push(index, { tool_calls: [{ index: upstreamIndex, id: call.id, type: 'function', function: { name: call.function.name, arguments: '' } }] });
      for (const piece of pieces(call.function.arguments, shape.pieceLength)) {
        push(index, { tool_calls: [{ ...shape.continuation, index: upstreamIndex, function: { arguments: piece } }] });
      }
    }
  }
  for (const [index, { finish_reason: finish }] of reply.choices.entries()) push(index, {}, { finish_reason: finish });
  const last = chunks.at(-1) ?? {};
  if (shape.usage === 'own chunk') chunks.push({ ...last, choices: [], usage: usage ?? null });
  else if (shape.usage === 'repeated finish') chunks.push({ ...last, usage: usage ?? null });
  else chunks.splice(-1, 1, { ...last, usage: usage ?? null });
  return chunks;
}

function sse(chunks: readonly JsonObject[]): string {
  return `: PROCESSING\n\n${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}data: [DONE]\n\n`;
}

function cut(whole: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(whole);
  const at = [0, ...new Set(cuts.map((point) => point % bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return at.slice(1).map((to, index) => bytes.subarray(at[index], to));
}

function foldOf(reads: readonly Buffer[]): DialogueReply {
  const parser = new SseParser();
  const decoder = new ChatStreamDecoder();
  const fold = new Fold();
  for (const payloads of [...reads.map((read) => parser.push(read)), parser.end()]) {
    for (const payload of payloads) for (const event of decoder.push(payload).events) fold.add(event);
  }
  expect(decoder.ended).toBe(true);
  return fold.reply();
}

function rewritten(reads: readonly Buffer[], style: ChatStyle, keepFrames: boolean): string {
  const parser = new SseParser();
  const decoder = new ChatStreamDecoder();
  const encoder = new ChatStreamEncoder(style);
  const strip = (events: readonly DialogueEvent[]): { events: readonly DialogueEvent[] } => ({ events });
  const sent = reads.map((read) => {
    const batches = parser.push(read).map((payload) => decoder.push(payload));
    return encoder.encode(keepFrames ? batches : batches.map(({ events }) => strip(events)));
  });
  return sent.join('') + encoder.end();
}

/** tool-calls.md 2.4: role first, one finish a choice with usage at least in the last, nothing mended by a second reading. */
function expectNormalForm(sent: string, style: ChatStyle): void {
  const payloads = new SseParser().push(Buffer.from(sent));
  expect(payloads.filter((payload) => payload === '[DONE]')).toHaveLength(1);
  const seen = new Set<number>();
  const ended = new Set<number>();
  let usageChunks = 0;
  let lastUsage: unknown;
  const second = new ChatStreamDecoder();
  for (const payload of payloads.slice(0, -1)) {
    const value = JSON.parse(payload) as { choices: { index: number; delta: JsonObject; finish_reason: string | null; usage?: JsonObject }[]; usage?: JsonObject };
    if (value.choices.length === 0) usageChunks += 1;
    for (const { index, delta, finish_reason: finish, usage } of value.choices) {
      if (!seen.has(index)) expect(delta['role']).toBe('assistant');
      seen.add(index);
      expect(ended.has(index)).toBe(false);
      if (typeof delta['reasoning'] === 'string') expect(delta['reasoning_content']).toBe(delta['reasoning']);
      if (style.reasoningAlias) expect(delta['reasoning']).toBe(delta['reasoning_content']);
      if (finish === null) continue;
      ended.add(index);
      lastUsage = usage;
    }
    const batch = second.push(payload);
    if (batch.events.every((event) => event.type.endsWith('-delta') || event.type.endsWith('-start'))) expect(batch.source?.verbatim).toBe(true);
  }
  expect(ended).toEqual(seen);
  expect(lastUsage).toMatchObject({ prompt_tokens: expect.any(Number), cached_tokens: expect.any(Number) });
  expect(usageChunks).toBe(style.includeUsage ? 1 : 0);
}

function neutral(reply: DialogueReply): DialogueReply {
  const { source: _source, ...rest } = reply;
  return rest;
}
