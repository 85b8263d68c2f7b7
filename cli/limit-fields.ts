import type { Budget, LimitPolicy, RateLimits, Spending } from '../client/answer.ts';

/** Limits and budgets of a key or a tenant as lines of `renderFields`, with what is left of each budget that has been begun. */
export function limitFields(
  { limits, budgets }: { readonly limits: LimitPolicy | null; readonly budgets: readonly Budget[] },
  spending: readonly Spending[],
): (readonly [name: string, value: string])[] {
  const all = limits === null ? '' : ratesText(limits.all);
  const ofModels = Object.entries(limits?.models ?? {}).map(([model, rates]) => [`limits of ${model}`, ratesText(rates)] as const);
  return [
    ...(all === '' ? [] : [['limits', all] as const]),
    ...ofModels,
    ...budgets.map((budget) => ['budget', `${budgetText(budget)}${leftText(spending.find((one) => isOf(one, budget)))}`] as const),
  ];
}

function ratesText({ rpm, tpm, tpd, concurrency }: RateLimits): string {
  const parts = [
    rpm === null ? undefined : `${grouped(rpm)} requests a minute`,
    tpm === null ? undefined : `${grouped(tpm)} tokens a minute`,
    tpd === null ? undefined : `${grouped(tpd)} tokens a day`,
    concurrency === null ? undefined : `${grouped(concurrency)} at a time`,
  ].filter((part) => part !== undefined);
  return parts.join(', ');
}

function budgetText({ amount, currency, period, model }: Budget): string {
  return `${amount} ${currency} ${period === 'total' ? 'in total' : `a ${period}`}${model === null ? '' : ` for ${model}`}`;
}

function leftText(spending: Spending | undefined): string {
  if (spending === undefined) return '';
  const held = spending.held === '0' ? '' : `, ${spending.held} held`;
  return ` (${spending.during.replace('/', ' ')}: ${spending.spent} spent${held}, ${spending.left} left)`;
}

function isOf(spending: Spending, budget: Budget): boolean {
  return spending.period === budget.period && spending.currency === budget.currency && spending.model === budget.model;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
