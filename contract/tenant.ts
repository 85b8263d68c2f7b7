import { z } from 'zod';
import { amount, currency, positiveAmount } from './amount.ts';
import { instant } from './instant.ts';
import { budget, limitFields, limitPolicy, spending } from './limits.ts';

/** Names a tenant in a request: its id or its name. */
export const tenantReference = z.string().min(1).max(200);

/** Tells a tenant from others in an answer. */
export const tenantLabel = z.object({ id: z.string(), name: z.string() });

export const tenant = tenantLabel.extend({
  /** `prepaid`: its wallet must hold what a call may cost. */
  billing: z.enum(['prepaid', 'postpaid']),
  /** What it pays in; null: the currency of each price. */
  currency: currency.nullable(),
  limits: limitPolicy.nullable(),
  budgets: z.array(budget),
  createdAt: instant,
});

export type Tenant = z.infer<typeof tenant>;

export const wallet = z.object({
  currency,
  /** Credits less what was spent; negative: owed. */
  balance: amount,
  /** Of it, held for calls under way. */
  held: amount,
  /** The least that may be left: 0 for prepaid, negative for a credit limit; null: no limit. */
  floor: amount.nullable(),
  /** What may still be spent; null: no limit. */
  available: amount.nullable(),
  toppedUp: amount,
  trial: amount,
  spent: amount,
});

export type Wallet = z.infer<typeof wallet>;

export const createTenantRequest = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1, 'expected a name')
    .max(100)
    .regex(/^\P{C}*$/u, 'expected no control characters')
    // A path of dots alone would lead elsewhere.
    .regex(/[\p{L}\p{N}]/u, 'expected a name with a letter or a digit in it')
    .regex(/^(?!ten_)/, 'expected a name that does not begin with "ten_": ids do'),
  /** Without it, and without `creditLimit`: postpaid without limit. */
  prepaid: z.boolean().default(false),
  /** What it pays in. Absent: for a prepaid one, the server's; for a postpaid one without a credit limit, the currency of each price. */
  currency: currency.optional(),
  /** How much a postpaid one may owe. */
  creditLimit: z.strictObject({ amount: positiveAmount, currency }).optional(),
  ...limitFields,
});

export const createTenantResponse = z.object({
  tenant,
  /** With its trial credit, if it was given one. */
  wallets: z.array(wallet),
  /** Why no trial credit was given, though one is configured; else null. */
  note: z.string().nullable(),
});

export const listTenantsResponse = z.object({ tenants: z.array(tenant) });

export const showTenantRequest = z.strictObject({ tenant: tenantReference });

export const showTenantResponse = z.object({
  tenant,
  wallets: z.array(wallet),
  spending: z.array(spending),
});
