import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import { Fold } from '../../dialogue/fold.ts';
import type { AssistantMessage } from '../../dialogue/message.ts';
import { CustomInput } from './custom-input.ts';
import { eventFrame } from './event-writer.ts';
import { decodeHistory } from './history-decode.ts';
import { normaliseInput } from './input-items.ts';
import { encodeResponse } from './reply-encode.ts';
import { responsesRequestOf } from './request-decode.ts';
import { parseResponsesBody } from './responses-request-schema.ts';
import { sampleIds, sampleSeals, sampleStyle } from './sample-style.ts';
import { ResponsesStreamEncoder, streamEnd } from './stream-encode.ts';

const usage = { inputUncached: 1, cacheRead: 2, cacheWrite: 0, output: 3, estimated: false };
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
const tools = [
  { type: 'function', name: 'weather', parameters: {} }, { type: 'custom', name: 'free' }, { type: 'local_shell' }, { type: 'shell' }, { type: 'apply_patch' },
  { type: 'namespace', name: 'crm', description: 'd', tools: [{ type: 'function', name: 'find', parameters: {} }, { type: 'custom', name: 'note' }] },
];
/** Arguments that a model may write for each, as they come back from its item. */
const writtenCalls = fc.oneof(
  fc.record({ name: fc.constantFrom('weather', 'crm__find'), argumentsText: fc.oneof(text, fc.constant(''), fc.constant('{"n":12345678901234567890}')) }),
  fc.record({ name: fc.constantFrom('free', 'crm__note'), argumentsText: fc.string({ unit: 'grapheme' }).map((input) => JSON.stringify({ input })) }),
  fc.constant({ name: 'shell', argumentsText: '{"commands":["ls","cat x"],"timeout_ms":5}' }),
  fc.constant({ name: 'local_shell', argumentsText: '{"command":["ls"],"env":{"A":"b"}}' }),
  fc.constant({ name: 'apply_patch', argumentsText: '{"type":"update_file","path":"a","diff":"@@\\n-a\\n+b"}' }),
  fc.record({ name: fc.constantFrom('shell', 'apply_patch', 'local_shell'), argumentsText: text }),
);
const proof = { protocol: 'anthropic-messages', upstreamId: 'u', value: 'sig' } as const;

/** A reply in the usual order, as the events of its stream, each text cut somewhere. */
const orderly = fc.record(
  { thinking: text, proof: fc.constant(proof), said: text, refusal: text, calls: fc.array(writtenCalls, { maxLength: 3 }), reason: fc.constantFrom('stop', 'length', 'content-filter', 'other'), cut: fc.nat(6) },
  { requiredKeys: ['calls', 'reason', 'cut'] },
).map(({ thinking, proof: given, said, refusal, calls, reason, cut }): DialogueEvent[] => [
  { type: 'reply-start', id: 'up', model: 'm', createdS: 1 },
  ...(thinking === undefined ? [] : pieces(thinking, cut).map((piece) => ({ type: 'thinking-delta', choice: 0, text: piece }) as const)),
  ...(given === undefined || thinking === undefined ? [] : [{ type: 'thinking-proof', choice: 0, proof: given } as const]),
  ...(said === undefined ? [] : pieces(said, cut).map((piece) => ({ type: 'text-delta', choice: 0, text: piece }) as const)),
  ...(refusal === undefined ? [] : pieces(refusal, cut).map((piece) => ({ type: 'refusal-delta', choice: 0, text: piece }) as const)),
  ...calls.flatMap(({ name, argumentsText }, index): DialogueEvent[] => [
    { type: 'tool-call-start', choice: 0, index, id: `call_${index}`, kind: 'function', name },
    ...pieces(argumentsText, cut).map((piece) => ({ type: 'tool-call-delta', choice: 0, index, argumentsText: piece }) as const),
  ]),
  { type: 'choice-end', choice: 0, finish: { reason } },
]);

function pieces(whole: string, cut: number): string[] {
  return [whole.slice(0, cut), whole.slice(cut)];
}

/** Anything that an upstream might send. */
const anyEvents = fc.array(
  fc.oneof(
    text.map((said): DialogueEvent => ({ type: 'text-delta', choice: 0, text: said })),
    text.map((said): DialogueEvent => ({ type: 'thinking-delta', choice: 0, text: said })),
    text.map((said): DialogueEvent => ({ type: 'refusal-delta', choice: 0, text: said })),
    text.map((said): DialogueEvent => ({ type: 'text-delta', choice: 1, text: said })),
    fc.constant<DialogueEvent>({ type: 'thinking-proof', choice: 0, proof: { ...proof, hidden: true } }),
    fc.record({ index: fc.nat(3), call: writtenCalls }).map(({ index, call }): DialogueEvent => ({ type: 'tool-call-start', choice: 0, index: index + 10, id: `c${index}`, kind: 'function', name: call.name })),
    fc.record({ index: fc.nat(3), piece: text }).map(({ index, piece }): DialogueEvent => ({ type: 'tool-call-delta', choice: 0, index: index + 10, argumentsText: piece })),
    fc.constant<DialogueEvent>({ type: 'choice-end', choice: 0, finish: { reason: 'length' } }),
  ),
  { maxLength: 14 },
);

function streamed(events: readonly DialogueEvent[], body: object): { encoder: ResponsesStreamEncoder; sent: string; told: string[] } {
  const told: string[] = [];
  const encoder = new ResponsesStreamEncoder(sampleStyle(body, { onEvent: (_number, _type, json) => told.push(json) }));
  let sent = '';
  for (const event of events) sent += encoder.encode([{ events: [event] }]);
  return { encoder, sent: sent + encoder.finish(usage), told };
}

function framesOf(sent: string): JsonObject[] {
  const frames = sent.split('\n\n');
  expect(frames.pop()).toBe('');
  expect(frames.pop()).toBe('data: [DONE]');
  return frames.map((frame, index) => {
    const [eventLine, dataLine, ...rest] = frame.split('\n');
    expect(rest).toEqual([]);
    const data: unknown = JSON.parse(String(dataLine).slice('data: '.length));
    if (!isJsonObject(data)) throw new Error('no object');
    expect(eventLine).toBe(`event: ${String(data['type'])}`);
    expect(data['sequence_number']).toBe(index);
    return data;
  });
}

/** Ids differ when another encoder makes them; what they name is the same. */
function withoutIds(response: JsonObject): unknown {
  return JSON.parse(JSON.stringify(response).replace(/"(rs|msg|fc|ctc|sh|lsh|apc)_\d+"/g, '"$1"'));
}

describe('laws', () => {
  it('a whole reply is what its stream ends with', () => {
    fc.assert(
      fc.property(orderly, fc.boolean(), (events, sealed) => {
        const body = { tools, ...(sealed ? { include: ['reasoning.encrypted_content'] } : {}) };
        const { encoder } = streamed(events, body);
        const fold = new Fold();
        for (const event of events) fold.add(event);
        const { response, stored } = encodeResponse(fold.reply(), usage, sampleStyle(body));
        expect(withoutIds(encoder.response())).toEqual(withoutIds(response));
        expect(withoutIds(encoder.storedResponse())).toEqual(withoutIds(stored));
      }),
      { numRuns: 200 },
    );
  });

  it('numbers are contiguous, what opens closes, and deltas add up, whatever comes', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const { encoder, sent, told } = streamed(events, { tools });
        const frames = framesOf(sent);
        expect(told.map((json): unknown => JSON.parse(json))).toEqual(frames);
        expect(frames.map((frame, index) => eventFrame(String(frame['type']), String(told[index]))).join('')).toBe(sent.slice(0, -streamEnd.length));
        expect(encoder.lastSequenceNumber).toBe(frames.length - 1);
        expectClosed(frames);
        const last = frames.at(-1)?.['response'];
        expect(isJsonObject(last) ? last['output'] : undefined).toEqual(frames.filter((frame) => frame['type'] === 'response.output_item.done')
          .sort((one, other) => Number(one['output_index']) - Number(other['output_index'])).map((frame) => frame['item']));
        expect(last).toEqual(JSON.parse(JSON.stringify(encoder.response())));
      }),
      { numRuns: 200 },
    );
  });

  it('an answer comes back from its stored items as it was', () => {
    fc.assert(
      fc.property(orderly, (events) => {
        const fold = new Fold();
        for (const event of events) fold.add(event);
        const reply = fold.reply();
        const [choice] = reply.choices;
        const { stored } = encodeResponse(reply, usage, sampleStyle({ tools }));
        const output = (stored['output'] as JsonObject[]);
        const results = output.flatMap((item) => (typeof item['call_id'] === 'string' ? [{ type: 'function_call_output', call_id: item['call_id'], output: 'r' }] : []));
        const messages = decodeHistory([...output, ...results], results.length, sampleSeals);
        if (output.length === 0) {
          expect(messages).toEqual([]);
          return;
        }
        const [first, ...rest] = messages as [AssistantMessage, ...AssistantMessage[]];
        expect(rest).toEqual((choice?.toolCalls ?? []).map(({ id }) => ({ role: 'tool', toolCallId: id, content: 'r' })));
        expect(meaning(first)).toEqual({
          text: choice?.text, thinking: choice?.thinking, proof: choice?.thinkingProof, refusal: choice?.refusal,
          calls: (choice?.toolCalls ?? []).map(({ id, name, argumentsText }) => ({ id, name, args: argumentsOf(argumentsText) })),
        });
      }),
      { numRuns: 200 },
    );
  });

  it('normalised input is itself when it is normalised, and means the same', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const body = parseResponsesBody({ model: 'm', input }, 'openai');
        const items = normaliseInput(body, sampleIds());
        expect(items.every((item) => typeof item['id'] === 'string' && typeof item['type'] === 'string')).toBe(true);
        const again = parseResponsesBody({ model: 'm', input: items }, 'openai');
        expect(normaliseInput(again, () => 'new')).toEqual(items);
        if (typeof input === 'string') return;
        const asGiven = input.map((item): JsonObject => ({ type: 'message', ...item }));
        expect(decodeHistory(items, items.length, sampleSeals)).toEqual(decodeHistory(asGiven, asGiven.length, sampleSeals));
      }),
      { numRuns: 200 },
    );
  });

  it('history and input are one conversation, however it is parted', () => {
    fc.assert(
      fc.property(inputs.filter((input) => typeof input !== 'string'), fc.nat(8), (input, cut) => {
        const body = parseResponsesBody({ model: 'm', input }, 'openai');
        const items = normaliseInput(body, sampleIds());
        const whole = responsesRequestOf(body, [], items, { seals: sampleSeals });
        expect(responsesRequestOf(body, items.slice(0, cut), items.slice(cut), { seals: sampleSeals })).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  it('the input of a free-form tool is the same however its arguments are cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: awkward }), fc.boolean(), fc.array(fc.nat(30)), fc.boolean(), (input, ascii, cuts, whole) => {
        const json = JSON.stringify({ input });
        const escaped = ascii ? json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`) : json;
        const argumentsText = whole ? escaped : escaped.slice(0, -3);
        const read = (parts: readonly string[]): string => {
          const reader = new CustomInput();
          const deltas = parts.map((piece) => reader.push(piece)).join('') + reader.end();
          expect(deltas).toBe(reader.text);
          return deltas;
        };
        const parts: string[] = [];
        let rest = argumentsText;
        for (const cut of cuts) {
          parts.push(rest.slice(0, cut));
          rest = rest.slice(cut);
        }
        expect(read([...parts, rest])).toBe(read([argumentsText]));
        if (whole) expect(read([argumentsText])).toBe(input);
      }),
      { numRuns: 150 },
    );
  });
});

/** What escapes are made of, and what needs them; half a character too. */
const awkward = fc.constantFrom('a', 'u', '0', 'd83d', '"', '\\', '\n', '\u0001', 'é', '😀', '\ud83d', '{', '/');
const content = fc.oneof(text, fc.array(fc.oneof(fc.record({ type: fc.constant('input_text'), text }), fc.record({ type: fc.constant('input_image'), image_url: text })), { minLength: 1, maxLength: 3 }));
const inputs = fc.oneof(
  text,
  fc.array(
    fc.oneof(
      fc.record({ role: fc.constantFrom('user', 'system', 'developer'), content }).map((item): JsonObject[] => [item]),
      text.map((said): JsonObject[] => [{ role: 'assistant', content: said }]),
      fc.record({ thought: text, args: text, out: content }).map(({ thought, args, out }): JsonObject[] => [
        { type: 'reasoning', summary: [{ type: 'summary_text', text: thought }] },
        { type: 'function_call', call_id: '#', name: 'f', arguments: args },
        { type: 'function_call_output', call_id: '#', output: out },
      ]),
    ),
    { minLength: 1, maxLength: 4 },
  ).map((groups) => groups.flatMap((group, turn) => group.map((item): JsonObject => ('call_id' in item ? { ...item, call_id: `c${turn}` } : item)))),
);

function expectClosed(frames: readonly JsonObject[]): void {
  const open = new Map<number, string>();
  let speaking: number | undefined;
  for (const frame of frames) {
    const type = String(frame['type']);
    const index = Number(frame['output_index']);
    if (type === 'response.output_item.added') {
      expect(open.has(index)).toBe(false);
      open.set(index, '');
      // Only calls may be written by turns.
      const item = frame['item'];
      if (isJsonObject(item) && !String(item['type']).endsWith('_call')) {
        expect(speaking === undefined || !open.has(speaking)).toBe(true);
        speaking = index;
      }
    } else if (type === 'response.output_item.done') {
      expect(open.delete(index)).toBe(true);
    } else if (type.endsWith('.delta')) {
      expect(open.has(index)).toBe(true);
      open.set(index, `${open.get(index)}${String(frame['delta'])}`);
    } else if (type.endsWith('.done') && !type.includes('part')) {
      const deltas = String(frame['text'] ?? frame['refusal'] ?? frame['arguments'] ?? frame['input']);
      expect(open.get(index)).toBe(deltas);
      open.set(index, '');
    }
  }
  expect([...open]).toEqual([]);
}

function meaning(message: AssistantMessage): unknown {
  const said = typeof message.content === 'string' ? message.content : undefined;
  return {
    text: said, thinking: message.thinking, proof: message.thinkingProof, refusal: message.refusal,
    calls: (message.toolCalls ?? []).map(({ id, name, argumentsText }) => ({ id, name, args: argumentsOf(argumentsText) })),
  };
}

/** What is taken apart into an item and put together again is the same JSON, and maybe not the same text. */
function argumentsOf(argumentsText: string): unknown {
  try {
    const value: unknown = JSON.parse(argumentsText);
    return isJsonObject(value) && ('commands' in value || 'command' in value || 'path' in value || 'input' in value) ? value : argumentsText;
  } catch {
    return argumentsText;
  }
}
