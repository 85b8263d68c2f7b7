import type { AdminRequest } from '../../../contract/admin-api.ts';
import type { LimitPolicy, RateLimits, SpendLimit } from '../../access/limit-policy.ts';
import { Fault } from '../../base/fault.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import { canonicalModel } from './canonical-model.ts';
import { moneyOf } from './money-wish.ts';

/** What a request for a key or a tenant says of its limits. */
export type LimitWish = Pick<AdminRequest<'createKey'>, 'limitPreset' | 'limits' | 'modelLimits' | 'budgets'>;

export interface LimitDeps {
  /** Says which model a name means. */
  readonly catalog: Pick<Catalog, 'resolve'>;
  readonly presetByName: (name: string) => LimitPolicy | undefined;
  readonly presetNames: readonly string[];
}

/** Limits and budgets as they are stored; those that are absent are not asked for. */
export interface WishedLimits {
  readonly limits?: LimitPolicy;
  readonly budgets?: readonly SpendLimit[];
}

/**
 * What was asked for, with the preset filled in and models by their canonical ids. Figures that were named go before those of
 * the preset. Throws `invalid_request` naming the field.
 */
export function wishedLimits(wish: LimitWish, deps: LimitDeps): WishedLimits {
  const limits = policyOf(wish, deps);
  const budgets = wish.budgets === undefined ? undefined : budgetsOf(wish.budgets, deps.catalog);
  return { ...(limits === undefined ? {} : { limits }), ...(budgets === undefined ? {} : { budgets }) };
}

function policyOf({ limitPreset, limits, modelLimits = {} }: LimitWish, deps: LimitDeps): LimitPolicy | undefined {
  const preset = limitPreset === undefined ? undefined : presetOf(limitPreset, deps);
  const all: RateLimits = { ...preset?.all, ...stated(limits) };
  const models: Record<string, RateLimits> = { ...preset?.models };
  for (const [name, rates] of Object.entries(modelLimits)) {
    const id = canonicalModel(name, `modelLimits.${name}`, deps.catalog);
    models[id] = { ...models[id], ...stated(rates) };
  }
  const policy = { ...(Object.keys(all).length === 0 ? {} : { all }), ...(Object.keys(models).length === 0 ? {} : { models }) };
  return Object.keys(policy).length === 0 ? undefined : policy;
}

function presetOf(name: string, { presetByName, presetNames }: LimitDeps): LimitPolicy {
  const preset = presetByName(name);
  if (preset !== undefined) return preset;
  const message = `Invalid request: there is no preset of limits "${name.slice(0, 80)}"; there are: ${presetNames.join(', ')}`;
  throw new Fault('invalid_request', { message, field: 'limitPreset' });
}

/** Without the fields that are there and undefined. */
function stated(rates: NonNullable<LimitWish['limits']> = {}): RateLimits {
  return Object.fromEntries(Object.entries(rates).filter(([, rate]) => rate !== undefined));
}

function budgetsOf(wishes: NonNullable<LimitWish['budgets']>, catalog: Pick<Catalog, 'resolve'>): readonly SpendLimit[] {
  const seen = new Set<string>();
  return wishes.map(({ period, model, ...money }, index) => {
    const modelId = model === undefined ? undefined : canonicalModel(model, `budgets.${index}.model`, catalog);
    const budget: SpendLimit = { period, ...moneyOf(money, `budgets.${index}.`), ...(modelId === undefined ? {} : { modelId }) };
    // They would share one account of the ledger, and neither would hold.
    const name = `${period}/${budget.currency}/${modelId ?? ''}`;
    if (seen.has(name)) {
      const message = `Invalid request: there are two budgets in ${budget.currency} for one period (${period})`;
      throw new Fault('invalid_request', { message, field: `budgets.${index}` });
    }
    seen.add(name);
    return budget;
  });
}
