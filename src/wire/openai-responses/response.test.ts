import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { encodeResponsesError, encodeSocketError } from './error-encode.ts';
import { encodeResponse } from './reply-encode.ts';
import { parseConversationItems } from './conversation-items.ts';
import { interruptedResponse, terminalEvent } from './interrupted-response.ts';
import { compactionObject, itemPage } from './response-lists.ts';
import { sampleStyle } from './sample-style.ts';
import { shownResponse } from './shown-item.ts';
import { ResponsesStreamEncoder } from './stream-encode.ts';

const usage = { inputUncached: 10, cacheRead: 5, cacheWrite: 1, output: 7, estimated: false };
const reply = {
  id: 'up', model: 'm', createdS: 1,
  choices: [{ thinking: 'hm', text: 'yes', toolCalls: [], finish: { reason: 'stop' as const } }],
};

describe('the response object', () => {
  it('has every key that Open Responses demands, in its types', () => {
    const { response } = encodeResponse(reply, usage, sampleStyle({ tools: [{ type: 'function', name: 'f' }] }));
    expect(response).toEqual({
      id: 'resp_1', object: 'response', created_at: 1000, completed_at: 1007, status: 'completed', error: null, incomplete_details: null, model: 'kimi-k2',
      output: [
        { id: 'rs_1', type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }], content: [{ type: 'reasoning_text', text: 'hm' }] },
        { id: 'msg_2', type: 'message', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: 'yes', annotations: [], logprobs: [] }] },
      ],
      usage: { input_tokens: 16, input_tokens_details: { cached_tokens: 5, cache_write_tokens: 1 }, output_tokens: 7, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 23 },
      background: false, instructions: null, max_output_tokens: null, max_tool_calls: null, metadata: {}, parallel_tool_calls: true, previous_response_id: null, prompt_cache_key: null,
      reasoning: { effort: null, summary: null }, safety_identifier: null, service_tier: 'default', store: true, temperature: 1, top_p: 1, presence_penalty: 0, frequency_penalty: 0, top_logprobs: 0,
      text: { format: { type: 'text' } }, tool_choice: 'auto', tools: [{ type: 'function', name: 'f', description: null, parameters: null, strict: null }], truncation: 'disabled', user: null, access_programs: null,
    });
  });

  it('repeats what was asked', () => {
    const body = {
      instructions: 'be', metadata: { a: 'b' }, reasoning: { effort: 'low', summary: 'auto' }, text: { format: { type: 'json_object' }, verbosity: 'low' }, conversation: 'conv_1', service_tier: 'auto',
      tool_choice: { type: 'function', name: 'f' }, tools: [{ type: 'function', name: 'f', parameters: {}, strict: true, description: 'd' }], temperature: 0, max_tool_calls: 3,
    };
    expect(encodeResponse(reply, undefined, sampleStyle(body)).response).toMatchObject({ ...body, conversation: { id: 'conv_1' }, service_tier: 'default', usage: null });
  });

  it("has Ark's fields for Ark, and none that Ark lacks", () => {
    const { response } = encodeResponse(reply, usage, sampleStyle({ caching: { type: 'enabled' }, thinking: { type: 'enabled' }, expire_at: 5, tools: [{ type: 'function', name: 'f', strict: true }] }, {}, 'ark'));
    expect(response).toMatchObject({ caching: { type: 'enabled' }, thinking: { type: 'enabled' }, expire_at: 5, top_p: 0.7, tools: [{ type: 'function', name: 'f', description: null, parameters: null }] });
    for (const key of ['background', 'metadata', 'truncation', 'user', 'completed_at', 'presence_penalty', 'access_programs']) expect(response).not.toHaveProperty(key);
  });

  it('shows sealed reasoning only where it was asked for', () => {
    const proof = { protocol: 'anthropic-messages', upstreamId: 'u', value: 'v' } as const;
    const sealed = { ...reply, choices: [{ ...reply.choices[0], thinkingProof: proof, toolCalls: [], finish: { reason: 'stop' as const } }] };
    const plain = encodeResponse(sealed, usage, sampleStyle());
    expect(JSON.stringify(plain.response)).not.toContain('encrypted_content');
    expect(JSON.stringify(plain.stored)).toContain('encrypted_content');
    expect(shownResponse(plain.stored, false)).toEqual(plain.response);
    expect(JSON.stringify(encodeResponse(reply, usage, sampleStyle({ include: ['reasoning.encrypted_content'] })).response)).toContain('encrypted_content');
  });
});

describe('the stream', () => {
  it('writes a delta as one event, padded where that was asked for', () => {
    const encoder = new ResponsesStreamEncoder(sampleStyle({}, { obfuscate: (delta) => 'x'.repeat(16 - delta.length) }));
    encoder.encode([{ events: [{ type: 'text-delta', choice: 0, text: 'a' }] }]);
    expect(encoder.encode([{ events: [{ type: 'text-delta', choice: 0, text: 'b\n' }] }])).toBe(
      'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"b\\n","obfuscation":"xxxxxxxxxxxxxx","logprobs":[]}\n\n',
    );
  });

  it('ends a failed stream with the error in both forms, the response, and the end mark', () => {
    const encoder = new ResponsesStreamEncoder(sampleStyle());
    encoder.encode([]);
    const frames = encoder.fail(new Fault('prompt_too_long', { message: 'too long', field: 'input' })).split('\n\n');
    expect(frames[0]).toBe('event: error\ndata: {"type":"error","sequence_number":2,"code":"context_length_exceeded","message":"too long","param":"input","error":{"message":"too long","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}');
    expect(frames[1]).toContain('event: response.failed\ndata: {"type":"response.failed","sequence_number":3,"response":{"id":"resp_1"');
    expect(frames[1]).toContain('"status":"failed","error":{"code":"context_length_exceeded","message":"too long"}');
    expect(frames.slice(2)).toEqual(['data: [DONE]', '']);
    expect(encoder.finish(undefined)).toBe('');
  });

  it('ends a cancelled one as it says', () => {
    const encoder = new ResponsesStreamEncoder(sampleStyle());
    encoder.encode([{ events: [{ type: 'text-delta', choice: 0, text: 'a' }] }]);
    expect(encoder.cancel(usage)).toContain('event: response.incomplete\n');
    expect(encoder.storedResponse()).toMatchObject({ status: 'cancelled', output: [{ status: 'incomplete' }] });
  });

  it('can be told when it was left off', () => {
    const encoder = new ResponsesStreamEncoder(sampleStyle());
    encoder.encode([{ events: [{ type: 'thinking-delta', choice: 0, text: 'a' }] }]);
    const interrupted = interruptedResponse(encoder.storedResponse());
    expect(interrupted).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'interrupted' }, output: [{ type: 'reasoning', status: 'incomplete', summary: [{ text: 'a' }] }] });
    expect(terminalEvent(interrupted, 9)).toEqual({ type: 'response.incomplete', json: JSON.stringify({ type: 'response.incomplete', sequence_number: 9, response: interrupted }) });
    expect(terminalEvent({ status: 'failed' }, 1).type).toBe('response.failed');
  });

  it('knows no queue and no refusal at Ark', () => {
    const encoder = new ResponsesStreamEncoder(sampleStyle({}, {}, 'ark'));
    const sent = encoder.open('queued') + encoder.encode([{ events: [{ type: 'refusal-delta', choice: 0, text: 'no' }] }]) + encoder.finish(usage);
    expect(sent).not.toMatch(/queued|refusal/);
    expect(sent).toContain('"delta":"no"');
  });
});

describe('errors', () => {
  it.each([
    [new Fault('invalid_request', { message: "Invalid value: 'x'. Supported values are: 'y'.", field: 'input.3.type' }), 400, { message: "Invalid value: 'x'. Supported values are: 'y'.", type: 'invalid_request_error', param: 'input[3].type', code: 'invalid_value' }],
    [new Fault('invalid_request', { message: 'odd' }), 400, { message: 'odd', type: 'invalid_request_error', param: null, code: null }],
    [new Fault('invalid_request', { message: "Invalid 'input': array too long. Expected" }), 400, expect.objectContaining({ code: 'array_above_max_length' })],
    [new Fault('invalid_request', { message: 'The encrypted content could not be verified.' }), 400, expect.objectContaining({ code: 'invalid_encrypted_content' })],
    [new Fault('not_found', { message: "Previous response with id 'resp_1' not found.", field: 'previous_response_id' }), 404, expect.objectContaining({ code: 'previous_response_not_found' })],
    [new Fault('model_not_found'), 404, expect.objectContaining({ type: 'invalid_request_error', code: 'model_not_found' })],
    [new Fault('quota_exceeded'), 429, expect.objectContaining({ type: 'insufficient_quota', code: 'insufficient_quota' })],
    [new Fault('rate_limited', { metLimit: { kind: 'tpm', limit: 1, current: 1, requested: 1 } }), 429, expect.objectContaining({ type: 'tokens', code: 'rate_limit_exceeded' })],
    [new Fault('upstream_failed'), 502, expect.objectContaining({ type: 'server_error', code: 'server_error' })],
  ])('writes %s', (fault, status, error) => {
    expect(encodeResponsesError(fault)).toMatchObject({ status, body: { error } });
    expect(encodeSocketError(fault)).toEqual({ type: 'error', status, error });
  });

  it('says when to come back', () => {
    expect(encodeResponsesError(new Fault('rate_limited', { retryAfterMs: 1500 })).headers).toEqual({ 'retry-after': '2', 'retry-after-ms': '1500' });
  });
});

describe('lists', () => {
  it('takes 20 items for a conversation and no more', () => {
    const items = Array.from({ length: 21 }, () => ({ role: 'user', content: 'x' }));
    expect(parseConversationItems({ items: items.slice(1) }, true)).toHaveLength(20);
    expect(() => parseConversationItems({ items }, true)).toThrow("Invalid 'items': array too long. Expected an array with maximum length 20");
    expect(() => parseConversationItems({ items: [{ type: 'x' }] }, true)).toThrow("Invalid value: 'x'.");
    expect(parseConversationItems({}, false)).toEqual([]);
    expect(() => parseConversationItems({}, true)).toThrow("Missing required parameter: 'items'.");
  });

  it('writes a page with its ends', () => {
    expect(itemPage([{ id: 'a' }, { id: 'b' }], true)).toEqual({ object: 'list', data: [{ id: 'a' }, { id: 'b' }], first_id: 'a', last_id: 'b', has_more: true });
    expect(itemPage([], false)).toMatchObject({ first_id: null, last_id: null });
  });

  it('writes a compaction', () => {
    expect(compactionObject('cmp_1', 5, [], undefined)).toEqual({ id: 'cmp_1', object: 'response.compaction', created_at: 5, output: [], usage: null });
  });
});
