import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import type { SamplingRule, ThinkingRule, ToolChoiceRule } from '../dialogue/model-rules.ts';
import type { Message } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { type ChatRequestTarget, encodeChatRequest } from '../wire/openai-chat/request-encode.ts';
import { type DialectName, dialectOf } from './dialect.ts';

/** What vendors are known to refuse must not be sent to them, and whatever is changed must be declared. */

const names: readonly DialectName[] = ['moonshot', 'ark', 'cometapi', 'routerai', 'openrouter', 'vllm', 'sglang', 'llamacpp', 'openai'];
const others = names.filter((name) => name !== 'moonshot' && name !== 'cometapi');
const hello: Message = { role: 'user', content: 'hi' };
const search = { kind: 'function', name: 'search' } as const;
const webSearch = { kind: 'builtin', name: '$web_search' } as const;

const always: ThinkingRule = { kind: 'always', default: 'on', keep: false };
const switchable: ThinkingRule = { kind: 'switchable', default: 'on', keep: true };
const never: ThinkingRule = { kind: 'never', default: 'off', keep: false };
const oldChoice: ToolChoiceRule = { required: 'refused', named: 'taken' };
const plainOnly: ToolChoiceRule = { required: 'refused-thinking', named: 'refused-thinking' };
const k3Choice: ToolChoiceRule = { required: 'taken', named: 'ignored' };
const fixed: SamplingRule = { fixed: { temperatureThinking: 1, temperaturePlain: 0.6, topP: 0.95 } };

function send(name: DialectName, asked: Partial<DialogueRequest>, target: Partial<ChatRequestTarget> = {}): { body: JsonObject; lost: string[] } {
  const request: DialogueRequest = { protocol: 'openai-chat', model: 'k', messages: [hello], sampling: {}, stream: false, ...asked };
  const { body, losses } = encodeChatRequest(request, { model: 'm', dialect: dialectOf(name), ...target });
  return { body: JSON.parse(JSON.stringify(body)) as JsonObject, lost: losses.map((loss) => loss.field) };
}

describe('limit on generated tokens', () => {
  const field = (name: DialectName): string => dialectOf(name).outputLimitField;

  it.each(names)('%s is sent no more than its offer generates', (name) => {
    expect(send(name, { outputTokensMax: 60_000 }, { outputTokensMax: 8192 })).toMatchObject({ body: { [field(name)]: 8192 }, lost: ['max_tokens'] });
    expect(send(name, { outputTokensMax: 8192 }, { outputTokensMax: 8192 })).toMatchObject({ body: { [field(name)]: 8192 }, lost: [] });
    expect(send(name, { outputTokensMax: 60_000 })).toMatchObject({ body: { [field(name)]: 60_000 }, lost: [] });
  });

  it('is clamped anew for the next offer', () => {
    const asked = { outputTokensMax: 60_000 };
    expect(send('moonshot', asked, { outputTokensMax: 8192 }).body).toMatchObject({ max_completion_tokens: 8192 });
    expect(send('ark', asked, { outputTokensMax: 32_768 }).body).toMatchObject({ max_completion_tokens: 32_768 });
  });

  it.each(names)('%s: a default is sent to whoever named no limit, since the call is held at its price', (name) => {
    const offer = { outputTokensDefault: 4096, outputTokensMax: 32_768 };
    for (const thinkingRule of [always, switchable, never]) {
      expect(send(name, {}, { ...offer, thinkingRule }), thinkingRule.kind).toMatchObject({ body: { [field(name)]: 4096 }, lost: [] });
    }
    expect(send(name, { outputTokensMax: 100 }, { ...offer, thinkingRule: always }).body).toMatchObject({ [field(name)]: 100 });
  });
});

describe('tool choice', () => {
  const named = { type: 'named', name: 'search' } as const;
  const required = { type: 'required' } as const;
  const object = { type: 'function', function: { name: 'search' } };
  const other = { kind: 'function', name: 'other' } as const;

  it.each(['moonshot', 'cometapi'] as const)('%s: a demand that the model refuses becomes auto', (name) => {
    const choice = (asked: Partial<DialogueRequest>, rules: Partial<ChatRequestTarget>): unknown => {
      const { body, lost } = send(name, { tools: [search, other], ...asked }, rules);
      return [body['tool_choice'], lost];
    };
    const thinking = { thinkingRule: switchable, toolChoiceRule: plainOnly };
    expect(choice({ toolChoice: required }, thinking)).toEqual(['auto', ['tool_choice']]);
    expect(choice({ toolChoice: named }, thinking)).toEqual(['auto', ['tool_choice']]);
    expect(choice({ toolChoice: { type: 'none' } }, thinking)).toEqual(['none', []]);
    expect(choice({ toolChoice: required, thinking: { mode: 'off' } }, thinking)).toEqual(['required', []]);
    expect(choice({ toolChoice: named, thinking: { mode: 'off' } }, thinking)).toEqual([object, []]);
    expect(choice({ toolChoice: required }, { thinkingRule: never, toolChoiceRule: oldChoice })).toEqual(['auto', ['tool_choice']]);
    expect(choice({ toolChoice: named }, { thinkingRule: never, toolChoiceRule: oldChoice })).toEqual([object, []]);
    const k3 = { thinkingRule: always, toolChoiceRule: k3Choice };
    expect(choice({ toolChoice: required }, k3)).toEqual(['required', []]);
    expect(choice({ toolChoice: named }, k3)).toEqual([object, ['tool_choice']]);
    expect(choice({ toolChoice: named, tools: [search] }, k3)).toEqual(['required', []]);
  });

  it('counts the tools of messages as well', () => {
    const asked = { toolChoice: named, tools: [search], messages: [hello, { role: 'system', tools: [other] } as const, hello] };
    expect(send('moonshot', asked, { thinkingRule: always, toolChoiceRule: k3Choice })).toMatchObject({ body: { tool_choice: object }, lost: ['tool_choice'] });
  });

  it.each(others)('%s is told what the caller said', (name) => {
    for (const rule of [oldChoice, plainOnly, k3Choice]) {
      const target = { thinkingRule: always, toolChoiceRule: rule };
      expect(send(name, { tools: [search], toolChoice: required }, target)).toMatchObject({ body: { tool_choice: 'required' }, lost: [] });
      expect(send(name, { tools: [search], toolChoice: named }, target)).toMatchObject({ body: { tool_choice: object }, lost: [] });
    }
  });
});

describe('built-in tools', () => {
  it("turns thinking off for Moonshot's, unless the caller asked for it, and the rest with it", () => {
    const target = { thinkingRule: switchable, toolChoiceRule: plainOnly, samplingRule: fixed };
    const asked = { tools: [webSearch], toolChoice: { type: 'required' }, sampling: { temperature: 0.6 } } as const;
    expect(send('moonshot', asked, target)).toMatchObject({ body: { thinking: { type: 'disabled' }, tool_choice: 'required', temperature: 0.6 }, lost: ['thinking'] });
    expect(send('moonshot', { messages: [{ role: 'system', tools: [webSearch] }, hello] }, target)).toMatchObject({ body: { thinking: { type: 'disabled' } }, lost: ['thinking'] });
    expect(send('moonshot', { tools: [webSearch], thinking: { mode: 'on' } }, target)).toMatchObject({ body: { thinking: { type: 'enabled' } }, lost: [] });
    expect(send('moonshot', { tools: [webSearch], thinking: { mode: 'off' } }, target)).toMatchObject({ body: { thinking: { type: 'disabled' } }, lost: [] });
    expect(send('moonshot', { tools: [webSearch], thinking: { keep: 'all' } }, target)).toMatchObject({ body: { thinking: { type: 'enabled', keep: 'all' } }, lost: [] });
    expect(send('moonshot', { tools: [search] }, target).body).not.toHaveProperty('thinking');
    expect(send('moonshot', { tools: [webSearch] }, { thinkingRule: always }).body).not.toHaveProperty('thinking');
  });

  it.each(names.filter((name) => name !== 'moonshot'))('%s is sent none, and thinks as it likes', (name) => {
    expect(send(name, { tools: [webSearch] }, { thinkingRule: switchable })).toEqual({ body: { model: 'm', messages: [{ role: 'user', content: 'hi' }] }, lost: ['tools.0'] });
  });
});

describe('JSON schemas', () => {
  const schema: JsonObject = { $schema: 's', type: 'object', properties: { format: { type: 'string', format: 'uri' } } };
  const clean = { type: 'object', properties: { format: { type: 'string' } } };
  const asked: Partial<DialogueRequest> = {
    tools: [{ ...search, parameters: schema }], messages: [hello, { role: 'system', tools: [{ kind: 'function', name: 'late', parameters: schema }] }, hello],
    outputFormat: { type: 'json-schema', name: 'n', schema },
  };
  const fields = ['messages.1.tools.0.function.parameters', 'tools.0.function.parameters', 'response_format.json_schema.schema'];

  it('go to Moonshot without what only annotates', () => {
    const { body, lost } = send('moonshot', asked);
    expect(body).toMatchObject({ response_format: { json_schema: { schema: clean } } });
    expect(body['tools']).toEqual([{ type: 'function', function: { name: 'search', parameters: clean } }]);
    expect(JSON.stringify(body)).not.toContain('"s"');
    expect(lost).toEqual(fields);
    expect(send('cometapi', asked).lost).toEqual(expect.arrayContaining(fields.slice(1)));
  });

  it.each(others)('%s gets them as they are', (name) => {
    const { body, lost } = send(name, asked);
    expect(body).toMatchObject({ response_format: { json_schema: { schema } }, tools: expect.arrayContaining([{ type: 'function', function: { name: 'search', parameters: schema } }]) });
    expect(lost.filter((field) => fields.includes(field))).toEqual([]);
  });

  it('Moonshot either goes on from a message or keeps to JSON', () => {
    const partial: Partial<DialogueRequest> = { messages: [hello, { role: 'assistant', content: '{', partial: true }], outputFormat: { type: 'json' }, extensions: { 'openai-chat': { response_format: { odd: 1 } } } };
    expect(send('moonshot', partial)).toEqual({ body: { model: 'm', messages: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: '{', partial: true }] }, lost: ['response_format'] });
    expect(send('openrouter', partial)).toMatchObject({ body: { response_format: { type: 'json_object', odd: 1 } }, lost: [] });
    expect(send('moonshot', { outputFormat: { type: 'json' } })).toMatchObject({ body: { response_format: { type: 'json_object' } }, lost: [] });
  });
});

describe('sampling', () => {
  it.each<[DialectName, number]>([['moonshot', 5], ['ark', 5], ['cometapi', 5], ['openrouter', 128], ['vllm', 128], ['openai', 128]])('%s gives at most %i answers', (name, most) => {
    expect(send(name, { sampling: { choiceCount: most } })).toMatchObject({ body: { n: most }, lost: [] });
    if (most === 5) expect(send(name, { sampling: { choiceCount: 7 } })).toMatchObject({ body: { n: 5 }, lost: ['n'] });
  });

  it.each(['moonshot', 'cometapi'] as const)('%s gives one when the temperature is 0, by default too', (name) => {
    const cold = send(name, { sampling: { choiceCount: 2, temperature: 0 } });
    expect(cold).toMatchObject({ body: { temperature: 0 }, lost: ['n'] });
    expect(cold.body).not.toHaveProperty('n');
    expect(send(name, { sampling: { choiceCount: 2 } }, { samplingRule: { temperatureDefault: 0 } }).lost).toEqual(['n']);
    expect(send(name, { sampling: { choiceCount: 2, temperature: 0.3 } }, { samplingRule: { temperatureDefault: 0 } })).toMatchObject({ body: { n: 2 }, lost: [] });
    expect(send(name, { sampling: { choiceCount: 1, temperature: 0 } })).toMatchObject({ body: { n: 1 }, lost: [] });
    expect(send('ark', { sampling: { choiceCount: 2, temperature: 0 } })).toMatchObject({ body: { n: 2 }, lost: [] });
  });

  it.each<[DialectName, string[]]>([
    ['moonshot', ['b', 'c', 'd', 'e', 'f']],
    ['cometapi', ['b', 'c', 'd', 'e', 'f']],
    ['ark', ['月月月月月月月月月月月', 'b', 'c', 'd']],
    ['openrouter', ['月月月月月月月月月月月', 'b', 'c', 'd']],
  ])('%s is sent the stops that fit', (name, sent) => {
    const { body, lost } = send(name, { sampling: { stop: ['月'.repeat(11), 'b', 'c', 'd', 'e', 'f'] } });
    expect(body['stop']).toEqual(sent);
    expect(lost).toEqual(['stop']);
    expect(send(name, { sampling: { stop: ['x'.repeat(32)] } })).toMatchObject({ body: { stop: ['x'.repeat(32)] }, lost: [] });
  });

  it('leaves stop out when none fits', () => {
    expect(send('moonshot', { sampling: { stop: ['x'.repeat(33)] } }).body).not.toHaveProperty('stop');
  });

  it.each<[DialectName, number]>([['moonshot', 1], ['cometapi', 1], ['ark', 1.5], ['openai', 1.5]])('%s is asked for a temperature of %d', (name, temperature) => {
    expect(send(name, { sampling: { temperature: 1.5 } }).body['temperature']).toBe(temperature);
  });
});

describe('thinking of earlier turns', () => {
  const call = { id: 'a:0', kind: 'function', name: 'search', argumentsText: '{}' } as const;
  const history: readonly Message[] = [hello, { role: 'assistant', content: 'x' }, hello, { role: 'assistant', toolCalls: [call] }, { role: 'tool', toolCallId: 'a:0', content: '' }];
  const assistant = (name: DialectName, messages: readonly Message[], thinkingRule: ThinkingRule): unknown => {
    const { body, lost } = send(name, { messages }, { thinkingRule });
    const [, plain, , calling] = body['messages'] as readonly JsonObject[];
    return [plain?.['reasoning_content'], calling?.['reasoning_content'], calling?.['reasoning'], lost];
  };

  it.each(['moonshot', 'cometapi'] as const)('%s gets an empty one beside tool calls when it thinks', (name) => {
    expect(assistant(name, history, switchable)).toEqual([undefined, '', undefined, ['messages.3.reasoning_content']]);
    expect(assistant(name, history, always)).toEqual([undefined, '', undefined, ['messages.3.reasoning_content']]);
    expect(assistant(name, history, never)).toEqual([undefined, undefined, undefined, []]);
  });

  it.each(others)('%s gets none', (name) => {
    expect(assistant(name, history, always)).toEqual([undefined, undefined, undefined, []]);
  });

  it('goes to vLLM by both names', () => {
    const kept: readonly Message[] = [...history.slice(0, 3), { role: 'assistant', thinking: 'hm', toolCalls: [call] }, ...history.slice(4)];
    expect(assistant('vllm', kept, always)).toEqual([undefined, 'hm', 'hm', []]);
    expect(assistant('sglang', kept, always)).toEqual([undefined, 'hm', undefined, []]);
    expect(assistant('moonshot', kept, always)).toEqual([undefined, 'hm', undefined, []]);
    expect(assistant('openrouter', kept, always)).toEqual([undefined, undefined, 'hm', []]);
  });
});
