import { describe, expect, it } from 'vitest';
import { plainThinkingSeals as seals } from '../../../tests/doubles/plain-thinking-seals.ts';
import { Fault } from '../../base/fault.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { MessagesVersion } from './message-scene.ts';
import { decodeCountTokensRequest, decodeMessagesRequest } from './request-decode.ts';

const base = { model: 'kimi-k2', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] };

function decode(more: object, version: MessagesVersion = '2023-06-01'): DialogueRequest {
  return decodeMessagesRequest({ ...base, ...more }, { seals, version }).request;
}

function refusal(body: unknown, version: MessagesVersion = '2023-06-01'): { message: string; field: string | undefined } {
  try {
    decodeMessagesRequest(body, { seals, version });
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== 'invalid_request') throw thrown;
    return { message: thrown.message, field: thrown.field };
  }
  throw new Error('it was taken');
}

const user = (content: unknown): object => ({ role: 'user', content });
const assistant = (content: unknown): object => ({ role: 'assistant', content });
const toolUse = (id: string, more: object = {}): object => ({ type: 'tool_use', id, name: 'Bash', input: { command: 'ls' }, ...more });
const result = (id: string, content: unknown = 'ok', more: object = {}): object => ({ type: 'tool_result', tool_use_id: id, content, ...more });
const call = (id: string): object => ({ id, kind: 'function', name: 'Bash', argumentsText: '{"command":"ls"}' });

describe('decodeMessagesRequest', () => {
  it('reads what Claude Code sends (responses-ark-anthropic-batch.md 3.6)', () => {
    const { request, style } = decodeMessagesRequest({
      model: 'kimi-k2',
      max_tokens: 32000,
      stream: true,
      system: [
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli' },
        { type: 'text', text: 'You are', cache_control: { type: 'ephemeral' } },
      ],
      messages: [
        user([{ type: 'text', text: 'do it', cache_control: { type: 'ephemeral' } }]),
        { role: 'system', content: 'note' },
        assistant([{ type: 'thinking', thinking: 'hm', signature: seals.seal({ text: 'hm' }, true) }, { type: 'text', text: 'yes' }, toolUse('a:0')]),
        user([{ ...result('a:0'), is_error: false, cache_control: { type: 'ephemeral' } }]),
      ],
      tools: [{ name: 'Bash', description: 'runs', input_schema: { type: 'object' }, defer_loading: true }, { name: 'DeferredToolPlaceholder', input_schema: { type: 'object' }, defer_loading: true }],
      metadata: { user_id: '{"session_id":"s"}' },
      thinking: { type: 'adaptive', display: 'omitted' },
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
      output_config: { effort: 'high' },
      betas: ['x'],
    }, { seals, version: '2023-06-01' });
    const cached = { extensions: { 'anthropic-messages': { cache_control: { type: 'ephemeral' } } } };
    expect(style.thinkingDisplay).toBe('omitted');
    expect(request).toEqual({
      protocol: 'anthropic-messages',
      model: 'kimi-k2',
      outputTokensMax: 32000,
      stream: true,
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'You are', ...cached }] },
        { role: 'user', content: [{ type: 'text', text: 'do it', ...cached }] },
        { role: 'system', content: 'note' },
        { role: 'assistant', content: 'yes', thinking: 'hm', toolCalls: [call('a:0')] },
        { role: 'tool', toolCallId: 'a:0', content: 'ok', ...cached },
      ],
      tools: [{ kind: 'function', name: 'Bash', description: 'runs', parameters: { type: 'object' }, extensions: { 'anthropic-messages': { defer_loading: true } } }],
      sampling: {},
      thinking: { mode: 'auto', keep: 'all', effort: 'high' },
      cacheKey: '{"session_id":"s"}',
      extensions: { 'anthropic-messages': { betas: ['x'] } },
    });
  });

  it('keeps what it does not know, at every level', () => {
    const request = decode({
      top_k: 5, service_tier: 'auto', metadata: { user_id: 'u', more: 1 }, output_config: { effort: 'low', task_budget: 9 },
      context_management: { edits: [{ type: 'clear_tool_uses_20250919' }, { type: 'clear_thinking_20251015', keep: 'all' }], x: 1 },
      thinking: { type: 'between_tools', y: 1 }, messages: [{ ...user('hi'), z: 1 }],
    });
    expect(request.extensions).toEqual({
      'anthropic-messages': {
        top_k: 5, service_tier: 'auto', metadata: { more: 1 }, output_config: { task_budget: 9 },
        context_management: { edits: [{ type: 'clear_tool_uses_20250919' }], x: 1 }, thinking: { type: 'between_tools', y: 1 },
      },
    });
    expect(request.thinking).toEqual({ mode: 'auto', keep: 'all', effort: 'low' });
    expect(request.messages[0]?.extensions).toEqual({ 'anthropic-messages': { z: 1 } });
  });

  it('reads content of every kind', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
    const stored = { type: 'document', source: { type: 'file', file_id: 'file_1' } };
    const [message] = decode({
      messages: [user([
        image,
        { type: 'image', source: { type: 'url', url: 'https://example.test/a.png' } },
        { type: 'document', title: 'a.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }, citations: { enabled: true } },
        { type: 'document', title: 'notes', source: { type: 'text', media_type: 'text/plain', data: 'word' }, cache_control: { type: 'ephemeral' }, citations: { enabled: true } },
        { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'in' }, image] } },
        { type: 'search_result', title: 'T', source: 'https://example.test', content: [{ type: 'text', text: 'found' }] },
        stored,
        { type: 'document', title: 'ours', source: { type: 'file', file_id: `file_${'0a'.repeat(16)}` }, cache_control: { type: 'ephemeral' }, citations: { enabled: true } },
        { type: 'image', source: { type: 'file', file_id: `file_${'0a'.repeat(16)}` } },
        { type: 'text', text: '' },
      ])],
    }).messages;
    const picture = { type: 'image', url: 'data:image/png;base64,AAAA' };
    expect(message?.content).toEqual([
      picture,
      { type: 'image', url: 'https://example.test/a.png' },
      { type: 'file', url: 'data:application/pdf;base64,AAAA', filename: 'a.pdf', extensions: { 'anthropic-messages': { citations: { enabled: true } } } },
      { type: 'text', text: 'notes\n\nword', extensions: { 'anthropic-messages': { cache_control: { type: 'ephemeral' } } } },
      { type: 'text', text: 'in' },
      picture,
      { type: 'text', text: 'T\n\nhttps://example.test\n\nfound' },
      { type: 'file', url: 'ms://file_1' },
      { type: 'file', url: `ms://file_${'0a'.repeat(16)}`, filename: 'ours', extensions: { 'anthropic-messages': { cache_control: { type: 'ephemeral' } } } },
      { type: 'image', url: `ms://file_${'0a'.repeat(16)}` },
    ]);
  });

  it('reads content of more pieces than a call of a function takes arguments', () => {
    const count = 600_000;
    const found = { type: 'search_result', title: 'T', source: '', content: Array.from({ length: count }, () => '') };
    const document = { type: 'document', source: { type: 'content', content: Array.from({ length: count }, () => ({ type: 'x' })) } };
    expect(decode({ messages: [user([found])] }).messages[0]?.content).toEqual([{ type: 'text', text: 'T' }]);
    expect(decode({ messages: [user([document])] }).messages[0]?.content).toHaveLength(count);
    expect(decode({ messages: [user('a'), assistant([document])] }).messages[1]?.content).toHaveLength(count);
  });

  it('puts results of tools behind the turn that called them, whatever else is said there', () => {
    const reference = { type: 'tool_reference', tool_name: 'x' };
    const { messages } = decode({
      messages: [
        user('go'),
        assistant([toolUse('a')]), assistant([toolUse('b')]),
        { role: 'system', content: 'note' },
        user([{ type: 'text', text: 'first' }, result('b', [reference], { is_error: true })]),
        user([result('a', null)]),
        assistant('done'),
        user('more'),
      ],
    });
    expect(messages).toEqual([
      { role: 'user', content: 'go' },
      { role: 'assistant', toolCalls: [call('a'), call('b')] },
      { role: 'tool', toolCallId: 'b', content: [{ type: 'text', text: 'The tool x is available now.' }], extensions: { 'anthropic-messages': { is_error: true } } },
      { role: 'tool', toolCallId: 'a', content: '' },
      { role: 'system', content: 'note' },
      { role: 'user', content: [{ type: 'text', text: 'first' }] },
      { role: 'assistant', content: 'done' },
      { role: 'user', content: 'more' },
    ]);
  });

  it('marks a last message of the assistant as one to go on from, and leaves others apart', () => {
    expect(decode({ messages: [user('a'), assistant('b'), assistant('{')] }).messages).toEqual([
      { role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, { role: 'assistant', content: '{', partial: true },
    ]);
  });

  it.each([
    [{ type: 'auto' }, { type: 'auto' }, undefined],
    [{ type: 'any', disable_parallel_tool_use: true }, { type: 'required' }, false],
    [{ type: 'tool', name: 'Bash', disable_parallel_tool_use: false }, { type: 'named', name: 'Bash' }, true],
    [{ type: 'none' }, { type: 'none' }, undefined],
  ])('reads tool_choice %j', (choice, expected, parallel) => {
    const request = decode({ tools: [{ type: 'custom', name: 'Bash', input_schema: {} }, { type: 'web_search_20250305', name: 'web_search' }], tool_choice: choice });
    expect(request.toolChoice).toEqual(expected);
    expect(request.parallelToolCalls).toBe(parallel);
    expect(request.tools?.[1]).toEqual({ kind: 'opaque', protocol: 'anthropic-messages', value: { type: 'web_search_20250305', name: 'web_search' } });
  });

  it('reads thinking, sampling and format', () => {
    const schema = { type: 'object' };
    const format = { type: 'json-schema', name: 'output', schema, strict: true };
    expect(decode({ thinking: { type: 'enabled', budget_tokens: 2000 }, temperature: 0, top_p: 0.5, stop_sequences: ['x'], output_config: { format: { type: 'json_schema', schema } } })).toMatchObject({
      thinking: { mode: 'on', tokensMax: 2000 }, sampling: { temperature: 0, topP: 0.5, stop: ['x'] }, outputFormat: format,
    });
    expect(decode({ thinking: { type: 'disabled' }, output_format: { type: 'json_schema', schema } })).toMatchObject({ thinking: { mode: 'off' }, outputFormat: format });
  });

  it('counts without max_tokens', () => {
    const { max_tokens: _limit, ...rest } = base;
    expect(decodeCountTokensRequest({ ...rest, stream: true }, { seals, version: '2023-06-01' })).toEqual({
      protocol: 'anthropic-messages', model: 'kimi-k2', messages: [{ role: 'user', content: 'hi' }], sampling: {}, stream: false,
    });
  });
});

describe('custody of thinking', () => {
  const proof: ThinkingProof = { protocol: 'anthropic-messages', upstreamId: 'up', value: 'sig' };
  const turn = (...blocks: object[]): unknown => decode({ messages: [user('a'), assistant([...blocks, { type: 'text', text: 'b' }]), user('c')] }).messages[1];

  it('takes back what it has sealed, shown, omitted and hidden', () => {
    expect(turn({ type: 'thinking', thinking: 'hm', signature: seals.seal({ text: 'hm', proof }, true) })).toEqual({ role: 'assistant', content: 'b', thinking: 'hm', thinkingProof: proof });
    expect(turn({ type: 'thinking', thinking: '', signature: seals.seal({ text: 'hm', proof }, false) })).toEqual({ role: 'assistant', content: 'b', thinking: 'hm', thinkingProof: proof });
    const hidden: ThinkingProof = { ...proof, hidden: true };
    expect(turn({ type: 'redacted_thinking', data: seals.seal({ text: '', proof: hidden }, false) })).toEqual({ role: 'assistant', content: 'b', thinking: '', thinkingProof: hidden });
  });

  it('takes thinking without a signature for the caller\'s own word', () => {
    expect(turn({ type: 'thinking', thinking: 'one', signature: '' }, { type: 'thinking', thinking: 'two' })).toEqual({ role: 'assistant', content: 'b', thinking: 'one\ntwo' });
  });

  it('keeps what another protocol has proved bit by bit, if no bit is missing', () => {
    const proved = (value: string): ThinkingProof => ({ protocol: 'openai-responses', upstreamId: 'up', value });
    const block = (text: string, value: string) => ({ type: 'thinking', thinking: text, signature: seals.seal({ text, proof: proved(value) }, true) });
    const turn = (...blocks: unknown[]) => decode({ messages: [user('a'), assistant([...blocks, { type: 'text', text: 'b' }]), user('c')] }).messages[1];
    expect(turn(block('one', 'x'), block('two', 'x\ny'))).toMatchObject({ thinking: 'one\ntwo', thinkingProof: proved('x\ny') });
    expect(turn(block('one', 'x'), { type: 'thinking', thinking: 'two' })).not.toHaveProperty('thinkingProof');
  });

  it('drops a proof that vouches for a part only, and keeps one for all', () => {
    const seal = (text: string, value: string): string => seals.seal({ text, proof: { ...proof, value } }, true);
    const one = { type: 'thinking', thinking: 'one', signature: seal('one', 's1') };
    const all = JSON.stringify([{ type: 'thinking', thinking: 'one', signature: 's1' }, { type: 'thinking', thinking: 'two', signature: 's2' }]);
    expect(turn(one, { type: 'thinking', thinking: 'two', signature: seal('two', 's2') })).toEqual({ role: 'assistant', content: 'b', thinking: 'one\ntwo' });
    expect(turn(one, { type: 'thinking', thinking: 'two', signature: seal('two', all) })).toMatchObject({ thinking: 'one\ntwo', thinkingProof: { value: all } });
  });

  it('refuses a foreign signature, and one for another text', () => {
    const body = (block: object): object => ({ ...base, messages: [user('a'), assistant([block])] });
    const wrong = { message: expect.stringMatching(/^messages\.1\.content\.0: Invalid `signature` in `thinking` block\. /), field: 'messages.1.content.0' };
    expect(refusal(body({ type: 'thinking', thinking: 'hm', signature: 'EqQB' }))).toEqual(wrong);
    expect(refusal(body({ type: 'thinking', thinking: 'other', signature: seals.seal({ text: 'hm' }, true) }))).toEqual(wrong);
    expect(refusal(body({ type: 'redacted_thinking', data: 'EqQB' })).message).toBe('messages.1.content.0: Invalid `data` in `redacted_thinking` block');
  });
});

describe('refusals, in Anthropic\'s words', () => {
  const { max_tokens: _limit, ...unlimited } = base;
  it.each([
    [unlimited, 'max_tokens: Field required'],
    [{ ...base, max_tokens: 0 }, 'max_tokens: Input should be greater than or equal to 1'],
    [{ ...base, max_tokens: 'x' }, 'max_tokens: Input should be a valid integer'],
    [{ ...base, max_tokens: 1.5 }, 'max_tokens: Input should be a valid integer'],
    [{ ...base, temperature: 'x' }, 'temperature: Input should be a valid number'],
    [{ ...base, stream: 1 }, 'stream: Input should be a valid boolean'],
    [{ ...base, model: undefined }, 'model: Field required'],
    [{ ...base, messages: [] }, 'messages: at least one message is required'],
    [{ ...base, messages: [{ role: 'tool', content: '' }] }, "messages.0.role: Input should be 'user', 'assistant' or 'system'"],
    [{ ...base, messages: [{ role: 'user' }] }, 'messages.0.content: Field required'],
    [{ ...base, messages: [user([{ text: 'x' }])] }, 'messages.0.content.0.type: Field required'],
    [{ ...base, messages: [user('')] }, 'messages.0: user messages must have non-empty content'],
    [{ ...base, messages: [user([{ type: 'text', text: '' }])] }, 'messages.0: user messages must have non-empty content'],
    [{ ...base, messages: [assistant([])] }, 'messages: at least one message is required'],
    [{ ...base, messages: [user([{ type: 'text' }])] }, 'messages.0.content.0.text.text: Field required'],
    [{ ...base, messages: [user([{ type: 'image' }])] }, 'messages.0.content.0.image.source: Field required'],
    [{ ...base, temperature: 2 }, 'temperature: Input should be less than or equal to 1'],
    [{ ...base, thinking: { type: 'maybe' } }, "thinking.type: Input should be 'enabled', 'adaptive', 'between_tools' or 'disabled'"],
    [{ ...base, tools: [{ name: 'a b', input_schema: {} }] }, "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"],
    [{ ...base, tools: [{ name: 'a' }] }, 'tools.0.custom.input_schema: Field required'],
    [{ ...base, tools: [{ name: 'a', input_schema: {} }, { name: 'a', input_schema: {} }] }, 'tools: Tool names must be unique.'],
    [{ ...base, tool_choice: { type: 'any' } }, 'tool_choice: tool_choice may only be specified while providing tools.'],
    [{ ...base, tool_choice: { type: 'tool', name: 'a' } }, "tool_choice: Tool 'a' not found in provided tools"],
    [{ ...base, output_config: { format: { type: 'xml' } } }, "output_config.format.type: Input should be 'json_schema'"],
    [[], 'Input should be a valid dictionary'],
    [null, 'Input should be a valid dictionary'],
  ])('%j', (body, message) => {
    expect(refusal(body).message).toBe(message);
  });

  it('of results without a call, and calls without a result', () => {
    const at = (...messages: object[]): string => refusal({ ...base, messages: [user('a'), ...messages] }).message;
    expect(at(assistant('b'), user([result('X')]))).toBe(
      'messages.2.content.0.tool_use_id: unexpected `tool_use_id` found in `tool_result` blocks: X. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.',
    );
    const missing = 'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: B. Each `tool_use` block must have a corresponding `tool_result` block in the next message.';
    expect(at(assistant([toolUse('A'), toolUse('B')]), user([result('A')]), assistant('c'))).toBe(missing);
    expect(at(assistant([toolUse('A'), toolUse('B')]), user([result('A')]))).toBe(missing);
    expect(at(assistant([toolUse('A'), toolUse('A')]))).toBe('messages.1.content.1: `tool_use` ids must be unique');
    expect(at(assistant([toolUse('A')]), user([result('A'), result('A')]))).toContain('each tool_use must have a single result');
    // A result of a call of long ago is none of this turn's.
    expect(at(assistant([toolUse('A')]), user([result('A')]), assistant('c'), user([result('A')]))).toContain('unexpected `tool_use_id`');
  });

  it('of a result that is neither a text nor a list', () => {
    for (const content of [5, true, { type: 'text', text: 'x' }]) {
      expect(refusal({ ...base, messages: [user('a'), assistant([toolUse('A')]), user([result('A', content)])] }).message).toBe(
        'messages.2.content.0.tool_result.content: Input should be a valid string or a valid list',
      );
    }
  });

  it('keeps no threads, neither new ones nor old', () => {
    for (const thread of [{ type: 'create' }, { type: 'continue', previous_message_id: 'msg_1' }]) expect(refusal({ ...base, thread }).field).toBe('thread');
    expect(decode({ thread: null }).messages).toHaveLength(1);
  });

  it('of what the version 2026-10-21 no longer has', () => {
    const late = '2026-10-21';
    for (const field of ['temperature', 'top_p', 'top_k']) expect(refusal({ ...base, [field]: 1 }, late).field).toBe(field);
    const cited = { type: 'text', text: 'x', citations: [{ type: 'char_location' }] };
    const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } };
    expect(refusal({ ...base, messages: [user([cited])] }, late).field).toBe('messages.0.content.0.text.citations');
    expect(refusal({ ...base, messages: [user('a'), assistant([document])] }, late).field).toBe('messages.1.content.0');
    expect(decode({ messages: [user([{ ...cited, citations: [] }]), assistant([{ type: 'text', text: 'b', citations: [1] }])] }, late).messages).toHaveLength(2);
    expect(decode({ temperature: 1, messages: [user([cited]), assistant([document])] }).sampling).toEqual({ temperature: 1 });
  });
});
