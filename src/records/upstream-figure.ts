import type { Currency, Nanos } from '../base/money.ts';
import type { UtcDay } from './utc-day.ts';

/**
 * Where a figure is from. `csv`: a file that the operator imported. `balance`: what the account's balance fell by.
 * `generation`: what the upstream says that single calls cost.
 */
export const figureSources = ['csv', 'balance', 'generation'] as const;

export type FigureSource = (typeof figureSources)[number];

/** What an upstream itself says that one UTC day cost, in one currency. */
export interface UpstreamFigure {
  readonly upstreamId: string;
  readonly day: UtcDay;
  readonly currency: Currency;
  readonly source: FigureSource;
  readonly amountNanos: Nanos;
  /** Present when the figure is not of the whole day, but of calls that were asked for one by one. */
  readonly compared?: ComparedCalls;
}

export interface ComparedCalls {
  /** What we have recorded as the cost of those that the upstream knows. */
  readonly ownNanos: Nanos;
  /** How many were asked for. */
  readonly count: number;
  /** How many of them the upstream does not know; they are in neither sum. */
  readonly missingCount: number;
}
