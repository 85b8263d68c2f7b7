import { describe, expect, it } from 'vitest';
import { plainThinkingSeals as seals } from '../../../tests/doubles/plain-thinking-seals.ts';
import { Fault } from '../../base/fault.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { MessagesStyle } from './messages-style.ts';
import { MessagesStreamDecoder } from './stream-decode.ts';
import { MessagesStreamEncoder } from './stream-encode.ts';

const shown: MessagesStyle = { thinkingDisplay: 'shown', seals };
const omitted: MessagesStyle = { thinkingDisplay: 'omitted', seals };
const start: DialogueEvent = { type: 'reply-start', id: 'chatcmpl-1', model: 'kimi', createdS: 1 };
const text = (said: string, choice = 0): DialogueEvent => ({ type: 'text-delta', choice, text: said });
const thinking = (said: string): DialogueEvent => ({ type: 'thinking-delta', choice: 0, text: said });
const call = (index: number): DialogueEvent => ({ type: 'tool-call-start', choice: 0, index, id: `c${index}`, kind: 'function', name: 'f' });
const more = (index: number, argumentsText: string): DialogueEvent => ({ type: 'tool-call-delta', choice: 0, index, argumentsText });
const end: DialogueEvent = { type: 'choice-end', choice: 0, finish: { reason: 'stop' } };
const usage: DialogueEvent = { type: 'usage', usage: { inputUncached: 3, cacheRead: 2, cacheWrite: 0, output: 4, reasoning: 1, estimated: true } };
const proof: ThinkingProof = { protocol: 'anthropic-messages', upstreamId: 'up', value: 'sig' };

interface Frame {
  readonly type: string;
  readonly index?: number;
  readonly delta?: Record<string, unknown>;
  readonly content_block?: Record<string, unknown>;
}

function framesOf(sent: string): Frame[] {
  return sent.split('\n\n').slice(0, -1).map((frame) => JSON.parse(frame.slice(frame.indexOf('data: ') + 6)) as Frame);
}

function spoken(events: readonly DialogueEvent[], style: MessagesStyle = shown): Frame[] {
  const encoder = new MessagesStreamEncoder(style);
  return framesOf(encoder.encode([{ events }]) + encoder.end());
}

/** What is told of each block: start, deltas and stop, in short. */
function told(frames: readonly Frame[]): string[] {
  return frames.filter((frame) => frame.type.startsWith('content_block')).map(({ type, index, delta, content_block: block }) =>
    `${String(index)} ${type === 'content_block_stop' ? 'stop' : block === undefined ? String(Object.values(delta ?? {})[1]) : String(block['type'])}`);
}

describe('MessagesStreamEncoder', () => {
  it('writes the events in their order, with their names', () => {
    const encoder = new MessagesStreamEncoder(shown);
    const sent = encoder.encode([{ events: [start, text('Hi "you"\n')] }, { events: [end] }, { events: [usage] }]);
    expect(sent).toBe([
      'event: message_start\ndata: {"id":"…"}',
      'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
      'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi \\"you\\"\\n"}}',
      '',
    ].join('\n\n').replace('{"id":"…"}', JSON.stringify({
      type: 'message_start',
      message: {
        id: 'msg_1', type: 'message', role: 'assistant', model: 'kimi', content: [], stop_reason: null, stop_sequence: null,
        usage: { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 }, output_tokens: 0 },
      },
    })));
    expect(framesOf(encoder.end())).toEqual([
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { input_tokens: 3, cache_creation_input_tokens: 0, cache_read_input_tokens: 2, cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 }, output_tokens: 4, output_tokens_details: { thinking_tokens: 1 }, estimated: true },
      },
      { type: 'message_stop' },
    ]);
    expect(encoder.end()).toBe('');
  });

  it('seals thinking at the end of its block', () => {
    const events: DialogueEvent[] = [start, thinking('a'), thinking('b'), { type: 'thinking-proof', choice: 0, proof }, text('x'), end];
    expect(told(spoken(events))).toEqual(['0 thinking', '0 a', '0 b', `0 ${seals.seal({ text: 'ab', proof }, true)}`, '0 stop', '1 text', '1 x', '1 stop']);
    expect(told(spoken(events, omitted))).toEqual(['0 thinking', `0 ${seals.seal({ text: 'ab', proof }, false)}`, '0 stop', '1 text', '1 x', '1 stop']);
  });

  it('tells hidden thinking as a block of its own', () => {
    const hidden: ThinkingProof = { ...proof, hidden: true };
    const frames = spoken([start, { type: 'thinking-proof', choice: 0, proof: hidden }, text('x'), end]);
    expect(frames[1]?.content_block).toEqual({ type: 'redacted_thinking', data: seals.seal({ text: '', proof: hidden }, false) });
    expect(told(frames)).toEqual(['0 redacted_thinking', '0 stop', '1 text', '1 x', '1 stop']);
  });

  it('has interleaving calls wait for each other, and loses nothing', () => {
    const woven = [start, call(0), call(1), more(1, '{"b"'), more(0, '{"a":'), text('t'), more(1, ':2}'), more(0, '1}'), more(1, ' '), end];
    expect(told(spoken(woven))).toEqual(['0 tool_use', '0 {"a":', '0 1}', '0 stop', '1 tool_use', '1 {"b":2}', '1 stop', '2 text', '2 t', '2 stop']);
    // A call that is whole is not waited for, one that breaks off is until the end.
    expect(told(spoken([start, call(0), more(0, '{}'), call(1), more(1, '{'), text('t'), end]))).toEqual(['0 tool_use', '0 {}', '0 stop', '1 tool_use', '1 {', '1 stop', '2 text', '2 t', '2 stop']);
  });

  it('reads long arguments that others wait behind once, and not with each piece', () => {
    const encoder = new MessagesStreamEncoder(shown);
    encoder.encode([{ events: [start, call(0), more(0, '{"a":['), call(1)] }]);
    const startMs = performance.now();
    for (let piece = 0; piece < 40_000; piece += 1) encoder.encode([{ events: [more(0, '{"x":1}, ')] }]);
    expect(performance.now() - startMs).toBeLessThan(2_000);
    expect(told(framesOf(encoder.encode([{ events: [more(0, '0]'), more(0, '}')] }])))).toEqual(['0 0]', '0 }', '0 stop', '1 tool_use']);
  });

  it('tells arguments that are no object as one, since the SDKs throw at them', () => {
    const bent = [start, call(0), more(0, 'oops'), more(0, ' "no"'), call(1), more(1, '[1]'), text('t'), end];
    const wrapped = ['oops "no"', '[1]'].map((written) => JSON.stringify({ INVALID_JSON: written }));
    expect(told(spoken(bent))).toEqual(['0 tool_use', `0 ${wrapped[0] ?? ''}`, '0 stop', '1 tool_use', `1 ${wrapped[1] ?? ''}`, '1 stop', '2 text', '2 t', '2 stop']);
  });

  it('speaks choice 0 only, and a refusal as text', () => {
    const frames = spoken([start, text('no', 1), { type: 'refusal-delta', choice: 0, text: 'I will not' }, { type: 'choice-end', choice: 1, finish: { reason: 'length' } }, end]);
    expect(told(frames)).toEqual(['0 text', '0 I will not', '0 stop']);
    expect(frames.at(-2)?.delta).toEqual({ stop_reason: 'refusal', stop_sequence: null });
  });

  it('keeps the order when nothing was said, and writes nothing of an error', () => {
    expect(spoken([]).map((frame) => frame.type)).toEqual(['message_start', 'message_delta', 'message_stop']);
    expect(new MessagesStreamEncoder(shown).encode([{ events: [{ type: 'error', fault: new Fault('internal') }] }])).toBe('');
  });
});

const frame = (value: object): string => JSON.stringify(value);
const opened = (index: number, block: object): string => frame({ index, type: 'content_block_start', content_block: block });
const delta = (index: number, change: object): string => frame({ index, type: 'content_block_delta', delta: change });
const stop = (index: number): string => frame({ index, type: 'content_block_stop' });
const upstreamStart = frame({ type: 'message_start', message: { id: 'msg_u', type: 'message', role: 'assistant', model: 'm', content: [], container: 'c', usage: { input_tokens: 5, output_tokens: 1, service_tier: 's' } } });
const upstreamEnd = [
  frame({ type: 'message_delta', delta: { stop_reason: 'pause_turn', stop_sequence: null, container: 'c' }, usage: { output_tokens: 7, x: 1 }, context_management: {} }),
  frame({ type: 'message_stop' }),
];

function relayed(payloads: readonly string[], style: MessagesStyle = shown): string[] {
  const decoder = new MessagesStreamDecoder('up');
  const encoder = new MessagesStreamEncoder(style);
  const sent = payloads.map((payload) => encoder.encode([decoder.push(payload)])).join('') + encoder.end();
  return sent.split('\n\n').slice(0, -1).map((each) => each.slice(each.indexOf('data: ') + 6));
}

describe('calls that an upstream gave the same id', () => {
  const idsOf = (frames: readonly Frame[]): unknown[] => frames.flatMap(({ content_block: block }) => (block?.['type'] === 'tool_use' ? [block['id']] : []));

  it('are told apart', () => {
    const twin = (index: number): DialogueEvent[] => [{ type: 'tool-call-start', choice: 0, index, id: 'c', kind: 'function', name: 'f' }, more(index, '{}')];
    expect(idsOf(spoken([start, ...twin(0), ...twin(1), ...twin(2), end]))).toEqual(['c', 'c_2', 'c_3']);
  });

  it('are told apart in frames, too', () => {
    const twin = (index: number): string[] => [opened(index, { type: 'tool_use', id: 'c', name: 'f', input: {} }), delta(index, { type: 'input_json_delta', partial_json: '{}' }), stop(index)];
    const frames = relayed([upstreamStart, ...twin(0), ...twin(1), ...upstreamEnd]).map((each) => JSON.parse(each) as Frame);
    expect(idsOf(frames)).toEqual(['c', 'c_2']);
    expect(told(frames)).toEqual(['0 tool_use', '0 {}', '0 stop', '1 tool_use', '1 {}', '1 stop']);
  });
});

describe('frames of the same protocol', () => {
  // Fields stand in an order that we do not write, so that only what is handed on byte for byte is the same.
  it('are handed on as they are, signatures inside our seal', () => {
    const search = [opened(2, { type: 'server_tool_use', id: 's' }), delta(2, { type: 'input_json_delta', partial_json: '{' }), stop(2)];
    const said = [opened(1, { type: 'text', text: '' }), delta(1, { type: 'text_delta', text: 'x' }), delta(1, { type: 'citations_delta', citation: {} }), stop(1)];
    const used = [opened(3, { type: 'tool_use', id: 'c', name: 'f', input: {}, caller: 1 }), delta(3, { type: 'input_json_delta', partial_json: '{}' }), stop(3)];
    const thought = [opened(0, { type: 'thinking', thinking: '', signature: '' }), delta(0, { type: 'thinking_delta', thinking: 'hm' })];
    const sent = relayed([upstreamStart, ...thought, delta(0, { type: 'signature_delta', signature: 'sig' }), stop(0), ...said, ...search, frame({ type: 'ping' }), ...used, ...upstreamEnd]);
    const written = (value: string): string => frame({ type: 'content_block_stop', index: Number((JSON.parse(value) as Frame).index) });
    const seal = frame({ type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: seals.seal({ text: 'hm', proof }, true) } });
    expect(sent.slice(1, -2)).toEqual([
      ...thought, seal, written(stop(0)), ...said.slice(0, -1), written(stop(1)), ...search.slice(0, -1), written(stop(2)), ...used.slice(0, -1), written(stop(3)),
    ]);
    expect(JSON.parse(sent[0] ?? '')).toMatchObject({ message: { id: 'msg_u', model: 'm', container: 'c', usage: { input_tokens: 5, service_tier: 's' } } });
    expect(JSON.parse(sent.at(-2) ?? '')).toMatchObject({ delta: { stop_reason: 'pause_turn', container: 'c' }, usage: { input_tokens: 5, output_tokens: 7, x: 1 }, context_management: {} });
  });

  it('are put right where they are not in the normal form', () => {
    const sent = relayed([
      upstreamStart, upstreamStart,
      opened(3, { type: 'text', text: 'early ' }), delta(3, { type: 'text_delta', text: 'text' }), delta(3, { type: 'thinking_delta', thinking: 'hm' }), stop(3),
      opened(9, { type: 'redacted_thinking', data: 'd' }), stop(9),
      opened(4, { type: 'server_tool_use', id: 's' }), delta(4, { type: 'x_delta' }), stop(4),
      opened(5, { type: 'tool_use', id: 'c', name: 'f', input: { a: 1 } }), stop(5),
      opened(8, { type: 'text', text: '' }), delta(8, { type: 'text_delta', text: 'z' }), stop(8), ...upstreamEnd,
    ]);
    expect(told(sent.map((each) => JSON.parse(each) as Frame)).map((line) => line.replace(/sealed.*/, 'seal'))).toEqual([
      '0 text', '0 early ', '0 text', '0 stop', '1 thinking', '1 hm', '1 seal', '1 stop', '2 server_tool_use', '2 undefined', '2 stop', '3 tool_use', '3 {"a":1}', '3 stop', '4 text', '4 z', '4 stop',
    ]);
    // What was hidden goes into the seal of the thinking before it, which had none.
    expect(sent.find((each) => each.includes('signature_delta'))).toContain('\\"value\\":\\"d\\"');
    expect(sent.filter((each) => each.includes('message_start'))).toHaveLength(1);
  });

  it('keep their thinking to themselves where it is omitted', () => {
    const sent = relayed([upstreamStart, opened(0, { type: 'thinking', thinking: '', signature: '' }), delta(0, { type: 'thinking_delta', thinking: 'secret' }), delta(0, { type: 'summary_delta', summary: 'secret' }), stop(0), ...upstreamEnd], omitted);
    expect(told(sent.map((each) => JSON.parse(each) as Frame))).toEqual(['0 thinking', `0 ${seals.seal({ text: 'secret' }, false)}`, '0 stop']);
  });
});
