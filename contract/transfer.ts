import { z } from 'zod';
import { amount, currency } from './amount.ts';
import { instant } from './instant.ts';
import { tenantReference } from './tenant.ts';

/** A row of the ledger's journal. */
export const transfer = z.object({
  id: z.string(),
  kind: z.string(),
  /** `pending`: held. `posted`: moved. `voided`: free again, nothing was used. `expired`: free again, nobody knows what was used. */
  phase: z.enum(['pending', 'posted', 'voided', 'expired']),
  /** Pending and not resolved yet. */
  open: z.boolean(),
  /** The account that the amount is taken from, and the one that it goes to. */
  from: z.string(),
  to: z.string(),
  amount,
  currency,
  /** When the price was in another currency: what it came to there, and the rate that was used, with its day. */
  conversion: z.object({ amount, currency, rate: z.string(), rateFrom: z.string() }).nullable(),
  tenantId: z.string().nullable(),
  keyId: z.string().nullable(),
  generationId: z.string().nullable(),
  /** Of a transfer for storage: the context cache that was kept. */
  cacheId: z.string().nullable(),
  createdAt: instant,
  /** Of a hold: until when it is kept at the latest. */
  expiresAt: instant.nullable(),
});

export type Transfer = z.infer<typeof transfer>;

export const transfersRequest = z.strictObject({
  tenant: tenantReference.optional(),
  limit: z.coerce.number<number | string>().int().min(1).max(1000).default(50),
  /** Only those before the transfer of this id, the `next` of an earlier answer. */
  before: z.string().min(1).max(400).optional(),
});

export const transfersResponse = z.object({
  /** Newest first. */
  transfers: z.array(transfer),
  /** What to send as `before` for those that follow; null: there are no more. */
  next: z.string().nullable(),
});
