import { describe, expect, it } from 'vitest';
import { Fault } from '../base/fault.ts';
import type { DialogueEvent } from './event.ts';
import { Fold } from './fold.ts';

function fold(events: readonly DialogueEvent[]): ReturnType<Fold['reply']> {
  const folded = new Fold();
  for (const event of events) folded.add(event);
  return folded.reply();
}

describe('Fold', () => {
  it('puts thinking, text and parallel calls together by choice and index', () => {
    const reply = fold([
      { type: 'reply-start', id: 'r', model: 'm', createdS: 7 },
      { type: 'thinking-delta', choice: 0, text: 'Let ' },
      { type: 'thinking-delta', choice: 0, text: 'me see' },
      { type: 'text-delta', choice: 0, text: 'Hi' },
      { type: 'tool-call-start', choice: 0, index: 0, id: 'a:0', kind: 'function', name: 'a' },
      { type: 'tool-call-start', choice: 0, index: 1, id: 'b:1', kind: 'function', name: 'b' },
      { type: 'tool-call-delta', choice: 0, index: 1, argumentsText: '{"y":' },
      { type: 'tool-call-delta', choice: 0, index: 0, argumentsText: '{}' },
      { type: 'tool-call-delta', choice: 0, index: 1, argumentsText: '2}' },
      { type: 'choice-end', choice: 0, finish: { reason: 'tool-calls' } },
      { type: 'text-delta', choice: 1, text: 'other' },
    ]);
    expect(reply).toEqual({
      id: 'r',
      model: 'm',
      createdS: 7,
      choices: [
        {
          thinking: 'Let me see',
          text: 'Hi',
          toolCalls: [
            { id: 'a:0', kind: 'function', name: 'a', argumentsText: '{}' },
            { id: 'b:1', kind: 'function', name: 'b', argumentsText: '{"y":2}' },
          ],
          finish: { reason: 'tool-calls' },
        },
        { text: 'other', toolCalls: [], finish: { reason: 'other' } },
      ],
    });
  });

  it('keeps empty text apart from none', () => {
    const reply = fold([{ type: 'text-delta', choice: 0, text: '' }]);
    expect(reply.choices[0]).toHaveProperty('text', '');
    expect(reply.choices[0]).not.toHaveProperty('thinking');
  });

  it('throws the fault of an error event', () => {
    expect(() => fold([{ type: 'error', fault: new Fault('upstream_failed') }])).toThrow(Fault);
  });

  it('takes the last word on usage, whether it is believed or not', () => {
    const usage = { inputUncached: 1, cacheRead: 0, cacheWrite: 0, output: 1, estimated: false };
    const ended: DialogueEvent = { type: 'choice-end', choice: 0, finish: { reason: 'stop' } };
    expect(fold([ended, { type: 'usage', usage }, { type: 'usage-rejected' }])).toMatchObject({ usageRejected: true });
    expect(fold([ended, { type: 'usage', usage }, { type: 'usage-rejected' }])).not.toHaveProperty('usage');
    expect(fold([ended, { type: 'usage-rejected' }, { type: 'usage', usage }])).not.toHaveProperty('usageRejected');
  });
});
