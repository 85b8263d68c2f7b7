import { describe, expect, it } from 'vitest';
import { fullMessagesDialect } from '../../../tests/doubles/full-messages-dialect.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Message, Part } from '../../dialogue/message.ts';
import type { ThinkingRule } from '../../dialogue/model-rules.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { Tool } from '../../dialogue/tool.ts';
import type { MessagesDialect } from './messages-dialect.ts';
import { encodeMessagesRequest, type MessagesRequestTarget } from './request-encode.ts';

/** As the reference has Moonshot's (moonshot-api.md 1.8). */
const moonshot: MessagesDialect = {
  ...fullMessagesDialect, thinkingTypes: ['enabled'], thinkingBudget: false, contextManagement: false, thinkingBesideCalls: true, namedToolChoice: false, parallelSwitch: false,
  stopMax: 5, stopBytesMax: 32, systemMessages: false, documents: false, imageUrlSchemes: ['ms:'], toolFieldsRefused: ['input_examples'], blocksRefused: ['tool_reference'], fieldsRefused: ['container'], moonshotRules: true,
};
/** What the caller of Anthropic itself has to mind. */
const strict: MessagesDialect = { ...fullMessagesDialect, temperatureMax: undefined, metadata: false, jsonSchema: false, efforts: [] };

function send(more: Partial<DialogueRequest>, target: Partial<MessagesRequestTarget> = {}): { body: JsonObject; lost: string[] } {
  const request: DialogueRequest = { protocol: 'openai-chat', model: 'm', messages: [{ role: 'user', content: 'hi' }], sampling: {}, stream: false, ...more };
  const { body, losses } = encodeMessagesRequest(request, { model: 'k', dialect: fullMessagesDialect, upstreamId: 'up', ...target });
  return { body, lost: losses.map((loss) => loss.field) };
}

const tool = (name: string): Tool => ({ kind: 'function', name, parameters: { type: 'object' } });
const called: Message = { role: 'assistant', toolCalls: [{ id: 'f.a:0', kind: 'function', name: 'a', argumentsText: '{"n":12345678901234567890}' }] };

describe('encodeMessagesRequest', () => {
  it('sends a limit always: the caller\'s, the offer\'s, or the one of Claude Code', () => {
    expect(send({}).body).toEqual({ model: 'k', max_tokens: 32000, messages: [{ role: 'user', content: 'hi' }] });
    expect(send({}, { outputTokensMax: 9, outputTokensDefault: 5 })).toMatchObject({ body: { max_tokens: 5 }, lost: [] });
    expect(send({}, { outputTokensMax: 9 })).toMatchObject({ body: { max_tokens: 9 }, lost: [] });
    // All that a window holds is more than it has room for beside a prompt, and Moonshot refuses that (moonshot-api.md 3.2).
    expect(send({}, { outputTokensMax: 262_144 })).toMatchObject({ body: { max_tokens: 32_000 }, lost: [] });
    expect(send({ outputTokensMax: 20 }, { outputTokensMax: 9 })).toMatchObject({ body: { max_tokens: 9 }, lost: ['max_tokens'] });
  });

  it('puts what the system says at the start into `system`', () => {
    const cached = { 'anthropic-messages': { cache_control: { type: 'ephemeral' } } };
    const messages: Message[] = [{ role: 'system', content: 'a' }, { role: 'system', content: [{ type: 'text', text: 'b', extensions: cached }], fromDeveloper: true }, { role: 'user', content: 'c' }, { role: 'system', content: 'd' }];
    const later = { role: 'system', content: 'd' };
    const system = [{ type: 'text', text: 'a' }, { type: 'text', text: 'b', cache_control: { type: 'ephemeral' } }];
    expect(send({ messages })).toEqual({ body: { model: 'k', max_tokens: 32000, system, messages: [{ role: 'user', content: 'c' }, later] }, lost: [] });
    expect(send({ messages }, { dialect: moonshot })).toMatchObject({ body: { messages: [{ role: 'user', content: 'c' }, { role: 'user', content: 'd' }] }, lost: ['messages.3.role'] });
    expect(send({ messages: [{ role: 'system', content: 'a' }, { role: 'user', content: 'c' }] }).body['system']).toBe('a');
  });

  it('says that arguments are an object where their schema does not, as the protocol demands', () => {
    const open: Tool = { kind: 'function', name: 'a', parameters: {} };
    expect(send({ tools: [open, { kind: 'function', name: 'b' }] }).body['tools']).toEqual([
      { name: 'a', input_schema: { type: 'object' } }, { name: 'b', input_schema: { type: 'object', properties: {} } },
    ]);
  });

  it('sends no conversation without a message: where only the system speaks, its last word is one', () => {
    const messages: Message[] = [{ role: 'system', content: 'a' }, { role: 'system', content: 'b' }];
    expect(send({ messages })).toMatchObject({ body: { system: 'a', messages: [{ role: 'system', content: 'b' }] }, lost: [] });
    expect(send({ messages: messages.slice(1) }, { dialect: moonshot })).toEqual({ body: { model: 'k', max_tokens: 32000, messages: [{ role: 'user', content: 'b' }] }, lost: ['messages.0.role'] });
  });

  it('declares what was said of a system message that goes into `system`', () => {
    const messages: Message[] = [{ role: 'system', content: 'a', extensions: { 'anthropic-messages': { cache_control: { type: 'ephemeral' }, odd: 1 } } }, { role: 'user', content: 'c' }];
    expect(send({ messages })).toMatchObject({ body: { system: 'a' }, lost: ['messages.0.odd'] });
  });

  it('joins results of tools with what the user says behind them', () => {
    const messages: Message[] = [
      { role: 'assistant', content: '', toolCalls: ['x', 'y'].map((id) => ({ id, kind: 'function', name: 'a', argumentsText: '' })) },
      { role: 'tool', toolCallId: 'x', content: 'one', extensions: { 'anthropic-messages': { is_error: true } } },
      { role: 'tool', toolCallId: 'y', content: [{ type: 'image', url: 'data:image/png;base64,AA' }] },
      { role: 'user', content: 'and?' },
    ];
    expect(send({ messages }).body['messages']).toEqual([
      { role: 'assistant', content: [{ type: 'tool_use', id: 'x', name: 'a', input: {} }, { type: 'tool_use', id: 'y', name: 'a', input: {} }] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'x', content: 'one', is_error: true },
          { type: 'tool_result', tool_use_id: 'y', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } }] },
          { type: 'text', text: 'and?' },
        ],
      },
    ]);
  });

  it('changes no integer and no id', () => {
    const messages: Message[] = [{ role: 'user', content: 'x' }, called, { role: 'tool', toolCallId: 'f.a:0', content: 'r' }];
    expect(JSON.stringify(send({ messages }).body)).toContain('"id":"f.a:0","name":"a","input":{"n":12345678901234567890}');
    expect(JSON.stringify(send({ messages }).body)).toContain('"tool_use_id":"f.a:0"');
  });

  it('sends proofs back to the upstream that gave them, and to no other', () => {
    const proof: ThinkingProof = { protocol: 'anthropic-messages', upstreamId: 'up', value: 'sig' };
    const turn = (more: object, target: Partial<MessagesRequestTarget> = {}): unknown[] => {
      const { body, lost } = send({ messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: 'b', ...more }, { role: 'user', content: 'y' }] }, target);
      const blocks = (body['messages'] as { content: unknown[] }[])[1]?.content ?? [];
      return [blocks.slice(0, -1), lost];
    };
    const unsigned = { type: 'thinking', thinking: 'hm', signature: '' };
    const lost = ['messages.1.thinking'];
    expect(turn({ thinking: 'hm', thinkingProof: proof })).toEqual([[{ type: 'thinking', thinking: 'hm', signature: 'sig' }], []]);
    expect(turn({ thinkingProof: { ...proof, hidden: true } })).toEqual([[{ type: 'redacted_thinking', data: 'sig' }], []]);
    const both = [{ type: 'thinking', thinking: 'h', signature: 's1' }, { type: 'redacted_thinking', data: 's2' }];
    expect(turn({ thinking: 'h', thinkingProof: { ...proof, value: JSON.stringify(both) } })).toEqual([both, []]);
    expect(turn({ thinking: 'hm', thinkingProof: { ...proof, upstreamId: 'other' } })).toEqual([[unsigned], []]);
    expect(turn({ thinking: 'hm', thinkingProof: { ...proof, protocol: 'openai-responses' } })).toEqual([[unsigned], []]);
    expect(turn({ thinkingProof: { ...proof, upstreamId: 'other', hidden: true } })).toEqual([[], lost]);
  });

  it('gives Moonshot the thinking beside calls that it insists on', () => {
    const rule: ThinkingRule = { kind: 'always', default: 'on', keep: true };
    const { body, lost } = send({ messages: [called] }, { dialect: moonshot, thinkingRule: rule });
    expect(body['messages']).toMatchObject([{ content: [{ type: 'thinking', thinking: '', signature: '' }, { type: 'tool_use' }] }]);
    expect(lost).toEqual(['messages.0.thinking']);
    expect(send({ messages: [called] }, { dialect: moonshot }).lost).toEqual([]);
  });

  it.each<[Partial<DialogueRequest>, Partial<MessagesDialect>, JsonObject | undefined, string[]]>([
    [{ thinking: { mode: 'on', tokensMax: 500 } }, {}, { type: 'enabled', budget_tokens: 500 }, []],
    [{ thinking: { mode: 'on', tokensMax: 500 } }, moonshot, { type: 'enabled' }, ['thinking.budget_tokens']],
    [{ thinking: { mode: 'on' } }, { thinkingTypes: ['adaptive'] }, { type: 'adaptive' }, []],
    [{ thinking: { mode: 'auto' } }, {}, { type: 'adaptive' }, []],
    [{ thinking: { mode: 'auto' }, extensions: { 'anthropic-messages': { thinking: { type: 'between_tools', x: 1 } } } }, {}, { type: 'between_tools', x: 1 }, []],
    [{ thinking: { mode: 'auto' }, extensions: { 'anthropic-messages': { thinking: { type: 'between_tools' } } } }, moonshot, undefined, ['thinking.type']],
    [{ thinking: { mode: 'off' } }, {}, { type: 'disabled' }, []],
    [{ thinking: { mode: 'off' } }, moonshot, undefined, ['thinking.type']],
  ])('thinking %j in %j', (request, dialect, thinking, lost) => {
    const sent = send(request, { dialect: { ...fullMessagesDialect, ...dialect } });
    expect(sent.body['thinking']).toEqual(thinking);
    expect(sent.lost).toEqual(lost);
  });

  it('says effort, format and what is to be kept', () => {
    const edits = [{ type: 'clear_tool_uses_20250919' }];
    const request: Partial<DialogueRequest> = {
      thinking: { effort: 'high', keep: 'all' }, outputFormat: { type: 'json-schema', name: 'n', schema: {}, description: 'd' },
      extensions: { 'anthropic-messages': { context_management: { edits }, output_config: { task_budget: 1 } } },
    };
    expect(send(request)).toMatchObject({
      body: { output_config: { effort: 'high', format: { type: 'json_schema', schema: {} }, task_budget: 1 }, context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }, ...edits] } },
      lost: ['response_format.json_schema.description'],
    });
    const sent = send(request, { dialect: { ...strict, contextManagement: false } });
    expect(sent.lost).toEqual(['output_config.effort', 'context_management', 'thinking.keep', 'response_format.json_schema']);
    expect(Object.keys(sent.body)).toEqual(['model', 'max_tokens', 'messages']);
    expect(send({ outputFormat: { type: 'json' } }).lost).toEqual(['response_format']);
  });

  it('demands tools as far as they can be demanded', () => {
    const tools = [tool('a'), tool('b')];
    const choice = (toolChoice: DialogueRequest['toolChoice'] & object, target: Partial<MessagesRequestTarget> = {}): unknown[] => {
      const { body, lost } = send({ tools, toolChoice }, target);
      return [(body['tools'] as { name: string }[]).map(({ name }) => name).join(), body['tool_choice'], lost];
    };
    expect(choice({ type: 'named', name: 'b' })).toEqual(['a,b', { type: 'tool', name: 'b' }, []]);
    expect(choice({ type: 'named', name: 'b' }, { dialect: moonshot })).toEqual(['b', { type: 'any' }, []]);
    expect(choice({ type: 'allowed', mode: 'required', names: ['a'] })).toEqual(['a', { type: 'any' }, []]);
    expect(choice({ type: 'required' }, { dialect: moonshot, toolChoiceRule: { required: 'refused', named: 'taken' } })).toEqual(['a,b', { type: 'auto' }, ['tool_choice']]);
    expect(send({ tools, parallelToolCalls: false }).body['tool_choice']).toEqual({ type: 'auto', disable_parallel_tool_use: true });
    expect(send({ tools, parallelToolCalls: false }, { dialect: moonshot }).lost).toEqual(['parallel_tool_calls']);
    expect(send({ tools: [{ kind: 'builtin', name: '$web_search' }], toolChoice: { type: 'required' } }).lost).toEqual(['tools.0', 'tool_choice']);
  });

  it('finds a hundred thousand allowed tools without comparing each with each', () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `f${index}`);
    const startMs = performance.now();
    const { body } = send({ tools: names.map(tool), toolChoice: { type: 'allowed', mode: 'auto', names: names.toReversed() } });
    expect(body['tools']).toHaveLength(names.length);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it('sends what a document says where documents are not taken', () => {
    const messages: Message[] = [{ role: 'user', content: [{ type: 'file', url: 'data:application/pdf;base64,A', filename: 'a.pdf', text: 'says' }] }];
    const { body, lost } = send({ messages }, { dialect: moonshot });
    expect(lost).toEqual([]);
    expect(body['messages']).toEqual([{ role: 'user', content: [{ type: 'text', text: 'a.pdf:\nsays' }] }]);
  });

  it('keeps of a document that becomes a text what texts have too, and declares the rest', () => {
    const file: Part = {
      type: 'file', url: 'data:application/pdf;base64,A', text: 'says',
      extensions: { 'anthropic-messages': { cache_control: { type: 'ephemeral' }, citations: { enabled: true }, context: 'c' }, 'openai-responses': { detail: 'low' } },
    };
    const { body, lost } = send({ messages: [{ role: 'user', content: [file] }] }, { dialect: moonshot });
    expect(body['messages']).toEqual([{ role: 'user', content: [{ type: 'text', text: 'says', cache_control: { type: 'ephemeral' } }] }]);
    expect(lost.toSorted()).toEqual(['messages.0.content.0.citations', 'messages.0.content.0.context', 'messages.0.content.0.detail']);
  });

  it('declares what the protocol or the place has no words for', () => {
    const { body, lost } = send({
      sampling: { temperature: 1.5, presencePenalty: 1, frequencyPenalty: 0, choiceCount: 2, stop: ['a', 'b'.repeat(33)] }, cacheKey: 'k',
      extensions: { 'openai-chat': { logprobs: true }, 'anthropic-messages': { container: 'c', top_k: 3 } },
      tools: [{ ...tool('a'), kind: 'function', extensions: { 'anthropic-messages': { input_examples: [], eager_input_streaming: true } } } as Tool],
      messages: [{
        role: 'user', name: 'N',
        content: [
          { type: 'video', url: 'data:video/mp4;base64,A' }, { type: 'image', url: 'https://example.test/a' }, { type: 'file', url: 'data:application/pdf;base64,A' },
          { type: 'opaque', protocol: 'openai-chat', value: {} }, { type: 'opaque', protocol: 'anthropic-messages', value: { type: 'tool_reference' } }, { type: 'text', text: 'x' },
        ],
      }],
    }, { dialect: moonshot });
    expect(body).toEqual({
      model: 'k', max_tokens: 32000, messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }], temperature: 1, stop_sequences: ['a'], metadata: { user_id: 'k' }, top_k: 3,
      tools: [{ name: 'a', input_schema: { type: 'object' }, eager_input_streaming: true }],
    });
    expect(lost.toSorted()).toEqual([
      'container', 'logprobs', 'messages.0.content.0', 'messages.0.content.1', 'messages.0.content.2', 'messages.0.content.3', 'messages.0.content.4', 'messages.0.name', 'n', 'presence_penalty', 'stop', 'temperature', 'tools.0.input_examples',
    ]);
    expect(send({ sampling: { temperature: 0.5, topP: 0.5 }, cacheKey: 'k', extensions: { 'anthropic-messages': { top_k: 3, metadata: { a: 1 } } } }, { dialect: strict }).lost).toEqual(['temperature', 'top_p', 'prompt_cache_key', 'top_k', 'metadata']);
    const fixed = { temperatureThinking: 1, temperaturePlain: 0.6, topP: 0.95 };
    expect(send({ sampling: { temperature: 0.6, topP: 1 } }, { dialect: moonshot, samplingRule: { fixed } })).toMatchObject({ body: { temperature: 0.6 }, lost: ['top_p'] });
  });

  it('leaves out of schemas what Moonshot refuses in them', () => {
    const schema = { $schema: 's', format: 'x', type: 'object' };
    const asked: Partial<DialogueRequest> = { tools: [{ kind: 'function', name: 'a', parameters: schema }], outputFormat: { type: 'json-schema', name: 's', schema } };
    expect(send(asked, { dialect: moonshot })).toMatchObject({
      body: { tools: [{ input_schema: { type: 'object' } }], output_config: { format: { schema: { type: 'object' } } } },
      lost: ['tools.0.input_schema', 'response_format.json_schema.schema'],
    });
    expect(send(asked)).toMatchObject({ body: { tools: [{ input_schema: schema }], output_config: { format: { schema } } }, lost: [] });
  });

  it('does not send a message that says nothing', () => {
    expect(send({ messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: '' }, { role: 'user', content: 'b' }] })).toMatchObject({ body: { messages: [{ content: 'a' }, { content: 'b' }] }, lost: ['messages.1'] });
    expect(send({ messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b', partial: true }] }, { dialect: { ...fullMessagesDialect, prefill: false } }).lost).toEqual(['messages.1.partial']);
  });
});
