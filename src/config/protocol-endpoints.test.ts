import { describe, expect, it } from 'vitest';
import { type ProtocolProblem, type ProtocolWish, protocolEndpoints } from './protocol-endpoints.ts';

function endpoints(wish: ProtocolWish) {
  const problems: ProtocolProblem[] = [];
  const found = protocolEndpoints(wish, problems).map(({ protocol, baseUrl }) => `${protocol} ${baseUrl}`);
  return { found, problems: problems.map(({ key, message }) => `${key}: ${message}`) };
}

describe('protocolEndpoints', () => {
  it.each([
    [{ kind: 'moonshot', baseUrl: 'https://api.moonshot.cn/v1' }, ['openai-chat https://api.moonshot.cn/v1', 'anthropic-messages https://api.moonshot.cn/anthropic']],
    [{ kind: 'moonshot', baseUrl: 'https://proxy/kimi' }, ['openai-chat https://proxy/kimi']],
    [{ kind: 'moonshot', baseUrl: 'https://h/v1', protocols: ['openai-chat'] }, ['openai-chat https://h/v1']],
    [{ kind: 'moonshot', baseUrl: 'https://h/v1', responsesBaseUrl: 'https://h/v1' }, ['openai-chat https://h/v1', 'anthropic-messages https://h/anthropic', 'openai-responses https://h/v1']],
    [{ kind: 'kimi-coding', baseUrl: 'https://api.kimi.com/coding/v1' }, ['openai-chat https://api.kimi.com/coding/v1', 'anthropic-messages https://api.kimi.com/coding']],
    [{ kind: 'ark', baseUrl: 'https://ark/api/v3' }, ['openai-chat https://ark/api/v3', 'openai-responses https://ark/api/v3']],
    [{ kind: 'vllm', baseUrl: 'http://gpu/v1' }, ['openai-chat http://gpu/v1']],
    [{ kind: 'vllm', baseUrl: 'http://gpu/v1', protocols: ['openai-responses', 'anthropic-messages', 'openai-chat'] }, ['openai-chat http://gpu/v1', 'anthropic-messages http://gpu', 'openai-responses http://gpu/v1']],
    [{ kind: 'openai', baseUrl: 'http://h/v1', protocols: ['anthropic-messages'], messagesBaseUrl: 'http://h/claude' }, ['anthropic-messages http://h/claude']],
    [{ kind: 'sglang', baseUrl: 'http://h/v1', messagesBaseUrl: 'http://h' }, ['openai-chat http://h/v1', 'anthropic-messages http://h']],
  ] as readonly (readonly [ProtocolWish, readonly string[]])[])('%j speaks %j', (wish, found) => {
    expect(endpoints(wish)).toEqual({ found, problems: [] });
  });

  it('refuses a base URL for a protocol that is not spoken', () => {
    expect(endpoints({ kind: 'vllm', baseUrl: 'http://h/v1', protocols: ['openai-chat'], responsesBaseUrl: 'http://h/v1' }).problems).toEqual([
      expect.stringMatching(/^responsesBaseUrl: expected openai-responses among the protocols/),
    ]);
  });

  it('refuses a protocol whose base URL does not follow', () => {
    expect(endpoints({ kind: 'ark', baseUrl: 'https://ark/api/v3', protocols: ['openai-chat', 'anthropic-messages'] }).problems).toEqual([
      expect.stringMatching(/^protocols: expected messagesBaseUrl beside anthropic-messages/),
    ]);
  });
});
