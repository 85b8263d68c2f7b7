import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { countMessages } from './history-decode.ts';
import { normaliseInput, referencedIds } from './input-items.ts';
import { responsesRequestOf } from './request-decode.ts';
import type { ResponsesVendor } from './responses-fault.ts';
import { parseResponsesBody } from './responses-request-schema.ts';
import { sampleIds, sampleSeals } from './sample-style.ts';

function decode(body: object, history: readonly JsonObject[] = [], vendor: ResponsesVendor = 'openai'): DialogueRequest {
  const parsed = parseResponsesBody({ model: 'kimi-k2', input: 'hi', ...body }, vendor);
  return responsesRequestOf(parsed, history, normaliseInput(parsed, sampleIds()), { seals: sampleSeals });
}

function refusal(body: object, history: readonly JsonObject[] = []): { field: string | undefined; message: string } {
  try {
    decode(body, history);
  } catch (error) {
    if (error instanceof Fault) return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error('not refused');
}

const fn = (name: string): object => ({ type: 'function', name, parameters: { type: 'object' }, strict: true });
const call = (id: string, name = 'f'): JsonObject => ({ type: 'function_call', call_id: id, name, arguments: '{}' });
const output = (id: string, said = 'r'): JsonObject => ({ type: 'function_call_output', call_id: id, output: said });
const reasoning = (text: string): JsonObject => ({ type: 'reasoning', summary: [{ type: 'summary_text', text }] });

describe('responsesRequestOf', () => {
  it('reads a plain request', () => {
    expect(
      decode({
        instructions: 'be brief', temperature: 0.5, top_p: 0.9, max_output_tokens: 100, prompt_cache_key: 'k', parallel_tool_calls: false, stream: true, reasoning: { effort: 'high', summary: 'auto' },
        text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true } }, metadata: { a: 'b' }, store: false, truncation: 'auto', user: null,
      }),
    ).toEqual({
      protocol: 'openai-responses', model: 'kimi-k2', messages: [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'hi' }], parallelToolCalls: false,
      sampling: { temperature: 0.5, topP: 0.9 }, thinking: { effort: 'high' }, outputFormat: { type: 'json-schema', name: 'n', schema: { type: 'object' }, strict: true },
      outputTokensMax: 100, cacheKey: 'k', stream: true,
    });
  });

  it('keeps what it does not understand, at every level', () => {
    expect(decode({ service_tier: 'flex', top_logprobs: 3, reasoning: { effort: 'none', context: 'all' }, text: { verbosity: 'low', format: { type: 'text', x: 1 } } })).toMatchObject({
      thinking: { mode: 'off' }, outputFormat: { type: 'text' },
      extensions: { 'openai-responses': { service_tier: 'flex', top_logprobs: 3, reasoning: { context: 'all' }, text: { verbosity: 'low', format: { x: 1 } } } },
    });
  });

  it("takes Ark's switch for thinking", () => {
    expect(decode({ thinking: { type: 'disabled' } }, [], 'ark').thinking).toEqual({ mode: 'off' });
    expect(decode({ thinking: { type: 'enabled' }, reasoning: { effort: 'low' } }, [], 'ark').thinking).toEqual({ mode: 'on', effort: 'low' });
  });

  it('makes one message of reasoning, text and calls, with the results behind it', () => {
    const input = [
      { role: 'user', content: 'go' }, reasoning('hm'), { role: 'assistant', content: 'on it' }, call('a'), call('b'), output('b', 'rb'), { role: 'user', content: 'and?' }, output('a', 'ra'),
      reasoning('so'), { role: 'assistant', content: 'done' },
    ];
    expect(decode({ input }).messages).toEqual([
      { role: 'user', content: 'go' },
      {
        role: 'assistant', content: 'on it', thinking: 'hm',
        toolCalls: [{ id: 'a', kind: 'function', name: 'f', argumentsText: '{}' }, { id: 'b', kind: 'function', name: 'f', argumentsText: '{}' }],
      },
      { role: 'tool', toolCallId: 'b', content: 'rb' },
      { role: 'tool', toolCallId: 'a', content: 'ra' },
      { role: 'user', content: 'and?' },
      { role: 'assistant', content: 'done', thinking: 'so' },
    ]);
  });

  it('keeps turns of thinking between calls apart, and each with its results', () => {
    const input = [reasoning('1'), call('a'), reasoning('2'), call('b'), output('a'), output('b')];
    expect(decode({ input }).messages.map((message) => (message.role === 'assistant' ? message.thinking : message.role))).toEqual(['1', 'tool', '2', 'tool']);
  });

  it('lets a later turn use the id of an earlier call again', () => {
    const turn = [call('functions.f:0'), output('functions.f:0')];
    expect(decode({ input: [...turn, ...turn] }).messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'assistant', 'tool']);
  });

  it('goes on from earlier turns', () => {
    const history = [{ id: 'msg_1', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'go' }] }, call('a')];
    expect(decode({ input: [output('a')] }, history).messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    expect(refusal({}, history)).toEqual({ field: 'input', message: 'No tool output found for function call a.' });
  });

  it('refuses results without calls and calls without results', () => {
    expect(refusal({ input: [output('x')] })).toEqual({ field: 'input.0.call_id', message: 'No tool call found for function call output with call_id x.' });
    expect(refusal({ input: [call('x')] })).toEqual({ field: 'input', message: 'No tool output found for function call x.' });
    expect(refusal({ input: [call('x'), call('x')] }).field).toBe('input.1.call_id');
  });

  it('counts the messages of a beginning, whose last call may be answered behind it, without what was cut off', () => {
    const asked = { type: 'message', role: 'user', content: 'go' };
    expect(countMessages([asked, call('a')], sampleSeals)).toBe(2);
    expect(countMessages([asked, { ...call('a'), status: 'incomplete' }], sampleSeals)).toBe(1);
    expect(countMessages([asked, call('a'), { type: 'function_call_output', call_id: 'a', output: 'x' }], sampleSeals)).toBe(3);
  });

  it('forgets a call that was cut off in an earlier turn, unless it has a result', () => {
    const history = [{ type: 'message', role: 'user', content: 'go' }, { ...call('a'), status: 'incomplete' }];
    expect(decode({}, history).messages.map(({ role }) => role)).toEqual(['user', 'user']);
    expect(decode({ input: [output('a')] }, history).messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    const spoken = [{ type: 'message', role: 'assistant', content: 'x' }, { ...call('a'), status: 'incomplete' }];
    expect(decode({}, spoken).messages[0]).toEqual({ role: 'assistant', content: 'x' });
  });

  it('opens sealed reasoning, whatever stands beside it', () => {
    const proof = { protocol: 'openai-chat', upstreamId: 'u', value: 'v' } as const;
    const sealed = { ...reasoning('changed'), encrypted_content: sampleSeals.seal({ text: 'thought', proof }, false) };
    expect(decode({ input: [sealed, { role: 'assistant', content: 'x' }] }).messages).toEqual([{ role: 'assistant', content: 'x', thinking: 'thought', thinkingProof: proof }]);
    const vouched = { ...reasoning('shown'), encrypted_content: sampleSeals.seal({ text: 'shown', proof }, true) };
    expect(decode({ input: [vouched] }).messages).toEqual([{ role: 'assistant', thinking: 'shown', thinkingProof: proof }]);
    expect(refusal({ input: [{ id: 'rs_1', ...reasoning('x'), encrypted_content: 'gAAAA' }] })).toEqual({
      field: 'input.0.encrypted_content', message: expect.stringMatching(/^The encrypted content for item rs_1 could not be verified\./),
    });
  });

  it('reads a compaction as the summary that it is', () => {
    const item = { type: 'compaction', encrypted_content: sampleSeals.seal({ text: 'they met' }, false) };
    expect(decode({ input: [item] }).messages).toEqual([{ role: 'user', content: 'they met' }]);
    expect(refusal({ input: [{ type: 'compaction', encrypted_content: 'x' }] }).field).toBe('input.0.encrypted_content');
  });

  it('reads images, files and videos', () => {
    const csv = `data:text/csv;base64,${Buffer.from('a,b').toString('base64')}`;
    const content = [
      { type: 'input_text', text: 'see' }, { type: 'input_image', image_url: 'https://x/y.png', detail: 'low' }, { type: 'input_file', filename: 'a.csv', file_data: csv },
      { type: 'input_file', filename: 'a.pdf', file_data: 'JVBERi0=' }, { type: 'input_file', file_url: 'https://x/z.pdf' }, { type: 'input_audio', data: 'x' },
    ];
    expect(decode({ input: [{ role: 'user', content }] }).messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'see' }, { type: 'image', url: 'https://x/y.png', detail: 'low' }, { type: 'text', text: 'a.csv:\na,b' },
          { type: 'file', url: 'data:application/pdf;base64,JVBERi0=', filename: 'a.pdf' }, { type: 'file', url: 'https://x/z.pdf' },
          { type: 'opaque', protocol: 'openai-responses', value: { type: 'input_audio', data: 'x' } },
        ],
      },
    ]);
    expect(refusal({ input: [{ role: 'user', content: [{ type: 'input_image' }] }] })).toMatchObject({ field: 'input.0.content.0.image_url' });
  });

  it('reads the names of uploaded files', () => {
    const id = `file_${'0a'.repeat(16)}`;
    const content = [{ type: 'input_file', file_id: id, filename: 'a.pdf' }, { type: 'input_image', file_id: id, detail: 'low' }];
    expect(decode({ input: [{ role: 'user', content }] }).messages[0]?.content).toEqual([
      { type: 'file', url: `ms://${id}`, filename: 'a.pdf' }, { type: 'image', url: `ms://${id}`, detail: 'low' },
    ]);
  });

  it('takes parts as the result of a call', () => {
    const result = { ...output('a'), output: [{ type: 'input_text', text: 't' }, { type: 'input_image', image_url: 'https://x' }] };
    expect(decode({ input: [call('a'), result] }).messages[1]).toEqual({ role: 'tool', toolCallId: 'a', content: [{ type: 'text', text: 't' }, { type: 'image', url: 'https://x' }] });
  });

  it('offers what the client runs as functions, and leaves what OpenAI runs as it is', () => {
    const tools = [
      { ...fn('f'), defer_loading: true }, { type: 'custom', name: 'patch', description: 'd', format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' } }, { type: 'local_shell' },
      { type: 'shell', environment: { type: 'container_auto' } }, { type: 'namespace', name: 'crm', description: 'd', tools: [fn('find')] }, { type: 'web_search' },
    ];
    const request = decode({ tools, tool_choice: { type: 'custom', name: 'patch' } });
    expect(request.tools).toMatchObject([
      { kind: 'function', name: 'f', strict: true, extensions: { 'openai-responses': { defer_loading: true } } },
      { kind: 'function', name: 'patch', description: 'd', parameters: { required: ['input'], properties: { input: { description: expect.stringContaining('start: "x"') } } } },
      { kind: 'function', name: 'local_shell', parameters: { required: ['command'] } },
      { kind: 'opaque', value: { type: 'shell' } },
      { kind: 'function', name: 'crm__find' },
      { kind: 'opaque', protocol: 'openai-responses', value: { type: 'web_search' } },
    ]);
    expect(request.toolChoice).toEqual({ type: 'named', name: 'patch' });
  });

  it.each([
    ['required', { type: 'required' }],
    [{ type: 'function', name: 'f' }, { type: 'named', name: 'f' }],
    [{ type: 'function', name: 'find', namespace: 'crm' }, { type: 'named', name: 'crm__find' }],
    [{ type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] }, { type: 'allowed', mode: 'required', names: ['f'] }],
    [{ type: 'web_search_preview' }, { type: 'opaque', protocol: 'openai-responses', value: { type: 'web_search_preview' } }],
  ])('reads the tool choice %j', (choice, expected) => {
    const tools = [fn('f'), { type: 'namespace', name: 'crm', description: 'd', tools: [fn('find')] }];
    expect(decode({ tools, tool_choice: choice }).toolChoice).toEqual(expected);
  });

  it('refuses a tool choice without its tool, and a tool twice', () => {
    expect(refusal({ tool_choice: 'required' })).toMatchObject({ field: 'tool_choice' });
    expect(refusal({ tools: [fn('f')], tool_choice: { type: 'function', name: 'g' } })).toEqual({ field: 'tool_choice', message: "Tool choice 'g' not found in 'tools' parameter." });
    expect(refusal({ tools: [fn('f'), fn('f')] }).field).toBe('tools.1');
    expect(refusal({ tools: [fn('a b')] }).field).toBe('tools.0.name');
  });

  it('reads calls and results of every form', () => {
    const input = [
      { type: 'custom_tool_call', call_id: '1', name: 'patch', input: 'a\n"b"' }, { type: 'custom_tool_call_output', call_id: '1', output: 'ok' },
      { type: 'local_shell_call', id: 'lsh_1', call_id: '2', action: { type: 'exec', command: ['ls'], env: {}, user: null }, status: 'completed' }, { type: 'local_shell_call_output', call_id: '2', output: '{}' },
      { type: 'shell_call', call_id: '3', action: { commands: ['ls'], timeout_ms: null } }, { type: 'shell_call_output', call_id: '3', output: [{ stdout: 'x', stderr: '', outcome: { type: 'exit', exit_code: 0 } }], max_output_length: 5 },
      { type: 'apply_patch_call', call_id: '4', operation: { type: 'delete_file', path: 'p' } }, { type: 'apply_patch_call_output', call_id: '4', status: 'failed', output: 'no such file' },
      { ...call('5', 'find'), namespace: 'crm' }, output('5'),
    ];
    const { messages } = decode({ input });
    expect(messages.flatMap((message) => (message.role === 'assistant' ? (message.toolCalls ?? []) : []))).toMatchObject([
      { id: '1', name: 'patch', argumentsText: '{"input":"a\\n\\"b\\""}' }, { id: '2', name: 'local_shell', argumentsText: '{"command":["ls"],"env":{}}' },
      { id: '3', name: 'shell', argumentsText: '{"commands":["ls"]}' }, { id: '4', name: 'apply_patch', argumentsText: '{"type":"delete_file","path":"p"}' }, { id: '5', name: 'crm__find' },
    ]);
    expect(messages.flatMap((message) => (message.role === 'tool' ? [message] : []))).toEqual([
      { role: 'tool', toolCallId: '1', content: 'ok' }, { role: 'tool', toolCallId: '2', content: '{}' },
      { role: 'tool', toolCallId: '3', content: '[{"stdout":"x","stderr":"","outcome":{"type":"exit","exit_code":0}}]' },
      { role: 'tool', toolCallId: '4', content: 'failed: no such file' }, { role: 'tool', toolCallId: '5', content: 'r' },
    ]);
  });

  it('keeps hosted calls with the words of the model', () => {
    const search = { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' } };
    expect(decode({ input: [search, { role: 'assistant', content: 'found' }] }).messages).toEqual([
      { role: 'assistant', content: [{ type: 'opaque', protocol: 'openai-responses', value: search }, { type: 'text', text: 'found' }] },
    ]);
  });

  it('resolves references to stored items', () => {
    const body = parseResponsesBody({ model: 'm', input: [{ type: 'item_reference', id: 'msg_9' }] }, 'openai');
    expect(referencedIds(body)).toEqual(['msg_9']);
    const stored = { id: 'msg_9', type: 'message', role: 'user', content: [] };
    expect(normaliseInput(body, sampleIds(), new Map([['msg_9', stored]]))).toEqual([stored]);
    expect(() => normaliseInput(body, sampleIds())).toThrow("Item with id 'msg_9' not found.");
    // As at OpenAI; else a small body could name something large as often as it likes.
    const twice = parseResponsesBody({ model: 'm', input: [{ type: 'item_reference', id: 'msg_9' }, { type: 'item_reference', id: 'msg_9' }] }, 'openai');
    expect(() => normaliseInput(twice, sampleIds(), new Map([['msg_9', stored]]))).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'input.1', message: expect.stringContaining('Duplicate item found with id msg_9.') }));
  });
});
