import { z } from 'zod';
import { amount, currency, positiveAmount } from './amount.ts';
import { instant } from './instant.ts';
import { tenantLabel, tenantReference, wallet } from './tenant.ts';

/** What was put into a wallet, or taken back. */
export const credit = z.object({
  id: z.string(),
  kind: z.enum(['top-up', 'withdrawal', 'trial']),
  amount,
  currency,
  reference: z.string().nullable(),
  memo: z.string().nullable(),
  createdAt: instant,
});

export type Credit = z.infer<typeof credit>;

const line = z.string().trim().min(1).regex(/^\P{Cc}*$/u, 'expected no control characters');

/** For both ways: `amount` is positive. */
export const moveCreditsRequest = z.strictObject({
  /** Absent: the first tenant. */
  tenant: tenantReference.optional(),
  amount: positiveAmount,
  currency,
  /** Names the payment; one of the same name is not booked again. */
  reference: line.max(200).optional(),
  memo: line.max(500).optional(),
});

export const moveCreditsResponse = z.object({
  tenant: tenantLabel,
  /** Id of the transfer. */
  id: z.string(),
  /** As it is afterwards. */
  wallet,
});

export const listCreditsRequest = z.strictObject({
  tenant: tenantReference.optional(),
  limit: z.coerce.number<number | string>().int().min(1).max(1000).default(50),
});

export const listCreditsResponse = z.object({
  tenant: tenantLabel,
  /** Newest first. */
  credits: z.array(credit),
});
