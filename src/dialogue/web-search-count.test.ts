import { describe, expect, it } from 'vitest';
import type { DialogueReply } from './reply.ts';
import { WebSearchCount } from './web-search-count.ts';

describe('WebSearchCount', () => {
  it('counts the built-in searches of choices that end to have them run', () => {
    const count = new WebSearchCount();
    count.started(0, 'builtin', '$web_search');
    count.started(0, 'builtin', '$web_search');
    count.started(1, 'builtin', '$web_search');
    expect(count.count).toBe(0);
    count.ended(0, { reason: 'tool-calls' });
    count.ended(1, { reason: 'length' });
    expect(count.count).toBe(2);
    count.ended(0, { reason: 'tool-calls' });
    expect(count.count).toBe(2);
  });

  it('counts neither a function of that name nor another built-in', () => {
    const count = new WebSearchCount();
    count.started(0, 'function', '$web_search');
    count.started(0, 'builtin', '$code');
    count.ended(0, { reason: 'tool-calls' });
    expect(count.count).toBe(0);
  });

  it('counts those of a whole reply', () => {
    const call = { id: 'c', kind: 'builtin', name: '$web_search', argumentsText: '{}' } as const;
    const reply: DialogueReply = {
      id: 'r', model: 'm', createdS: 1,
      choices: [{ toolCalls: [call, { ...call, kind: 'function' }], finish: { reason: 'tool-calls' } }, { toolCalls: [call], finish: { reason: 'stop' } }],
    };
    const count = new WebSearchCount();
    count.addReply(reply);
    expect(count.count).toBe(1);
  });
});
