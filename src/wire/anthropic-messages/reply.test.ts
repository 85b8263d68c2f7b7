import { describe, expect, it } from 'vitest';
import { plainThinkingSeals as seals } from '../../../tests/doubles/plain-thinking-seals.ts';
import type { DialogueReply, ReplyChoice } from '../../dialogue/reply.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import { decodeMessagesReply } from './reply-decode.ts';
import { encodeMessagesReply } from './reply-encode.ts';

const shown = { thinkingDisplay: 'shown', seals } as const;
const proof: ThinkingProof = { protocol: 'anthropic-messages', upstreamId: 'up', value: 'sig' };

function replyOf(choice: Partial<ReplyChoice>, more: Partial<DialogueReply> = {}): DialogueReply {
  return { id: 'chatcmpl-9', model: 'kimi', createdS: 1, choices: [{ toolCalls: [], finish: { reason: 'stop' }, ...choice }], ...more };
}

describe('encodeMessagesReply', () => {
  it('writes thinking, then text, then calls', () => {
    const reply = replyOf(
      { text: 'hi', thinking: 'hm', thinkingProof: proof, toolCalls: [{ id: 'functions.f:0', kind: 'function', name: 'f', argumentsText: '{"n": 12345678901234567890}' }], finish: { reason: 'tool-calls' } },
      { usage: { inputUncached: 5, cacheRead: 3, cacheWrite: 2, cacheWrite1h: 1, output: 9, reasoning: 4, estimated: false } },
    );
    const body = encodeMessagesReply(reply, shown);
    expect(JSON.parse(JSON.stringify({ ...body, content: null }))).toEqual({
      id: 'msg_9', type: 'message', role: 'assistant', model: 'kimi', content: null, stop_reason: 'tool_use', stop_sequence: null,
      usage: {
        input_tokens: 5, cache_read_input_tokens: 3, cache_creation_input_tokens: 2, cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 1 },
        output_tokens: 9, output_tokens_details: { thinking_tokens: 4 },
      },
    });
    expect(JSON.stringify(body['content'])).toBe(
      `[{"type":"thinking","thinking":"hm","signature":${JSON.stringify(seals.seal({ text: 'hm', proof }, true))}},{"type":"text","text":"hi"},` +
        '{"type":"tool_use","id":"functions.f:0","name":"f","input":{"n":12345678901234567890}}]',
    );
  });

  it('tells calls apart that an upstream gave the same id, also in a copy of what came', () => {
    const twin = { id: 'c', kind: 'function', name: 'f', argumentsText: '{}' } as const;
    const idsOf = (reply: DialogueReply): unknown[] => (encodeMessagesReply(reply, shown)['content'] as { id: string }[]).map(({ id }) => id);
    expect(idsOf(replyOf({ toolCalls: [twin, twin] }))).toEqual(['c', 'c_2']);
    const block = { type: 'tool_use', id: 'c', name: 'f', input: {} };
    expect(idsOf(decodeMessagesReply({ id: 'msg_1', model: 'k', content: [block, block] }, 'up'))).toEqual(['c', 'c_2']);
  });

  it('omits thinking, hides hidden thinking, and tells a refusal', () => {
    expect(encodeMessagesReply(replyOf({ thinking: 'hm' }), { thinkingDisplay: 'omitted', seals })['content']).toEqual([{ type: 'thinking', thinking: '', signature: seals.seal({ text: 'hm' }, false) }]);
    const hidden: ThinkingProof = { ...proof, hidden: true };
    expect(encodeMessagesReply(replyOf({ thinkingProof: hidden }), shown)['content']).toEqual([{ type: 'redacted_thinking', data: seals.seal({ text: '', proof: hidden }, false) }]);
    expect(encodeMessagesReply(replyOf({ refusal: 'no' }), shown)).toMatchObject({ content: [{ type: 'text', text: 'no' }], stop_reason: 'refusal' });
    expect(encodeMessagesReply(replyOf({ text: 'x' }), shown)['content']).toEqual([{ type: 'text', text: 'x' }]);
  });

  it.each<[ReplyChoice['finish'], string, string | null]>([
    [{ reason: 'stop' }, 'end_turn', null], [{ reason: 'length' }, 'max_tokens', null], [{ reason: 'content-filter' }, 'refusal', null], [{ reason: 'stop', stopSequence: 'END' }, 'stop_sequence', 'END'],
    [{ reason: 'other', raw: 'pause_turn' }, 'pause_turn', null], [{ reason: 'other', raw: 'eos' }, 'end_turn', null], [{ reason: 'error', raw: 'repeat' }, 'repeat', null],
    [{ reason: 'length', raw: 'model_context_window_exceeded' }, 'model_context_window_exceeded', null],
  ])('says %j', (finish, reason, sequence) => {
    expect(encodeMessagesReply(replyOf({ finish }), shown)).toMatchObject({ stop_reason: reason, stop_sequence: sequence });
  });

  it('loses no arguments that are no object', () => {
    const back = (argumentsText: string): unknown => {
      const body = encodeMessagesReply(replyOf({ toolCalls: [{ id: 'c', kind: 'function', name: 'f', argumentsText }] }), shown);
      return decodeMessagesReply(JSON.parse(JSON.stringify(body)), 'up').choices[0]?.toolCalls[0]?.argumentsText;
    };
    for (const written of ['{"a": "1', '[1]', 'null', '"x"', '{"INVALID_JSON":1}', '{"INVALID_JSON":"{}"}']) expect(back(written)).toBe(written);
    const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
    for (const levels of [40, 60, 20_000]) expect(back(nested(levels))).toBe(nested(levels));
    expect(back('')).toBe('{}');
  });
});

describe('a reply by the same protocol', () => {
  const value = {
    id: 'msg_u', type: 'message', role: 'assistant', model: 'k', container: { id: 'c' }, stop_reason: 'tool_use', stop_sequence: null,
    content: [
      { type: 'thinking', thinking: 'one', signature: 's1' }, { type: 'text', text: 'a', citations: [] }, { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
      { type: 'thinking', thinking: 'two', signature: 's2' }, { type: 'tool_use', id: 'c', name: 'f', input: { a: 1 }, caller: { type: 'direct' } }, { type: 'redacted_thinking', data: 'd' }, { type: 'text', text: 'b' },
    ],
    usage: { input_tokens: 5, output_tokens: 9, service_tier: 'standard', server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 } },
  };

  it('is read, with all of its thinking proved', () => {
    const thought = [value.content[0], value.content[3], value.content[5]];
    expect(decodeMessagesReply(value, 'up', 3)).toEqual({
      id: 'msg_u', model: 'k', createdS: 3, source: { protocol: 'anthropic-messages', value },
      usage: { inputUncached: 5, cacheRead: 0, cacheWrite: 0, output: 9, webSearches: 2, estimated: false },
      choices: [{
        text: 'ab', thinking: 'onetwo', thinkingProof: { protocol: 'anthropic-messages', upstreamId: 'up', value: JSON.stringify(thought) },
        toolCalls: [{ id: 'c', kind: 'function', name: 'f', argumentsText: '{"a":1}' }], finish: { reason: 'tool-calls' },
      }],
    });
  });

  it('keeps its blocks in their order and what we do not know, with signatures of ours', () => {
    const body = encodeMessagesReply(decodeMessagesReply(value, 'up'), shown);
    const sealed = (text: string, upTo: number): string => {
      const thought = [value.content[0], value.content[3], value.content[5]].slice(0, upTo);
      return seals.seal({ text, proof: { protocol: 'anthropic-messages', upstreamId: 'up', value: upTo === 1 ? 's1' : JSON.stringify(thought) } }, true);
    };
    expect(body).toMatchObject({ id: 'msg_u', container: { id: 'c' }, usage: { service_tier: 'standard', server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 } } });
    expect(body['content']).toEqual([
      { type: 'thinking', thinking: 'one', signature: sealed('one', 1) }, value.content[1], value.content[2],
      { type: 'thinking', thinking: 'two', signature: sealed('two', 2) }, value.content[4], { type: 'thinking', thinking: '', signature: sealed('', 3) }, value.content[6],
    ]);
  });

  it('is refused when it is an error or has no content', () => {
    expect(() => decodeMessagesReply({ type: 'error', error: { type: 'overloaded_error', message: 'x' } }, 'up')).toThrow(expect.objectContaining({ code: 'upstream_overloaded' }));
    for (const bad of [{}, { content: 'x' }, { content: ['x'] }]) expect(() => decodeMessagesReply(bad, 'up')).toThrow(expect.objectContaining({ code: 'upstream_invalid_reply' }));
    expect(decodeMessagesReply({ content: [], usage: { input_tokens: 1.5, output_tokens: 1 } }, 'up')).toMatchObject({ usageRejected: true });
  });
});
