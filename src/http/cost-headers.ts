import { formatNanos } from '../base/money.ts';
import type { ReplyCost } from '../dialogue/reply-cost.ts';

/** To announce what `costHeaders` gives as trailers. */
export const costTrailerNames = 'X-Moongate-Cost, X-Moongate-Cost-Detail';

/**
 * What a reply costs its caller, for base paths whose vendor has no field for it: `X-Moongate-Cost: 0.00123 USD`, and what of
 * it is for what (`X-Moongate-Cost-Detail: input=0.001; cache_read=0.00003; output=0.0002`). Free calls cost `0` and have their
 * `list_price` in the detail; a price that is not known is `unpriced`. None for an undefined cost.
 */
export function costHeaders(cost: ReplyCost | undefined): Record<string, string> {
  if (cost === undefined) return {};
  if (cost.state === 'unpriced') return { 'x-moongate-cost': 'unpriced' };
  const { amountNanos, currency, lines } = cost;
  if (cost.state === 'free') {
    return { 'x-moongate-cost': `0 ${currency}`, 'x-moongate-cost-detail': `list_price=${formatNanos(amountNanos)}` };
  }
  const detail = lines.map((line) => `${snakeCase(line.bucket)}=${formatNanos(line.amountNanos)}`).join('; ');
  return { 'x-moongate-cost': `${formatNanos(amountNanos)} ${currency}`, ...(detail === '' ? {} : { 'x-moongate-cost-detail': detail }) };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
