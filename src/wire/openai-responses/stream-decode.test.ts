import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import { SseParser } from '../../base/sse.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import { Fold } from '../../dialogue/fold.ts';
import type { DialogueReply } from '../../dialogue/reply.ts';
import { encodeResponse } from './reply-encode.ts';
import { decodeResponsesReply } from './reply-decode.ts';
import { sampleStyle } from './sample-style.ts';
import { ResponsesStreamDecoder } from './stream-decode.ts';
import { ResponsesStreamEncoder } from './stream-encode.ts';

function eventsOf(payloads: readonly unknown[]): { events: DialogueEvent[]; decoder: ResponsesStreamDecoder } {
  const decoder = new ResponsesStreamDecoder('here');
  const events = payloads.flatMap((payload) => decoder.push(typeof payload === 'string' ? payload : JSON.stringify(payload)).events);
  return { events, decoder };
}

function replyOf(payloads: readonly unknown[]): DialogueReply {
  const fold = new Fold();
  for (const event of eventsOf(payloads).events) fold.add(event);
  return fold.reply();
}

const response = { id: 'resp_1', object: 'response', created_at: 7, model: 'kimi-k3', status: 'in_progress', output: [], error: null };
const created = { type: 'response.created', sequence_number: 0, response };
const usage = { input_tokens: 10, input_tokens_details: { cached_tokens: 4 }, output_tokens: 6, output_tokens_details: { reasoning_tokens: 2 }, total_tokens: 16 };

function completed(output: readonly unknown[], more: object = {}): JsonObject {
  return { type: 'response.completed', response: { ...response, status: 'completed', output, usage, ...more } } as JsonObject;
}

const reasoning = { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm' }, { type: 'summary_text', text: 'so' }], encrypted_content: 'AAA=' };
const message = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Hello', annotations: [] }] };
const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '{"a":1}', status: 'completed' };

/** The events by which OpenAI and Ark tell of an item (responses-ark-anthropic-batch.md 1.5). */
function tell(item: typeof reasoning | typeof message | typeof call, index: number, cut: (text: string) => readonly string[] = (text) => [text]): JsonObject[] {
  const at = { item_id: item.id, output_index: index };
  const events: object[] = [];
  if (item.type === 'reasoning') {
    events.push({ type: 'response.output_item.added', ...at, item: { ...item, summary: [], encrypted_content: '' } });
    (item as typeof reasoning).summary.forEach((part, number) => {
      events.push({ type: 'response.reasoning_summary_part.added', ...at, summary_index: number, part: { type: 'summary_text', text: '' } });
      for (const delta of cut(part.text)) events.push({ type: 'response.reasoning_summary_text.delta', ...at, summary_index: number, delta });
      events.push({ type: 'response.reasoning_summary_text.done', ...at, summary_index: number, text: part.text });
    });
  } else if (item.type === 'message') {
    events.push({ type: 'response.output_item.added', ...at, item: { ...item, content: [] } });
    const { text } = (item as typeof message).content[0] as { text: string };
    for (const delta of cut(text)) events.push({ type: 'response.output_text.delta', ...at, content_index: 0, delta, logprobs: [] });
    events.push({ type: 'response.output_text.done', ...at, content_index: 0, text, logprobs: [] });
  } else {
    const { arguments: written } = item as typeof call;
    events.push({ type: 'response.output_item.added', ...at, item: { ...item, arguments: '' } });
    for (const delta of cut(written)) events.push({ type: 'response.function_call_arguments.delta', ...at, delta });
    events.push({ type: 'response.function_call_arguments.done', ...at, arguments: written });
  }
  return [...events, { type: 'response.output_item.done', output_index: index, item }] as JsonObject[];
}

const whole = {
  id: 'resp_1', model: 'kimi-k3', createdS: 7,
  choices: [{
    thinking: 'Hm\n\nso', thinkingProof: { protocol: 'openai-responses', upstreamId: 'here', value: 'AAA=' }, text: 'Hello',
    toolCalls: [{ id: 'call_1', kind: 'function', name: 'look', argumentsText: '{"a":1}' }], finish: { reason: 'tool-calls' },
  }],
  usage: { inputUncached: 6, cacheRead: 4, cacheWrite: 0, output: 6, reasoning: 2, estimated: false },
};

describe('ResponsesStreamDecoder', () => {
  it('reads reasoning, text, a call, the end and usage', () => {
    const output = [reasoning, message, call];
    const { events, decoder } = eventsOf([created, ...output.flatMap((item, index) => tell(item, index)), completed(output), '[DONE]']);
    expect(events.map(({ type }) => type)).toEqual([
      'reply-start', 'thinking-delta', 'thinking-delta', 'thinking-proof', 'text-delta', 'tool-call-start', 'tool-call-delta', 'choice-end', 'usage',
    ]);
    expect(decoder.ended).toBe(true);
    expect(replyOf([created, ...output.flatMap((item, index) => tell(item, index)), completed(output)])).toEqual(whole);
  });

  it.each([
    ['deltas', [created, ...[reasoning, message, call].flatMap((item, output_index) => [{ type: 'response.output_item.added', output_index, item: { ...item, summary: [], content: [], arguments: '' } }, { type: 'response.output_item.done', output_index, item }]), completed([])]],
    ['the events of items', [created, completed([reasoning, message, call])]],
    ['everything but the last event', [completed([reasoning, message, call])]],
    ['the announcement of an item', [created, { type: 'response.reasoning_text.delta', output_index: 0, delta: 'Hm\n\nso' }, { type: 'response.output_text.delta', output_index: 1, delta: 'Hello' }, completed([reasoning, message, call])]],
  ])('does without %s', (_what, payloads) => {
    expect(replyOf(payloads)).toEqual(whole);
  });

  it('takes reasoning once from a server that tells both the reasoning and its summary', () => {
    const both = [created, ...tell(reasoning, 0).flatMap((event) => (event['type'] === 'response.reasoning_summary_text.delta' ? [event, { ...event, type: 'response.reasoning_text.delta' }] : [event])), completed([reasoning])];
    expect(replyOf(both).choices[0]?.thinking).toBe('Hm\n\nso');
  });

  it('tells two messages apart', () => {
    const second = { ...message, id: 'msg_2' };
    const output = [message, second];
    const payloads = [created, ...output.flatMap((item, index) => tell(item, index)), completed(output)];
    expect(replyOf(payloads).choices[0]?.text).toBe('Hello\n\nHello');
  });

  it('keeps all the proofs, and says when nothing else is to be seen', () => {
    const blind = { ...reasoning, summary: [] };
    const { events } = eventsOf([created, ...tell(blind, 0), ...tell({ ...blind, id: 'rs_2', encrypted_content: 'BBB=' }, 1), completed([blind])]);
    const proofs = events.filter((event) => event.type === 'thinking-proof');
    expect(proofs.at(-1)?.proof).toEqual({ protocol: 'openai-responses', upstreamId: 'here', value: 'AAA=\nBBB=', hidden: true });
  });

  it.each([
    [{ type: 'response.incomplete', response: { ...response, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } } }, { reason: 'length' }],
    [{ type: 'response.incomplete', response: { ...response, incomplete_details: { reason: 'content_filter' } } }, { reason: 'content-filter' }],
    [{ type: 'response.incomplete', response: { ...response, status: 'incomplete', incomplete_details: { reason: 'steered' } } }, { reason: 'other', raw: 'steered' }],
    [completed([{ type: 'custom_tool_call', call_id: 'c', name: 'patch', input: 'x' }]), { reason: 'tool-calls' }],
    [completed([{ ...message, content: [{ type: 'refusal', refusal: 'No.' }] }]), { reason: 'stop' }],
  ])('ends as %j says', (end, finish) => {
    expect(replyOf([created, end]).choices[0]?.finish).toEqual(finish);
  });

  it.each([
    [{ type: 'error', code: 'rate_limit_exceeded', message: 'slow down', param: null, sequence_number: 3 }, 'upstream_rate_limited'],
    [{ type: 'error', error: { type: 'server_error', message: 'oops' } }, 'upstream_failed'],
    [{ type: 'response.failed', response: { ...response, status: 'failed', error: { code: 'server_error', message: 'oops' } } }, 'upstream_failed'],
    [{ type: 'response.failed', response: { ...response, status: 'failed', error: { code: 'invalid_image_url', message: 'no such image' } } }, 'invalid_request'],
    [{ type: 'response.failed', response: { ...response, status: 'failed' } }, 'upstream_failed'],
    [{ error: { message: 'Overloaded', code: 503 } }, 'upstream_overloaded'],
  ])('takes %j for an error', (payload, code) => {
    const [last] = eventsOf([created, payload]).events.slice(-1);
    expect(last).toMatchObject({ type: 'error', fault: { code } });
  });

  it('tells what had been used when it failed', () => {
    const { events } = eventsOf([created, { type: 'response.failed', response: { ...response, status: 'failed', usage, error: { code: 'server_error', message: '' } } }]);
    expect(events.map(({ type }) => type)).toEqual(['reply-start', 'usage', 'error']);
  });

  it.each(['{', '[]', '7'])('refuses %s', (payload) => {
    expect(() => eventsOf([payload])).toThrow('the upstream sent');
  });

  it.each([
    ['the arguments of a call that never began', { type: 'response.function_call_arguments.delta', output_index: 5, delta: '{' }],
    ['an item that is none', { type: 'response.output_item.added', output_index: 0, item: 7 }],
    ['an item without a place', { type: 'response.output_item.added', item: message }],
    ['a place beyond all bounds', { type: 'response.output_item.added', output_index: 1e9, item: message }],
    ['the end of what goes on', { type: 'response.completed', response }],
  ])('refuses %s', (_what, payload) => {
    expect(() => eventsOf([created, payload])).toThrow('the upstream sent');
  });

  it('hands frames on: deltas as they are, those with items and responses not, those of proxies not at all', () => {
    const decoder = new ResponsesStreamDecoder('here');
    const sourceOf = (payload: unknown) => decoder.push(JSON.stringify(payload)).source?.verbatim;
    expect(sourceOf(created)).toBe(false);
    expect(tell(message, 0).map(sourceOf)).toEqual([false, true, true, false]);
    expect(sourceOf({ type: 'response.web_search_call.searching', output_index: 1 })).toBe(true);
    expect(sourceOf({ type: 'keepalive' })).toBeUndefined();
    expect(sourceOf({ hello: 1 })).toBeUndefined();
  });
});

describe('laws', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  const item = fc.oneof(
    fc.record({ texts: fc.array(text, { maxLength: 3 }), encrypted: fc.option(fc.base64String({ minLength: 4 }), { nil: undefined }) }).map(({ texts, encrypted }) => ({
      type: 'reasoning', id: 'rs', summary: texts.map((each) => ({ type: 'summary_text', text: each })), ...(encrypted === undefined ? {} : { encrypted_content: encrypted }),
    })),
    text.map((each) => ({ ...message, content: [{ type: 'output_text', text: each, annotations: [] }] })),
    fc.tuple(text, text).map(([name, written]) => ({ ...call, name, arguments: written })),
  );

  it('fold(stream) = whole reply, however its texts are cut', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), fc.integer({ min: 1, max: 5 }), (items, size) => {
        const output = items.map((each, index) => ({ ...each, id: `i_${index}`, ...(each.type === 'function_call' ? { call_id: `c_${index}` } : {}) }));
        const cut = (each: string): string[] => each.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
        const end = completed(output);
        const { source: _source, ...expected } = decodeResponsesReply(end['response'] as JsonObject, 'here');
        expect(replyOf([created, ...output.flatMap((each, index) => tell(each as typeof call, index, cut)), end])).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('makes of any events sense or a fault, and tells of each call once before its arguments', () => {
    const index = fc.constantFrom(0, 1, 2, -1, 'x', undefined);
    const anyItem = fc.record({ type: fc.constantFrom('message', 'reasoning', 'function_call', 'web_search_call', 7), call_id: text, name: text, arguments: fc.oneof(text, fc.integer()), content: fc.jsonValue({ maxDepth: 2 }), summary: fc.jsonValue({ maxDepth: 2 }), encrypted_content: fc.oneof(text, fc.constant(null)) }, { requiredKeys: [] });
    const types = ['response.created', 'response.output_item.added', 'response.output_item.done', 'response.output_text.delta', 'response.reasoning_summary_text.delta', 'response.reasoning_text.delta', 'response.refusal.delta', 'response.function_call_arguments.delta', 'response.function_call_arguments.done', 'response.web_search_call.searching', 'ping'];
    const event = fc.record({ type: fc.constantFrom(...types), output_index: index, summary_index: index, delta: fc.oneof(text, fc.jsonValue({ maxDepth: 1 })), arguments: text, item: fc.oneof(anyItem, fc.jsonValue({ maxDepth: 1 })), response: fc.oneof(fc.constant(response), fc.jsonValue({ maxDepth: 1 })) }, { requiredKeys: ['type'] });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), fc.array(fc.oneof(anyItem, fc.jsonValue({ maxDepth: 1 })), { maxLength: 3 }), (payloads, output) => {
        const decoder = new ResponsesStreamDecoder('here');
        let started = 0;
        for (const payload of [...payloads, completed(output)]) {
          try {
            for (const each of decoder.push(JSON.stringify(payload)).events) {
              if (each.type === 'tool-call-start') expect(each.index).toBe(started++);
              if (each.type === 'tool-call-delta') expect(each.index).toBeLessThan(started);
              if ('text' in each) expect(each.text).not.toBe('');
            }
          } catch (thrown) {
            if (!(thrown instanceof Fault)) throw thrown;
            return;
          }
        }
        expect(decoder.ended).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('reads what our own surface writes, streamed and whole', () => {
    const replies = fc.record({ thinking: text, text, refusal: text, calls: fc.array(fc.tuple(text, text), { maxLength: 3 }), reason: fc.constantFrom('stop', 'length', 'content-filter') }, { requiredKeys: ['calls', 'reason'] });
    fc.assert(
      fc.property(replies, ({ calls, reason, ...said }) => {
        const toolCalls = calls.map(([name, argumentsText], index) => ({ id: `c_${index}`, kind: 'function', name, argumentsText }) as const);
        const finish = { reason: reason === 'stop' && toolCalls.length > 0 ? 'tool-calls' : reason } as const;
        const reply: DialogueReply = {
          id: 'up', model: 'up', createdS: 1, choices: [{ ...said, toolCalls, finish }],
          usage: { inputUncached: 5, cacheRead: 2, cacheWrite: 0, output: 3, reasoning: 1, estimated: false },
        };
        const encoder = new ResponsesStreamEncoder(sampleStyle());
        const events: DialogueEvent[] = [
          ...(said.thinking === undefined ? [] : [{ type: 'thinking-delta', choice: 0, text: said.thinking } as const]),
          ...(said.text === undefined ? [] : [{ type: 'text-delta', choice: 0, text: said.text } as const]),
          ...(said.refusal === undefined ? [] : [{ type: 'refusal-delta', choice: 0, text: said.refusal } as const]),
          ...toolCalls.flatMap(({ id, kind, name, argumentsText }, index): DialogueEvent[] => [
            { type: 'tool-call-start', choice: 0, index, id, kind, name }, { type: 'tool-call-delta', choice: 0, index, argumentsText },
          ]),
          { type: 'choice-end', choice: 0, finish },
        ];
        const written = encoder.encode([{ events }]) + encoder.finish(reply.usage);
        const streamed = replyOf(new SseParser().push(Buffer.from(written)));
        const { response: shown } = encodeResponse(reply, reply.usage, sampleStyle());
        const whole = decodeResponsesReply(JSON.parse(JSON.stringify(shown)) as JsonObject, 'here');
        for (const read of [streamed, whole]) expect({ choices: read.choices, usage: read.usage }).toEqual({ choices: reply.choices, usage: reply.usage });
      }),
      { numRuns: 100 },
    );
  });
});
