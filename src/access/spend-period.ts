import type { SpendPeriod } from './limit-policy.ts';

/** The period that `atMs` lies in, by the calendar of UTC: `day/2026-11-27`, `month/2026-11`, `total`. */
export function periodName(period: SpendPeriod, atMs: number): string {
  if (period === 'total') return 'total';
  const day = new Date(atMs).toISOString();
  return `${period}/${day.slice(0, period === 'day' ? 10 : 7)}`;
}
