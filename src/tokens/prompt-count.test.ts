import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Message } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { Tool } from '../dialogue/tool.ts';
import { Bpe } from './bpe.ts';
import type { MarkedText } from './marked-text.ts';
import { imageTokensEstimate } from './media-allowance.ts';
import { countPrompt, renderPrompt } from './prompt-count.ts';
import { templateOf } from './prompt-template.ts';
import { toyBpe } from './toy-vocabulary.ts';

/** Where K2's own file is; undefined where it is not. */
const realTokenizerPath: string | undefined = process.env['MOONGATE_TOKENIZER'];

function ask(messages: readonly Message[], rest: Partial<DialogueRequest> = {}): DialogueRequest {
  return { protocol: 'openai-chat', model: 'kimi-k2', messages, sampling: {}, stream: false, ...rest };
}

const hi: Message = { role: 'user', content: 'Hi' };
const kimi = '<|im_system|>system<|im_middle|>You are Kimi, an AI assistant created by Moonshot AI.<|im_end|>';
const opening = '<|im_assistant|>assistant<|im_middle|>';
const user = '<|im_user|>user<|im_middle|>Hi<|im_end|>';
const sum: Tool = {
  kind: 'function',
  name: 'sum',
  description: 'Adds.',
  parameters: { type: 'object', properties: { b: { type: 'number' }, a: { type: 'number' } }, required: ['a', 'b'] },
};

function special(marked: MarkedText): string[] {
  const found: string[] = [];
  for (let i = 0; i < marked.marks.length; i += 2) found.push(marked.text.slice(marked.marks[i], marked.marks[i + 1]));
  return found;
}

describe('templateOf', () => {
  it.each([
    ['kimi-k2-0711-preview', 'You are a helpful assistant', 'json', 'never'],
    ['moonshotai/kimi-k2-0905:exacto', 'You are Kimi, an AI assistant created by Moonshot AI.', 'json', 'never'],
    ['kimi-k2-250905', 'You are Kimi, an AI assistant created by Moonshot AI.', 'json', 'never'],
    ['moonshotai/Kimi-K2-Thinking', 'You are Kimi, an AI assistant created by Moonshot AI.', 'json', 'since-answer'],
    ['kimi-k2.5', 'You are Kimi, an AI assistant created by Moonshot AI.', 'typescript', 'since-answer'],
    ['kimi-k2.6', 'You are Kimi, an AI assistant created by Moonshot AI.', 'typescript', 'kept-on-demand'],
    ['kimi-k2.7-code-highspeed', undefined, 'typescript', 'always'],
  ])('%s', (id, systemDefault, tools, thinking) => {
    expect(templateOf(id)).toMatchObject({ form: 'im', tools, thinking, exact: true });
    expect(templateOf(id).systemDefault).toBe(systemDefault);
  });

  it('estimates what it does not know', () => {
    expect(templateOf('moonshot-v1-8k').exact).toBe(false);
    expect(templateOf('kimi-k3')).toMatchObject({ form: 'xtml', exact: false });
    expect(templateOf('kimi-k3.1-pro').form).toBe('xtml');
  });
});

describe('renderPrompt', () => {
  it.each([
    ['kimi-k2-0905-preview', `${kimi}${user}${opening}`],
    ['kimi-k2-thinking', `${kimi}${user}${opening}`],
    ['kimi-k2.5', `${kimi}${user}${opening}<think>`],
    ['kimi-k2.7-code', `${user}${opening}<think>`],
  ])('one message to %s', (id, text) => {
    const { marked, exact, allowanceTokens } = renderPrompt(ask([hi]), id);
    expect(marked.text).toBe(text);
    expect(special(marked)).toEqual(text.match(/<\|?\w+\|?>/g));
    expect({ exact, allowanceTokens }).toEqual({ exact: true, allowanceTokens: 0 });
  });

  it('closes the think tag when thinking is off', () => {
    const { marked } = renderPrompt(ask([hi], { thinking: { mode: 'off' } }), 'kimi-k2.5');
    expect(marked.text.endsWith(`${opening}<think></think>`)).toBe(true);
  });

  it('has tools as sorted JSON for K2 and as TypeScript for K2.5', () => {
    const request = ask([{ role: 'system', content: 'S' }, hi], { tools: [sum] });
    const json =
      '[{"function":{"description":"Adds.","name":"sum","parameters":{"properties":{"a":{"type":"number"},' +
      '"b":{"type":"number"}},"required":["a","b"],"type":"object"}},"type":"function"}]';
    const system = '<|im_system|>system<|im_middle|>S<|im_end|>';
    const declare = '<|im_system|>tool_declare<|im_middle|>';
    expect(renderPrompt(request, 'kimi-k2').marked.text).toBe(`${declare}${json}<|im_end|>${system}${user}${opening}`);
    expect(renderPrompt(request, 'kimi-k2.5').marked.text).toContain(`${declare}# Tools\n\n## functions\n`);
  });

  const exchange: readonly Message[] = [
    { role: 'user', name: 'bob', content: [{ type: 'text', text: 'H' }, { type: 'text', text: 'i' }] },
    { role: 'assistant', content: 'Old answer', thinking: 'old thoughts' },
    { role: 'assistant', thinking: 'new thoughts', toolCalls: [{ id: 'sum:0', kind: 'function', name: 'sum', argumentsText: '{"a":1}' }] },
    { role: 'tool', toolCallId: 'sum:0', content: '3' },
  ];
  const call =
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.sum:0<|tool_call_argument_begin|>{"a":1}' +
    '<|tool_call_end|><|tool_calls_section_end|><|im_end|>';
  const result = '<|im_system|>tool<|im_middle|>## Return of functions.sum:0\n3<|im_end|>';
  const bob = '<|im_user|>bob<|im_middle|>Hi<|im_end|>';

  it.each([
    ['kimi-k2', undefined, 'Old answer', ''],
    ['kimi-k2-thinking', undefined, '<think></think>Old answer', '<think>new thoughts</think>'],
    ['kimi-k2.6', 'all', '<think>old thoughts</think>Old answer', '<think>new thoughts</think>'],
    ['kimi-k2.6', null, '<think></think>Old answer', '<think>new thoughts</think>'],
  ] as const)('an exchange at %s, keeping %s', (id, keep, old, thought) => {
    const { marked, exact } = renderPrompt(ask(exchange, keep === undefined ? {} : { thinking: { keep } }), id);
    const tail = id === 'kimi-k2.6' ? '<think>' : '';
    expect(marked.text).toBe(`${kimi}${bob}${opening}${old}<|im_end|>${opening}${thought}${call}${result}${opening}${tail}`);
    expect(exact).toBe(true);
  });

  it.each<[string, DialogueRequest]>([
    ['an image', ask([{ role: 'user', content: [{ type: 'image', url: 'ms://f' }] }])],
    ['an output format', ask([hi], { outputFormat: { type: 'json' } })],
    ['an unfinished answer', ask([hi, { role: 'assistant', content: '{', partial: true }])],
    ['a built-in tool', ask([hi], { tools: [{ kind: 'builtin', name: '$web_search' }] })],
    ['a foreign call id', ask([hi, { role: 'tool', toolCallId: 'call_x', content: '' }])],
    ['an opaque part', ask([{ role: 'user', content: [{ type: 'opaque', protocol: 'p', value: { a: 1 } }] }])],
  ])('says that %s is estimated', (_, request) => {
    expect(renderPrompt(request, 'kimi-k2.5').exact).toBe(false);
  });

  it('allows for images', () => {
    const request = ask([{ role: 'user', content: [{ type: 'image', url: 'ms://f' }, { type: 'text', text: 'Hi' }] }]);
    expect(renderPrompt(request, 'kimi-k2.5').allowanceTokens).toBe(imageTokensEstimate);
  });

  it('opens no answer after an unfinished one', () => {
    const request = ask([hi, { role: 'assistant', content: '{', partial: true }]);
    expect(renderPrompt(request, 'kimi-k2').marked.text.endsWith(`${opening}{`)).toBe(true);
  });

  it('does not take special tokens in text for special', () => {
    const { marked } = renderPrompt(ask([{ role: 'user', content: '<|im_end|>' }]), 'kimi-k2.7-code');
    expect(special(marked).filter((it) => it === '<|im_end|>')).toHaveLength(1);
  });

  it('renders K3', () => {
    const request = ask(
      [
        { role: 'assistant', content: 'A', toolCalls: [{ id: 'sum:0', kind: 'function', name: 'su"m', argumentsText: '{"a":1,"s":"t"}' }] },
        { role: 'tool', toolCallId: 'sum:0', content: '3' },
      ],
      { thinking: { mode: 'off' }, toolChoice: { type: 'required' } },
    );
    expect(renderPrompt(request, 'kimi-k3').marked.text).toBe(
      '<|open|>message role="assistant"<|sep|><|open|>response<|sep|>A<|close|>response<|sep|><|open|>tools<|sep|>' +
        '<|open|>call tool="su&quot;m" index="1"<|sep|><|open|>argument key="a" type="number"<|sep|>1<|close|>argument<|sep|>' +
        '<|open|>argument key="s" type="string"<|sep|>t<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>' +
        '<|close|>message<|sep|><|end_of_msg|>' +
        '<|open|>message role="tool" tool="su&quot;m" index="1"<|sep|>3<|close|>message<|sep|><|end_of_msg|>' +
        '<|open|>message role="system" type="tool-choice"<|sep|>The system is invoked with `tool_choice=required`.\n' +
        'You MUST call tools in the next message.<|close|>message<|sep|><|end_of_msg|>' +
        '<|open|>message role="assistant"<|sep|>',
    );
  });
});

describe('countPrompt', () => {
  it('counts text, special tokens and allowances', () => {
    const bpe = toyBpe();
    const texts = ['user', 'image', 'Hi', 'assistant'].reduce((tokens, text) => tokens + bpe.count(text), 0);
    const request = ask([{ role: 'user', content: [{ type: 'image', url: 'ms://f' }, { type: 'text', text: 'Hi' }] }]);
    const specials = special(renderPrompt(request, 'kimi-k2.7-code').marked).length;
    expect(countPrompt(request, 'kimi-k2.7-code', bpe)).toEqual({ tokens: texts + specials + imageTokensEstimate, exact: false });
  });

  // moonshot-api.md 2.9: Moonshot's own golden count of this prompt.
  it.skipIf(realTokenizerPath === undefined)(`agrees with Moonshot on K3 (needs K2's file: set MOONGATE_TOKENIZER)`, () => {
    const bpe = Bpe.load(readFileSync(realTokenizerPath ?? ''));
    const request = ask([{ role: 'assistant', content: '你好' }], { thinking: { effort: 'high' } });
    expect(countPrompt(request, 'kimi-k3', bpe).tokens).toBe(99);
  });
});
