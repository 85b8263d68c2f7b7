import { Fault } from '../base/fault.ts';

const hourMs = 3_600_000;
/** Moonshot's least (moonshot-api.md 1.6), and Ark's most (responses-ark-anthropic-batch.md 2.5). */
const hoursMin = 12;
const hoursMax = 28 * 24;

/** A window as callers write it (`24h`, `3d`), in milliseconds. Throws `invalid_request`. */
export function completionWindowMs(text: unknown): number {
  const match = typeof text === 'string' ? /^([1-9]\d{0,3})(h|d)$/.exec(text) : null;
  const hours = match === null ? 0 : Number(match[1]) * (match[2] === 'd' ? 24 : 1);
  if (hours >= hoursMin && hours <= hoursMax) return hours * hourMs;
  throw new Fault('invalid_request', {
    message: `Invalid 'completion_window': expected hours or days from 12h to 28d, such as 24h or 3d.`,
    field: 'completion_window',
  });
}
