import { expect, it } from 'vitest';
import { windowHoursFor } from './vendor-window.ts';

const moonshot = { linesMax: 1, bytesMax: 1, windowHoursMin: 12, windowHoursMax: 168 };
const openai = { ...moonshot, windowHoursMin: 24, windowHoursMax: 24 };

it.each([
  [24, moonshot, 21], [168, moonshot, 151], [600, moonshot, 168], [12, moonshot, 12], [11.6, moonshot, 12], [11.4, moonshot, undefined],
  [23.9, openai, 24], [72, openai, 24], [12, openai, undefined],
])('of %s hours that are left, a vendor is given some, and leaves the rest for what it does not do', (hours, limits, given) => {
  expect(windowHoursFor(hours * 3_600_000, limits)).toBe(given);
});
