import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import { MessagesStreamDecoder } from './stream-decode.ts';

const start = { type: 'message_start', message: { id: 'msg_1', model: 'kimi', usage: { input_tokens: 9, cache_read_input_tokens: 4, output_tokens: 1 } } };
const opened = (index: number, block: object): object => ({ type: 'content_block_start', index, content_block: block });
const delta = (index: number, change: object): object => ({ type: 'content_block_delta', index, delta: change });
const stop = (index: number): object => ({ type: 'content_block_stop', index });

function read(frames: readonly (object | string)[], decoder = new MessagesStreamDecoder('up', 7)): DialogueEvent[] {
  return frames.flatMap((frame) => decoder.push(typeof frame === 'string' ? frame : JSON.stringify(frame)).events);
}

/** The events behind `message_start`. */
function after(...frames: readonly (object | string)[]): DialogueEvent[] {
  return read([start, ...frames]).slice(1);
}

describe('MessagesStreamDecoder', () => {
  it('reads a whole stream', () => {
    const decoder = new MessagesStreamDecoder('up', 7);
    const events = read([
      start, { type: 'ping' },
      opened(0, { type: 'thinking', thinking: '', signature: '' }), delta(0, { type: 'thinking_delta', thinking: 'hm' }), delta(0, { type: 'signature_delta', signature: 'si' }), delta(0, { type: 'signature_delta', signature: 'g' }), stop(0),
      opened(1, { type: 'text', text: '' }), delta(1, { type: 'text_delta', text: 'hi' }), stop(1),
      opened(2, { type: 'tool_use', id: 'c', name: 'f', input: {} }), delta(2, { type: 'input_json_delta', partial_json: '' }), delta(2, { type: 'input_json_delta', partial_json: '{"n":12345678901234567890}' }), stop(2),
      { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 5, input_tokens: 0 } }, { type: 'message_stop' },
    ], decoder);
    expect(events).toEqual([
      { type: 'reply-start', id: 'msg_1', model: 'kimi', createdS: 7 },
      { type: 'thinking-delta', choice: 0, text: 'hm' },
      { type: 'thinking-proof', choice: 0, proof: { protocol: 'anthropic-messages', upstreamId: 'up', value: 'sig' } },
      { type: 'text-delta', choice: 0, text: 'hi' },
      { type: 'tool-call-start', choice: 0, index: 0, id: 'c', kind: 'function', name: 'f' },
      { type: 'tool-call-delta', choice: 0, index: 0, argumentsText: '{"n":12345678901234567890}' },
      { type: 'choice-end', choice: 0, finish: { reason: 'tool-calls' } },
      { type: 'usage', usage: { inputUncached: 9, cacheRead: 4, cacheWrite: 0, output: 5, estimated: false } },
    ]);
    expect(decoder.ended).toBe(true);
    expect(read([stop(0), 'nonsense'], decoder)).toEqual([]);
  });

  it('has frames go along, but for what no client is to see', () => {
    const decoder = new MessagesStreamDecoder('up');
    const sources = [start, start, { type: 'ping' }, opened(0, { type: 'text', text: '' }), delta(0, { type: 'text_delta', text: 'x' }), opened(1, { type: 'text', text: 'x' }), delta(1, { type: 'thinking_delta', thinking: 'x' }), delta(2, { type: 'text_delta', text: 'x' }), delta(0, { type: 'signature_delta', signature: 's' }), { type: 'new_kind' }, { type: 'new\nkind' }]
      .map((frame) => decoder.push(JSON.stringify(frame)).source?.verbatim);
    expect(sources).toEqual([true, undefined, undefined, true, true, false, false, false, undefined, true, undefined]);
  });

  it('numbers calls from 0, names those without an id, and proves all thinking so far', () => {
    expect(after(opened(3, { type: 'tool_use', name: 'f' }), opened(5, { type: 'tool_use', id: '', name: 'g', input: { a: 1 } }))).toEqual([
      { type: 'tool-call-start', choice: 0, index: 0, id: 'toolu_msg1_0', kind: 'function', name: 'f' },
      { type: 'tool-call-start', choice: 0, index: 1, id: 'toolu_msg1_1', kind: 'function', name: 'g' },
      { type: 'tool-call-delta', choice: 0, index: 1, argumentsText: '{"a":1}' },
    ]);
    const blocks = [{ type: 'thinking', thinking: 'a', signature: 's' }, { type: 'redacted_thinking', data: 'd' }];
    const proofs = after(opened(0, blocks[0] ?? {}), stop(0), opened(1, blocks[1] ?? {}), stop(1)).filter((event) => event.type === 'thinking-proof').map((event) => event.proof.value);
    expect(proofs).toEqual(['s', JSON.stringify(blocks)]);
  });

  it('ends what was left open, and takes `[DONE]` for an end', () => {
    const decoder = new MessagesStreamDecoder('up');
    const events = read([start, opened(0, { type: 'thinking', thinking: '', signature: 's' }), { type: 'message_delta', delta: { stop_reason: 'stop_sequence', stop_sequence: 'END' } }, '[DONE]'], decoder);
    expect(events.slice(1).map((event) => event.type)).toEqual(['thinking-proof', 'choice-end']);
    expect(events.at(-1)).toMatchObject({ finish: { reason: 'stop', stopSequence: 'END' } });
    expect(decoder.ended).toBe(true);
  });

  it('rejects usage that cannot be true', () => {
    const last = (usage: unknown): DialogueEvent[] => after({ type: 'message_delta', delta: {}, usage });
    expect(last({ output_tokens: -1 })).toEqual([{ type: 'usage-rejected' }]);
    expect(last('many')).toEqual([{ type: 'usage-rejected' }]);
    expect(last({ input_tokens: 3, output_tokens: 2 })).toMatchObject([{ type: 'usage', usage: { inputUncached: 3, output: 2 } }]);
    // Without a count of the output, the start's single token is none either.
    expect(last({ input_tokens: 3 })).toEqual([]);
    expect(last(null)).toEqual([]);
  });

  it('tells errors, in Anthropic\'s shape and in OpenAI\'s', () => {
    const codes = [{ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, { error: { type: 'rate_limit_error', message: 'x' } }, { type: 'error', error: { type: 'billing_error', message: 'x' } }]
      .map((frame) => after(frame).map((event) => (event.type === 'error' ? event.fault.code : event.type)));
    expect(codes).toEqual([['upstream_overloaded'], ['upstream_rate_limited'], ['upstream_refused_key']]);
  });

  it.each([
    'no json', '[1]', JSON.stringify(opened(-1, {})), JSON.stringify(opened(1e9, {})), '{"type":"content_block_start","index":0}', '{"type":"content_block_delta","index":0}',
    JSON.stringify(delta(0, { type: 'input_json_delta', partial_json: '{' })),
  ])('refuses %s', (payload) => {
    expect(() => read([payload])).toThrow(expect.objectContaining({ code: 'upstream_invalid_reply' }) as Fault);
  });
});
