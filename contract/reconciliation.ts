import { z } from 'zod';
import { amount, currency } from './amount.ts';
import { instant } from './instant.ts';

const count = z.int().nonnegative();
const upstream = z.string().min(1).max(60);
const day = z.iso.date({ error: 'expected a day such as 2026-01-31' });

/** `csv`: an imported file. `balance`: what the account's balance fell by. `generation`: what the upstream says that single calls cost. */
export const figureSource = z.enum(['csv', 'balance', 'generation']);

const dayFigure = z.object({ day, currency, amount });

export const importFiguresRequest = z.strictObject({
  upstream,
  /** The file's text: a header `day,amount,currency`, then a line for each UTC day and currency. All of it is taken in, or nothing. */
  csv: z.string().max(1_000_000),
});

export const importFiguresResponse = z.object({
  /** What now stands for these days, in place of what was imported for them before. */
  figures: z.array(dayFigure),
});

export const fetchFiguresRequest = z.strictObject({
  upstream,
  /** UTC day of the calls to ask about, where single calls are asked about; yesterday when left out. */
  day: day.optional(),
  /** How many calls at most, the dearest first. */
  limit: z.coerce.number<number | string>().int().min(1).max(200).default(50),
});

export const fetchFiguresResponse = z.object({
  source: z.enum(['balance', 'generation']),
  /** Those that are new or have changed. */
  figures: z.array(dayFigure),
  /** What is in the account now, where that is what the upstream tells. */
  balance: z.object({ amount, currency }).nullable(),
  /** Ids of our generations that the upstream was asked about and does not know. */
  missing: z.array(z.string()),
});

export const reconciliationRequest = z.strictObject({
  upstream,
  /** First UTC day. */
  from: day.optional(),
  /** Up to, but without, this UTC day. */
  to: day.optional(),
});

export const reconciledDay = z.object({
  day,
  currency,
  /** null: the upstream's side is missing. */
  source: figureSource.nullable(),
  /** What we have recorded that the upstream charges; null: our side is missing. Of the whole day, or of the calls compared. */
  ours: amount.nullable(),
  theirs: amount.nullable(),
  /** Theirs less ours. */
  drift: amount.nullable(),
  /** Of ours, in percent with up to two decimals. */
  driftPercent: z.string().nullable(),
  /** For `generation`: how many calls were asked about, and how many of them the upstream does not know. */
  compared: z.object({ calls: count, missing: count }).nullable(),
  /** For `balance`: hours of the day that lie between two readings. */
  coveredHours: z.number().min(0).max(24).nullable(),
  /** For `balance`: what was paid in. What was spent between the same two readings is missing in both figures. */
  toppedUp: amount.nullable(),
  /** Calls of that day whose cost we do not know; they are in no sum. */
  unpriced: count,
});

export type ReconciledDay = z.infer<typeof reconciledDay>;

export const reconciliationResponse = z.object({
  upstream: z.string(),
  from: day.nullable(),
  to: day.nullable(),
  days: z.array(reconciledDay),
  /** Over the days that both sides have. */
  totals: z.array(z.object({ source: figureSource, currency, days: count, ours: amount, theirs: amount, drift: amount, driftPercent: z.string().nullable() })),
  /** Falls (or, with a minus, rises) of the balance between readings too far apart to say which day they belong to. */
  unplaced: z.array(z.object({ from: instant, to: instant, currency, fell: amount })),
});

export type Reconciliation = z.infer<typeof reconciliationResponse>;
export type FetchedFigures = z.infer<typeof fetchFiguresResponse>;
export type ImportedFigures = z.infer<typeof importFiguresResponse>;
