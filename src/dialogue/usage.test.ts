import { expect, it } from 'vitest';
import { checkedAgainstLimit, type Usage, withFlag } from './usage.ts';

const usage: Usage = { inputUncached: 5, cacheRead: 0, cacheWrite: 0, output: 101, estimated: false };

it('adds a flag once', () => {
  const once = withFlag(usage, 'rejected');
  expect(once.flags).toEqual(['rejected']);
  expect(withFlag(once, 'rejected')).toBe(once);
  expect(withFlag(once, 'total-differs').flags).toEqual(['rejected', 'total-differs']);
});

it('flags an output beyond its limit, and leaves the counts as they are', () => {
  expect(checkedAgainstLimit(usage, 99, 1)).toEqual({ ...usage, flags: ['output-over-limit'] });
  expect(checkedAgainstLimit(usage, 100, 1)).toBe(usage);
  expect(checkedAgainstLimit(usage, 50, 2)).toBe(usage);
  expect(checkedAgainstLimit(usage, 49, 2).flags).toEqual(['output-over-limit']);
  expect(checkedAgainstLimit(usage, undefined, 1)).toBe(usage);
});
