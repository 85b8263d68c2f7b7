import { expect, it } from 'vitest';
import { HeldShares } from './held-shares.ts';

const mebibyte = 1024 * 1024;

it('refuses what is beyond the room for all, or beyond the share of a key, until others have left', () => {
  const shares = new HeldShares();
  const leaves = [shares.enter('a', 32 * mebibyte), shares.enter('a', 32 * mebibyte)];
  expect(() => shares.enter('a', 1)).toThrow(expect.objectContaining({ code: 'rate_limited', retryable: true, retryAfterMs: 30_000 }));
  // More than a share, but all that this key has.
  leaves.push(shares.enter('b', 100 * mebibyte));
  expect(() => shares.enter('c', 93 * mebibyte)).toThrow('room');
  leaves.push(shares.enter('c', 92 * mebibyte));
  leaves.forEach((leave) => leave());
  const small = Array.from({ length: 1_024 }, () => shares.enter('a', 1));
  expect(() => shares.enter('a', 1)).toThrow('of this key');
  small[0]?.();
  shares.enter('a', 1)();
});
