import { expect, it } from 'vitest';
import { periodName } from './spend-budgets.ts';

it.each([
  ['day', '2026-11-27T23:59:59.999Z', 'day/2026-11-27'],
  ['day', '2026-11-28T00:00:00Z', 'day/2026-11-28'],
  ['month', '2026-11-30T23:59:59.999Z', 'month/2026-11'],
  ['month', '2026-12-01T01:00:00+02:00', 'month/2026-11'],
  ['total', '2026-11-27T12:00:00Z', 'total'],
] as const)('the %s of %s is %s', (period, at, name) => {
  expect(periodName(period, Date.parse(at))).toBe(name);
});
