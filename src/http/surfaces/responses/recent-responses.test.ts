import { describe, expect, it } from 'vitest';
import { RecentResponses } from './recent-responses.ts';

function response(chars: number) {
  return { context: { history: [], held: [] }, chars };
}

describe('responses that are not stored', () => {
  it('are there for their own connection, the last of each stream', () => {
    const recent = new RecentResponses();
    recent.keep('one', '', 'resp_1', response(10));
    recent.keep('one', 'a', 'resp_2', response(10));
    expect(recent.get('one', 'resp_1')).toMatchObject({ chars: 10 });
    expect(recent.get('two', 'resp_1')).toBeUndefined();
    recent.forget('two', 'resp_1');
    recent.keep('one', '', 'resp_3', response(10));
    expect(['resp_1', 'resp_2', 'resp_3'].map((id) => recent.get('one', id)?.chars)).toEqual([undefined, 10, 10]);
    recent.forget('one', 'resp_2');
    recent.forgetAll('one');
    expect(['resp_2', 'resp_3'].map((id) => recent.get('one', id))).toEqual([undefined, undefined]);
  });

  it('are bounded, in all and for each connection', () => {
    const recent = new RecentResponses(10_000, 2);
    for (const id of ['1', '2', '3']) recent.keep('one', id, id, response(1));
    expect(['1', '2', '3'].map((id) => recent.get('one', id) !== undefined)).toEqual([false, true, true]);
    recent.keep('two', '', 'large', response(7_500));
    expect(['2', '3', 'large'].map((id) => recent.get(id === 'large' ? 'two' : 'one', id) !== undefined)).toEqual([false, true, true]);
    recent.keep('two', '', 'too-large', response(11_000));
    expect(recent.get('two', 'too-large')).toBeUndefined();
  });
});
