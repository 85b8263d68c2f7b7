import type { Loss } from '../dialogue/extensions.ts';

/** How many stop sequences a place takes, and how long each may be, in UTF-8. */
export interface StopLimits {
  readonly stopMax: number;
  readonly stopBytesMax?: number;
}

/** The stop sequences that a place takes: neither too many nor too long. What is left out is added to `losses`. */
export function fittingStops(stop: readonly string[], { stopMax, stopBytesMax }: StopLimits, losses: Loss[]): readonly string[] {
  const fitting = stopBytesMax === undefined ? stop : stop.filter((each) => Buffer.byteLength(each) <= stopBytesMax);
  if (fitting.length < stop.length) {
    losses.push({ field: 'stop', reason: `this upstream takes at most ${stopBytesMax} bytes; what is longer was left out` });
  }
  if (fitting.length <= stopMax) return fitting;
  losses.push({ field: 'stop', reason: `this upstream takes at most ${stopMax}; the first were sent` });
  return fitting.slice(0, stopMax);
}
