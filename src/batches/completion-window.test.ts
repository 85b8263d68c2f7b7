import { expect, it } from 'vitest';
import { completionWindowMs } from './completion-window.ts';

const hourMs = 3_600_000;

it.each([['12h', 12], ['24h', 24], ['1d', 24], ['3d', 72], ['672h', 672], ['28d', 672]])('%s are %d hours', (text, hours) => {
  expect(completionWindowMs(text)).toBe(hours * hourMs);
});

it.each(['11h', '673h', '29d', '0d', '024h', '1.5d', '24', 'h', '24H', '1w', '', ' 24h', 24, null, undefined])('%j is no window', (text) => {
  expect(() => completionWindowMs(text)).toThrow(/12h to 28d/);
});
