import { describe, expect, it } from 'vitest';
import type { DialogueRequest } from '../dialogue/request.ts';
import { encodeChatRequest } from '../wire/openai-chat/request-encode.ts';
import { type DialectName, dialectOf } from './dialect.ts';

/** Asks for everything in which the vendors differ. */
const request: DialogueRequest = {
  protocol: 'openai-chat',
  model: 'kimi-k2',
  messages: [
    { role: 'system', content: 'be brief', fromDeveloper: true },
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'so', thinking: 'hm' },
    { role: 'user', content: 'go on' },
    { role: 'assistant', content: '{', partial: true },
  ],
  tools: [{ kind: 'builtin', name: '$web_search' }],
  sampling: { temperature: 1.5, stop: ['a', 'b', 'c', 'd', 'e', 'f'] },
  thinking: { mode: 'off' },
  outputTokensMax: 100,
  cacheKey: 'task-1',
  stream: true,
};

function sent(name: DialectName): string[] {
  const { body } = encodeChatRequest(request, { model: 'm', dialect: dialectOf(name) });
  const [system, , assistant, , last] = body.messages as readonly Record<string, unknown>[];
  const { messages: _messages, model: _model, stream: _stream, ...fields } = body;
  return [
    `role ${String(system?.role)}`,
    ...['reasoning_content', 'reasoning'].filter((field) => assistant?.[field] !== undefined).map((field) => `says ${field}`),
    ...(last?.partial === undefined ? [] : ['partial']),
    ...Object.entries(fields)
      .map(([field, value]) => `${field} ${JSON.stringify(value)}`)
      .sort(),
  ];
}

/** What each vendor is sent for the request above; the sources are beside the rows. */
describe('dialectOf', () => {
  it.each([
    ['moonshot', ['max_completion_tokens 100', 'partial', 'prompt_cache_key "task-1"', 'temperature 1', 'thinking {"type":"disabled"}', 'stop ["a","b","c","d","e"]', 'says reasoning_content', 'role system']],
    ['ark', ['max_completion_tokens 100', 'temperature 1.5', 'thinking {"type":"disabled"}', 'stop ["a","b","c","d"]', 'says reasoning_content', 'role system']],
    ['openrouter', ['max_tokens 100', 'prompt_cache_key "task-1"', 'reasoning {"enabled":false}', 'says reasoning', 'role developer']],
    ['routerai', ['max_tokens 100', 'reasoning {"enabled":false}', 'says reasoning', 'role developer']],
    ['cometapi', ['max_tokens 100', 'thinking {"type":"disabled"}', 'says reasoning_content', 'role system']],
    ['vllm', ['max_tokens 100', 'chat_template_kwargs {"thinking":false}', 'continue_final_message true', 'add_generation_prompt false', 'says reasoning_content']],
    ['sglang', ['max_tokens 100', 'chat_template_kwargs {"thinking":false}', 'continue_final_message true', 'add_generation_prompt false', 'says reasoning_content']],
    ['llamacpp', ['max_tokens 100', 'chat_template_kwargs {"thinking":false}', 'stop ["a","b","c","d","e","f"]', 'says reasoning_content']],
    ['openai', ['max_tokens 100', 'stop ["a","b","c","d"]', 'says reasoning_content', 'role system']],
  ] as const)('%s is sent what it takes', (name, expected) => {
    expect(sent(name)).toEqual(expect.arrayContaining([...expected, 'stream_options {"include_usage":true}']));
  });

  it.each(['ark', 'openrouter', 'routerai', 'cometapi', 'vllm', 'sglang', 'llamacpp', 'openai'] as const)('%s is not sent what only Moonshot takes', (name) => {
    expect(sent(name)).not.toContain('partial');
    expect(sent(name).join()).not.toContain('builtin_function');
  });

  it('asks only vLLM and SGLang in their words to go on from a message', () => {
    expect(sent('llamacpp').join()).not.toContain('continue_final_message');
    expect(sent('openrouter').join()).not.toContain('continue_final_message');
  });
});
