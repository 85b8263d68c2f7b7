import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fullMessagesDialect } from '../../../tests/doubles/full-messages-dialect.ts';
import { plainThinkingSeals as seals } from '../../../tests/doubles/plain-thinking-seals.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { SseParser } from '../../base/sse.ts';
import type { DialogueEvent, EventBatch } from '../../dialogue/event.ts';
import { Fold } from '../../dialogue/fold.ts';
import type { Message, Part } from '../../dialogue/message.ts';
import type { DialogueReply, ReplyChoice } from '../../dialogue/reply.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { MessagesStyle } from './messages-style.ts';
import { decodeMessagesReply } from './reply-decode.ts';
import { encodeMessagesReply } from './reply-encode.ts';
import { decodeMessagesRequest } from './request-decode.ts';
import { encodeMessagesRequest } from './request-encode.ts';
import { MessagesStreamDecoder } from './stream-decode.ts';
import { MessagesStreamEncoder } from './stream-encode.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const name = fc.stringMatching(/^[a-z_]{1,8}$/);
const json = fc.jsonValue({ maxDepth: 2 }).map((value): JsonValue => JSON.parse(JSON.stringify(value)));
const unknown = fc.dictionary(name.map((key) => `x_${key}`), json, { maxKeys: 2 });
const extensions = fc.option(unknown.filter((fields) => Object.keys(fields).length > 0).map((fields) => ({ 'anthropic-messages': fields })), { nil: undefined });
const argumentsText = fc.oneof(fc.dictionary(name, json, { maxKeys: 3 }).map((value) => JSON.stringify(value)), fc.constantFrom('{"n":12345678901234567890}', '{"a": "1', 'null', '[1]'));

/** `record` without its undefined fields, as exact optional properties want it. */
function exact<T>(record: T): T {
  return JSON.parse(JSON.stringify(record)) as T;
}

const part: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ type: fc.constant('text' as const), text, extensions }),
  fc.record({ type: fc.constant('image' as const), url: fc.constantFrom('data:image/png;base64,AAAA', 'https://example.test/a.png', 'ms://file'), extensions }),
  fc.record({ type: fc.constant('file' as const), url: fc.constantFrom('data:application/pdf;base64,AAAA', 'https://example.test/a.pdf'), filename: fc.option(text, { nil: undefined }), extensions }),
  fc.record({ type: fc.constant('opaque' as const), protocol: fc.constant('anthropic-messages'), value: fc.record({ type: fc.constant('container_upload'), file_id: text }) }),
).map((value) => exact(value) as Part);
const parts = fc.array(part, { minLength: 1, maxLength: 3 });
const ownProof = text.map((value): ThinkingProof => ({ protocol: 'anthropic-messages', upstreamId: 'up', value: `s${value}` }));

const assistant = fc.record({
  content: text, thinking: fc.option(text, { nil: undefined }), proof: fc.option(ownProof, { nil: undefined }),
  calls: fc.array(fc.record({ name, argumentsText }), { maxLength: 3 }), results: fc.array(fc.oneof(text, parts), { minLength: 3, maxLength: 3 }),
}).map(({ content, thinking, proof, calls, results }): Message[] => [
  exact({
    role: 'assistant' as const, content, thinking, ...(proof === undefined || thinking === undefined ? {} : { thinkingProof: proof }),
    ...(calls.length === 0 ? {} : { toolCalls: calls.map((call, index) => ({ id: `#${index}`, kind: 'function' as const, ...call })) }),
  } as Message),
  ...calls.map((_call, index): Message => ({ role: 'tool', toolCallId: `#${index}`, content: results[index] ?? '' })),
]);
const turn = fc.oneof(fc.record({ role: fc.constantFrom('user' as const, 'system' as const), content: fc.oneof(text, parts) }).map((message): Message[] => [message]), assistant);

/** Turns that the protocol can tell apart: each of the assistant's is followed by somebody else's, and the first is the user's. */
const messages = fc.array(turn, { minLength: 1, maxLength: 5 }).map((turns): Message[] => [
  { role: 'user', content: 'go' },
  ...turns.flatMap((list): Message[] => (list[0]?.role === 'assistant' ? [...list, { role: 'user', content: [{ type: 'text', text: 'and then' }] }] : list)),
]);
const tools = fc.uniqueArray(fc.record({ kind: fc.constant('function' as const), name, description: text, parameters: fc.constant({ type: 'object' }), strict: fc.boolean() }, { requiredKeys: ['kind', 'name', 'parameters'] }), {
  selector: (declared) => declared.name, minLength: 1, maxLength: 3,
});

const requests = fc.tuple(
  fc.record({ model: text, messages, sampling: fc.record({ temperature: fc.double({ min: 0, max: 1, noNaN: true }), topP: fc.double({ min: 0, max: 1, noNaN: true }), stop: fc.array(text, { minLength: 1, maxLength: 4 }) }, { requiredKeys: [] }), stream: fc.boolean(), outputTokensMax: fc.integer({ min: 1, max: 1e6 }) }),
  fc.record({
    tools, toolChoice: fc.constantFrom({ type: 'auto' as const }, { type: 'required' as const }), parallelToolCalls: fc.boolean(),
    thinking: fc.constantFrom({ mode: 'on' as const, tokensMax: 2000 }, { mode: 'off' as const }, { mode: 'auto' as const, effort: 'high' }, { keep: 'all' as const }), cacheKey: text,
    outputFormat: fc.constant({ type: 'json-schema' as const, name: 'output', schema: { type: 'object' }, strict: true }),
  }, { requiredKeys: [] }),
  extensions,
).map(([base, more, kept]): DialogueRequest => {
  const { toolChoice, parallelToolCalls, ...rest } = more;
  // What is said of tools where there are none is no part of the meaning; and parallel calls are told of inside the choice.
  const ofTools = more.tools === undefined ? {} : { ...(toolChoice === undefined ? {} : { toolChoice, ...(parallelToolCalls === undefined ? {} : { parallelToolCalls }) }) };
  return exact({ protocol: 'anthropic-messages', ...base, ...rest, ...ofTools, ...(kept === undefined ? {} : { extensions: kept }) } as DialogueRequest);
});

describe('requests', () => {
  it('decode(encode(request)) = request, for what the protocol has words for', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const { body, losses } = encodeMessagesRequest(request, { model: request.model, dialect: fullMessagesDialect, upstreamId: 'up' });
        expect(losses).toEqual([]);
        const again = decodeMessagesRequest(JSON.parse(JSON.stringify(unsealed(body))), { seals, version: '2023-06-01' }).request;
        expect(normal(again)).toEqual(normal(request));
      }),
      { numRuns: 300 },
    );
  });
});

/** What went to the upstream, as a client of ours would have it: with our seal around the upstream's signature. */
function unsealed(body: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(body), (_key, value: JsonValue) => {
    const block = value as JsonObject | null;
    if (block === null || typeof block !== 'object' || block['type'] !== 'thinking' || block['signature'] === '' || block['signature'] === undefined) return value;
    const proof: ThinkingProof = { protocol: 'anthropic-messages', upstreamId: 'up', value: String(block['signature']) };
    return { ...block, signature: seals.seal({ text: String(block['thinking']), proof }, true) };
  }) as JsonObject;
}

/** Arguments of the same meaning in one spelling; minus zero is zero on the wire; doubles of the test are cut as they are everywhere. */
function normal(request: DialogueRequest): DialogueRequest {
  return JSON.parse(JSON.stringify(request), (key, value: JsonValue) => (key === 'argumentsText' ? respelled(String(value)) : value)) as DialogueRequest;
}

/** Arguments that are no object are told as one, which only a request of their client's is read back from. */
function respelled(written: string): string {
  try {
    const value: unknown = JSON.parse(written);
    return JSON.stringify(isJsonObject(value) ? value : { INVALID_JSON: written });
  } catch {
    return written;
  }
}


const styles: fc.Arbitrary<MessagesStyle> = fc.constantFrom('shown' as const, 'omitted' as const).map((thinkingDisplay) => ({ thinkingDisplay, seals }));
const finishes: fc.Arbitrary<ReplyChoice['finish']> = fc.constantFrom({ reason: 'stop' }, { reason: 'length' }, { reason: 'tool-calls' }, { reason: 'content-filter' }, { reason: 'stop', stopSequence: 'END' }, { reason: 'other', raw: 'pause_turn' });
const proofs: fc.Arbitrary<ThinkingProof> = fc.constantFrom(
  { protocol: 'anthropic-messages', upstreamId: 'up', value: 'abc' }, { protocol: 'openai-responses', upstreamId: 'other', value: 'xyz' }, { protocol: 'openai-responses', upstreamId: 'other', value: 'xyz', hidden: true },
);
const usages = fc.record({ inputUncached: fc.integer({ min: 1, max: 99 }), cacheRead: fc.nat(99), cacheWrite: fc.integer({ min: 10, max: 99 }), cacheWrite1h: fc.integer({ min: 1, max: 10 }), output: fc.integer({ min: 10, max: 99 }), reasoning: fc.nat(10), estimated: fc.boolean() }, { requiredKeys: ['inputUncached', 'cacheRead', 'cacheWrite', 'output', 'estimated'] });

/** A reply as events, tool calls one after the other or all at once. */
const replies = fc.record({
  text: fc.option(text, { nil: undefined }), thinking: fc.option(text, { nil: undefined }), proof: fc.option(proofs, { nil: undefined }),
  calls: fc.array(fc.record({ name, argumentsText }), { maxLength: 3 }), finish: finishes, usage: usages,
}).map(({ text: said, thinking, proof, calls, finish, usage }): DialogueReply => exact({
  id: 'msg_1', model: 'kimi', createdS: 0,
  choices: [{ text: said, thinking, thinkingProof: proof, toolCalls: calls.map((call, index) => ({ id: `functions.${call.name}:${index}`, kind: 'function', ...call })), finish }],
  usage,
} as DialogueReply));

function pieces(whole: string | undefined, length: number): string[] {
  const characters = [...(whole ?? '')];
  return Array.from({ length: Math.ceil(characters.length / length) }, (_none, index) => characters.slice(index * length, (index + 1) * length).join(''));
}

function eventsOf(reply: DialogueReply, length: number, interleaved: boolean): DialogueEvent[] {
  const choice = reply.choices[0] as ReplyChoice;
  const calls = choice.toolCalls.map((call, index): DialogueEvent[] => [
    { type: 'tool-call-start', choice: 0, index, id: call.id, kind: call.kind, name: call.name },
    ...pieces(call.argumentsText, length).map((piece): DialogueEvent => ({ type: 'tool-call-delta', choice: 0, index, argumentsText: piece })),
  ]);
  const longest = Math.max(0, ...calls.map((list) => list.length));
  const woven = Array.from({ length: longest }, (_none, at) => calls.flatMap((list) => list.slice(at, at + 1))).flat();
  return [
    { type: 'reply-start', id: reply.id, model: reply.model, createdS: 0 },
    ...pieces(choice.thinking, length).map((piece): DialogueEvent => ({ type: 'thinking-delta', choice: 0, text: piece })),
    ...(choice.thinkingProof === undefined ? [] : [{ type: 'thinking-proof' as const, choice: 0, proof: choice.thinkingProof }]),
    ...pieces(choice.text, length).map((piece): DialogueEvent => ({ type: 'text-delta', choice: 0, text: piece })),
    ...(interleaved ? woven : calls.flat()),
    { type: 'choice-end', choice: 0, finish: choice.finish },
    ...(reply.usage === undefined ? [] : [{ type: 'usage' as const, usage: reply.usage }]),
  ];
}

const cutsOf = fc.array(fc.nat(5000), { maxLength: 12 });

function cut(whole: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(whole);
  const at = [0, ...new Set(cuts.map((point) => point % bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return at.slice(1).map((to, index) => bytes.subarray(at[index], to));
}

/** Batches as an upstream's reader makes them, one array a read. */
function readOf(reads: readonly Buffer[]): { batches: EventBatch[][]; ended: boolean } {
  const parser = new SseParser();
  const decoder = new MessagesStreamDecoder('up');
  const batches = [...reads.map((read) => parser.push(read)), parser.end()].map((payloads) => payloads.map((payload) => decoder.push(payload)));
  return { batches, ended: decoder.ended };
}

function foldOf(batches: readonly EventBatch[][]): DialogueReply {
  const fold = new Fold();
  for (const { events } of batches.flat()) for (const event of events) fold.add(event);
  return fold.reply();
}

/** What the client was given, with its signatures opened: thinking and proof as they were before. */
function opened(reply: DialogueReply): DialogueReply {
  const { source: _source, ...rest } = reply;
  const [choice] = rest.choices;
  if (choice === undefined) return normalReply(rest);
  const { thinkingProof: proof, thinking = '', ...others } = choice;
  const sealed = proof === undefined ? undefined : seals.open(proof.value, thinking);
  if (proof !== undefined) expect(sealed).toBeDefined();
  return normalReply({
    ...rest,
    choices: [{ ...others, ...(sealed === undefined || sealed.text === '' ? {} : { thinking: sealed.text }), ...(sealed?.proof === undefined ? {} : { thinkingProof: sealed.proof }) }],
  });
}

function normalReply(reply: DialogueReply): DialogueReply {
  return JSON.parse(JSON.stringify(reply), (key, value: JsonValue) => (key === 'argumentsText' ? respelled(String(value)) : value)) as DialogueReply;
}

/** responses-ark-anthropic-batch.md 3.4, as the SDKs enforce it. */
function expectOrder(sent: string): void {
  const frames = sent.split('\n\n').slice(0, -1).map((frame) => {
    const [event = '', data = ''] = frame.split('\n');
    const value = JSON.parse(data.slice('data: '.length)) as { type: string; index?: number };
    expect(event).toBe(`event: ${value.type}`);
    return value;
  });
  expect(frames[0]?.type).toBe('message_start');
  expect(frames.slice(-2).map((frame) => frame.type)).toEqual(['message_delta', 'message_stop']);
  let next = 0;
  let open: number | undefined;
  for (const { type, index } of frames.slice(1, -2)) {
    if (type === 'content_block_start') {
      expect([open, index]).toEqual([undefined, next]);
      open = index;
      next += 1;
    } else {
      expect(index).toBe(open);
      if (type === 'content_block_stop') open = undefined;
      else expect(type).toBe('content_block_delta');
    }
  }
  expect(open).toBeUndefined();
}

describe('replies', () => {
  const streamed = fc.tuple(replies, styles, fc.integer({ min: 1, max: 9 }), fc.boolean(), cutsOf);

  it('what is streamed is read as it was, in the exact order, however calls interleave and bytes are cut', () => {
    fc.assert(
      fc.property(streamed, ([reply, style, length, interleaved, cuts]) => {
        const encoder = new MessagesStreamEncoder(style);
        const sent = encoder.encode([{ events: eventsOf(reply, length, interleaved) }]) + encoder.end();
        expectOrder(sent);
        const { batches, ended } = readOf(cut(sent, cuts));
        expect(ended).toBe(true);
        expect(opened(foldOf(batches))).toEqual(normalReply(reply));
      }),
      { numRuns: 400 },
    );
  });

  it('a stream that is relayed by the same protocol stays as it was, with frames and without', () => {
    fc.assert(
      fc.property(streamed, fc.boolean(), ([reply, style, length, interleaved, cuts], keepFrames) => {
        const upstream = new MessagesStreamEncoder({ thinkingDisplay: 'shown', seals });
        const { batches } = readOf(cut(upstream.encode([{ events: eventsOf(reply, length, interleaved) }]) + upstream.end(), cuts));
        const encoder = new MessagesStreamEncoder(style);
        const sent = batches.map((list) => encoder.encode(keepFrames ? list : list.map(({ events }) => ({ events })))).join('') + encoder.end();
        expectOrder(sent);
        expect(opened(foldOf(readOf([Buffer.from(sent)]).batches))).toEqual(normalReply(foldOf(batches)));
      }),
      { numRuns: 400 },
    );
  });

  it('whole reply = folded stream, by the same protocol and built anew', () => {
    fc.assert(
      fc.property(streamed, ([reply, style, length]) => {
        const whole = decodeMessagesReply(JSON.parse(JSON.stringify(encodeMessagesReply(reply, style))) as JsonObject, 'up');
        const encoder = new MessagesStreamEncoder(style);
        const sent = encoder.encode([{ events: eventsOf(reply, length, false) }]) + encoder.end();
        expect(normalReply(foldOf(readOf([Buffer.from(sent)]).batches))).toEqual(normalReply(plain(whole)));
        const relayed = decodeMessagesReply(JSON.parse(JSON.stringify(encodeMessagesReply(whole, style))) as JsonObject, 'up');
        expect(opened(relayed)).toEqual(normalReply(plain(whole)));
      }),
      { numRuns: 300 },
    );
  });
});

function plain(reply: DialogueReply): DialogueReply {
  const { source: _source, ...rest } = reply;
  return rest;
}
