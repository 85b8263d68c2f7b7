/** Milliseconds of a day. UTC days have no summer time, and no leap second that POSIX time would show. */
export const dayMs = 86_400_000;

/** Days since 1 January 1970, UTC. */
export type UtcDay = number;

/** The UTC day that `atMs` lies in. */
export function utcDayOf(atMs: number): UtcDay {
  return Math.floor(atMs / dayMs);
}

/** `20454` as `2026-01-01`. */
export function utcDayText(day: UtcDay): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}

/** `2026-01-01` as a day; undefined when the calendar has no such date. */
export function parseUtcDay(text: string): UtcDay | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const atMs = Date.parse(text);
  // The parser takes 2026-02-31 for the third of March.
  return Number.isNaN(atMs) || utcDayText(utcDayOf(atMs)) !== text ? undefined : utcDayOf(atMs);
}
