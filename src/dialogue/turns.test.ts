import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from './message.ts';
import { turnsOf, withoutOldest } from './turns.ts';

const system: Message = { role: 'system', content: 's' };
const user = (content: string): Message => ({ role: 'user', content });
const calling: Message = { role: 'assistant', toolCalls: [{ id: 'a', kind: 'function', name: 'f', argumentsText: '{}' }, { id: 'b', kind: 'function', name: 'f', argumentsText: '{}' }] };
const results: readonly Message[] = [{ role: 'tool', toolCallId: 'a', content: '1' }, { role: 'tool', toolCallId: 'b', content: '2' }];
const ofLength = (max: number) => (messages: readonly Message[]): Promise<boolean> => Promise.resolve(messages.length <= max);

describe('turnsOf', () => {
  it('keeps calls with their results', () => {
    expect(turnsOf([system, user('1'), calling, ...results, user('2')])).toEqual({ opening: [system], turns: [[user('1')], [calling, ...results], [user('2')]] });
    expect(turnsOf([system])).toEqual({ opening: [system], turns: [] });
    expect(turnsOf([])).toEqual({ opening: [], turns: [] });
  });
});

describe('withoutOldest', () => {
  it('leaves off whole turns from the beginning, and nothing when all fits', async () => {
    const messages = [system, user('1'), calling, ...results, user('2')];
    expect(await withoutOldest(messages, ofLength(6))).toBe(messages);
    expect(await withoutOldest(messages, ofLength(5))).toEqual([system, calling, ...results, user('2')]);
    expect(await withoutOldest(messages, ofLength(4))).toEqual([system, user('2')]);
  });

  it('keeps the opening and the last turn, however long they are', async () => {
    expect(await withoutOldest([system, user('1'), user('2')], ofLength(0))).toEqual([system, user('2')]);
    expect(await withoutOldest([system], ofLength(0))).toEqual([system]);
  });

  it('leaves off no more than it must', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 70 }), async (count, max) => {
      const messages = Array.from({ length: count }, (_, index) => user(String(index)));
      const kept = await withoutOldest(messages, ofLength(max));
      expect(kept).toEqual(messages.slice(Math.max(0, count - max)));
    }));
  });
});
