import { describe, expect, it } from 'vitest';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { Message } from '../dialogue/message.ts';
import { prefixOf, PrefixTurns, WarmPrefixes } from './warm-prefixes.ts';

const said = (role: 'system' | 'user', text: string): Message => ({ role, content: [{ type: 'text', text }] }) as Message;
const long = 'be brief '.repeat(200);
const request = (...messages: readonly Message[]): DialogueRequest => ({ protocol: 'openai-chat', model: 'm', messages, sampling: {}, stream: false });

describe('what requests share', () => {
  it('is their tools and system messages, or else all messages but the last', () => {
    const system = prefixOf(request(said('system', long), said('user', 'a')));
    expect(system).toBeDefined();
    expect(prefixOf(request(said('system', long), said('user', 'b'), said('user', 'c')))).toBe(system);
    expect(prefixOf(request(said('system', `${long}!`), said('user', 'a')))).not.toBe(system);
    expect(prefixOf({ ...request(said('system', long), said('user', 'a')), model: 'other' })).not.toBe(system);
    const shots = prefixOf(request(said('user', long), said('user', 'a')));
    expect(shots).toBe(prefixOf(request(said('user', long), said('user', 'b'))));
    expect(prefixOf(request(said('user', `${long}!`), said('user', 'a')))).not.toBe(shots);
  });

  it('is nothing where there is only a question, or too little to be cached', () => {
    expect(prefixOf(request(said('user', long)))).toBeUndefined();
    expect(prefixOf(request(said('system', 'be brief'), said('user', 'a')))).toBeUndefined();
  });

  it('is in a cache for minutes, at who read it last, and the oldest of very many are forgotten', () => {
    const warm = new WarmPrefixes();
    warm.read('p', 'a', 0);
    warm.read('p', 'b', 100_000);
    expect([warm.holder('p', 399_000), warm.holder('p', 401_000), warm.holder('q', 0)]).toEqual(['b', undefined, undefined]);
    for (let other = 0; other < 1_000; other += 1) warm.read(`${other}`, 'a', 100_000);
    expect([warm.holder('p', 100_000), warm.holder('0', 100_000)]).toEqual([undefined, 'a']);
  });

  it('lets the first go alone, and the others when it is back', async () => {
    const turns = new PrefixTurns();
    const order: string[] = [];
    const go = async (name: string, back: Promise<void>): Promise<void> => {
      for (;;) {
        const turn = turns.take('p');
        if ('behind' in turn) {
          await turn.behind;
          continue;
        }
        order.push(name);
        await back;
        return turn.done();
      }
    };
    const back = Promise.withResolvers<void>();
    const all = ['a', 'b', 'c'].map((name, place) => go(name, place === 0 ? back.promise : Promise.resolve()));
    expect('done' in turns.take('q')).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['a']);
    back.resolve();
    await Promise.all(all);
    expect(order).toEqual(['a', 'b', 'c']);
  });
});
