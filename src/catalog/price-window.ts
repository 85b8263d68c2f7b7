/** A span of every day, at an offset from UTC. */
export interface DailySpan {
  /** `00:30`. */
  readonly from: string;
  /** `08:30`; earlier than `from`: on the next day. `24:00` is the end of the day. */
  readonly to: string;
  /** `+08:00`. */
  readonly utcOffset: string;
}

const dayMinutes = 1440;
const minuteMs = 60_000;

/** A span as minutes of the day in UTC: from `fromMinute` on, for `minutes`, maybe past midnight. */
export interface UtcSpan {
  readonly fromMinute: number;
  readonly minutes: number;
}

/** The span in UTC. Its texts must be in form, which the schema sees to. */
export function toUtcSpan({ from, to, utcOffset }: DailySpan): UtcSpan {
  const offset = minutesOf(utcOffset.slice(1)) * (utcOffset.startsWith('-') ? -1 : 1);
  return { fromMinute: modulo(minutesOf(from) - offset, dayMinutes), minutes: modulo(minutesOf(to) - minutesOf(from) - 1, dayMinutes) + 1 };
}

/** Whether the moment `atMs` (Unix time) lies in the span. */
export function isWithin(span: UtcSpan, atMs: number): boolean {
  return modulo(Math.floor(atMs / minuteMs) - span.fromMinute, dayMinutes) < span.minutes;
}

/** The first two spans that share a moment, by their places in the list; undefined when none do. */
export function overlapOf(spans: readonly DailySpan[]): { readonly index: number; readonly earlier: number } | undefined {
  const inUtc = spans.map(toUtcSpan);
  for (const [index, one] of inUtc.entries()) {
    const earlier = inUtc.slice(0, index).findIndex((other) => meet(one, other));
    if (earlier >= 0) return { index, earlier };
  }
  return undefined;
}

function meet(one: UtcSpan, other: UtcSpan): boolean {
  return modulo(other.fromMinute - one.fromMinute, dayMinutes) < one.minutes || modulo(one.fromMinute - other.fromMinute, dayMinutes) < other.minutes;
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
