import { divideHalfEven, type Nanos, type Picos, toNanos } from '../base/money.ts';
import type { Cost } from '../catalog/price.ts';
import type { ReplyCost, ReplyCostLine } from '../dialogue/reply-cost.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { Reckoning } from './billing.ts';

/** What a reply tells its caller of its cost: what the wallet pays, and for what. */
export function shownCost(attempt: PlannedAttempt, { cost, bill }: Reckoning): ReplyCost {
  if (bill !== undefined) {
    const { charged, sale } = bill;
    const { listed } = sale.charge;
    const isListed = charged.rate === undefined && charged.amountNanos === listed.amountNanos;
    const lines = isListed ? linesOf(listed, toNanos) : linesOf(listed, shareOf(charged.amountNanos, listed.amountPicos));
    return { state: 'priced', amountNanos: charged.amountNanos, currency: charged.currency, lines };
  }
  if (attempt.costState === 'unpriced' || cost === undefined) return { state: 'unpriced' };
  return { state: 'free', amountNanos: cost.amountNanos, currency: cost.currency, lines: linesOf(cost, toNanos) };
}

function linesOf({ lines, extras = [] }: Cost, amountOf: (listed: Picos) => Nanos): readonly ReplyCostLine[] {
  return [
    ...lines.map(({ bucket, tokens, amountPicos }) => ({ bucket, tokens, amountNanos: amountOf(amountPicos) })),
    ...extras.map(({ extra, calls, amountPicos }) => ({ bucket: extra, tokens: calls, amountNanos: amountOf(amountPicos) })),
  ];
}

/** Of each line in turn its part of `amount`, as it has a part of the `whole` list price. They add up to `amount`: what is rounded is the sum so far. */
function shareOf(amount: Nanos, whole: Picos): (listed: Picos) => Nanos {
  let listedSoFar = 0n;
  let sharedSoFar = 0n;
  return (listed) => {
    if (whole === 0n) return 0n;
    listedSoFar += listed;
    const share = divideHalfEven(amount * listedSoFar, whole) - sharedSoFar;
    sharedSoFar += share;
    return share;
  };
}
