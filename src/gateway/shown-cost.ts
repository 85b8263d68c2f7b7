import { toNanos } from '../base/money.ts';
import type { Cost } from '../catalog/price.ts';
import type { ReplyCost, ReplyCostLine } from '../dialogue/reply-cost.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { Reckoning } from './billing.ts';

/**
 * What a reply tells its caller of its cost: what the wallet pays. The lines are those of the list, before a discount or a
 * conversion; they are left out when they are in another currency.
 */
export function shownCost(attempt: PlannedAttempt, { cost, bill }: Reckoning): ReplyCost {
  if (bill !== undefined) {
    const { charged, sale } = bill;
    const lines = charged.rate === undefined ? linesOf(sale.charge.listed) : [];
    return { state: 'priced', amountNanos: charged.amountNanos, currency: charged.currency, lines };
  }
  if (attempt.costState === 'unpriced' || cost === undefined) return { state: 'unpriced' };
  return { state: 'free', amountNanos: cost.amountNanos, currency: cost.currency, lines: linesOf(cost) };
}

function linesOf({ lines, extras = [] }: Cost): readonly ReplyCostLine[] {
  return [
    ...lines.map(({ bucket, tokens, amountPicos }) => ({ bucket, tokens, amountNanos: toNanos(amountPicos) })),
    ...extras.map(({ extra, calls, amountPicos }) => ({ bucket: extra, tokens: calls, amountNanos: toNanos(amountPicos) })),
  ];
}
