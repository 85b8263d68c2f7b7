import { divideHalfEven, type Nanos } from '../base/money.ts';
import type { Cost } from '../catalog/price.ts';
import type { ReplyCost, ReplyCostLine } from '../dialogue/reply-cost.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { Reckoning } from './billing.ts';

/**
 * What a reply tells its caller of its cost: what the wallet pays, whatever discount and exchange rate led there. Each line is its
 * share of that.
 */
export function shownCost(attempt: PlannedAttempt, { cost, bill }: Reckoning): ReplyCost {
  if (bill !== undefined) {
    const { charged, sale } = bill;
    return { state: 'priced', amountNanos: charged.amountNanos, currency: charged.currency, lines: linesOf(sale.charge.listed, charged.amountNanos) };
  }
  if (attempt.costState === 'unpriced' || cost === undefined) return { state: 'unpriced' };
  return { state: 'free', amountNanos: cost.amountNanos, currency: cost.currency, lines: linesOf(cost, cost.amountNanos) };
}

function linesOf({ lines, extras, amountPicos: wholePicos }: Cost, paidNanos: Nanos): readonly ReplyCostLine[] {
  const share = (picos: bigint): Nanos => (wholePicos === 0n ? 0n : divideHalfEven(paidNanos * picos, wholePicos));
  const shown: ReplyCostLine[] = lines.map(({ bucket, tokens, amountPicos }) => ({ bucket, tokens, amountNanos: share(amountPicos) }));
  for (const { extra, calls, amountPicos } of extras ?? []) shown.push({ bucket: extra, tokens: calls, amountNanos: share(amountPicos) });
  return shown;
}
