import { type Currency, divideHalfEven, type Nanos, parseDecimal } from '../base/money.ts';
import type { GenerationState } from './generation-record.ts';
import type { UsageRow } from './usage-rows.ts';
import type { UtcDay } from './utc-day.ts';

/** The amounts of one currency: what callers pay in it, and what upstreams charge in it. */
export interface CurrencyAmounts {
  readonly currency: Currency;
  /** What callers pay. */
  readonly chargedNanos: Nanos;
  /** What upstreams charge for `priced` generations and storage. */
  readonly costNanos: Nanos;
  /** What the `free` ones would have cost. */
  readonly freeNanos: Nanos;
  /** What callers saved by cached tokens. */
  readonly cacheSavedNanos: Nanos;
  /** What generations cost beyond their reservations, and storage that could not be paid for; it is in no charge. */
  readonly lossNanos: Nanos;
  /** Of what callers pay, for keeping context caches. */
  readonly storageNanos: Nanos;
  /**
   * What callers pay in this currency less what those same calls cost, costs in other currencies at the exchange rate
   * recorded with each; costs of calls that nobody pays for count in their own currency. `none`: there is nothing to tell.
   * `unknown`: the cost of one of the calls is not known, or no rate to its currency.
   */
  readonly margin: Nanos | 'none' | 'unknown';
}

/** Sums over the generations, and what was kept in context caches, that share what was grouped by. Amounts of different currencies are never added up. */
export interface UsageTotal {
  /** Present when grouped by day. */
  readonly day?: UtcDay;
  /** Present when grouped by tenant. */
  readonly tenantId?: string;
  /** Present when grouped by key. */
  readonly keyId?: string;
  /** Present when grouped by model. */
  readonly modelId?: string;
  /** When grouped by upstream; absent for generations that reached none. */
  readonly upstreamId?: string;
  readonly generations: Readonly<Record<GenerationState, number>>;
  /** `reasoning` is a part of `output`, and a lower bound: not every upstream tells. `cacheWrite1h` is a part of `cacheWrite`. */
  readonly tokens: {
    readonly inputUncached: number;
    readonly cacheRead: number;
    readonly cacheWrite: number;
    readonly cacheWrite1h: number;
    readonly output: number;
    readonly reasoning: number;
  };
  /** Web searches that vendors ran. */
  readonly webSearchCount: number;
  /** Tokens in context caches, times the seconds that they were kept. */
  readonly storage: {
    readonly tokenSeconds: number;
    /** Of these, where nobody knows what keeping them costs; it is in no sum. */
    readonly unpricedTokenSeconds: number;
  };
  /** Generations whose tokens we counted ourselves. */
  readonly estimatedCount: number;
  /** Generations of whose usage nothing is known; their tokens are missing above. */
  readonly unmeasuredCount: number;
  /** Generations that were metered and never charged. */
  readonly freeCount: number;
  /** Generations whose model had no price: their cost is unknown, not zero. */
  readonly unpricedCount: number;
  /** Generations that something was remarkable about. */
  readonly flaggedCount: number;
  /** One for each currency, in alphabetical order. */
  readonly amounts: readonly CurrencyAmounts[];
}

/** Folds the rows of `usageRowsQuery` into one total for each group: by day, and within it those with the most tokens first. */
export function usageTotalsOf(rows: readonly UsageRow[]): UsageTotal[] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.day, row.tenant_id, row.key_id, row.model_id, row.upstream_id]));
  const totals = [...groups.values()].map(totalOf);
  return totals.sort((one, other) => (one.day ?? 0) - (other.day ?? 0) || tokenSum(other) - tokenSum(one) || (nameOf(one) < nameOf(other) ? -1 : 1));
}

function totalOf(rows: readonly UsageRow[]): UsageTotal {
  const first = rows[0];
  const sum = (count: (row: UsageRow) => number | null): number => rows.reduce((so, row) => so + (count(row) ?? 0), 0);
  const countIf = (holds: (row: UsageRow) => boolean): number => sum((row) => (holds(row) ? row.generation_count : 0));
  return {
    ...(first === undefined || first.day === null ? {} : { day: first.day }),
    ...(first === undefined || first.tenant_id === null ? {} : { tenantId: first.tenant_id }),
    ...(first === undefined || first.key_id === null ? {} : { keyId: first.key_id }),
    ...(first === undefined || first.model_id === null ? {} : { modelId: first.model_id }),
    ...(first === undefined || first.upstream_id === null ? {} : { upstreamId: first.upstream_id }),
    generations: {
      complete: countIf((row) => row.state === 'complete'),
      partial: countIf((row) => row.state === 'partial'),
      failed: countIf((row) => row.state === 'failed'),
      unknown: countIf((row) => row.state === 'unknown'),
    },
    tokens: {
      inputUncached: sum((row) => row.input_uncached_tokens),
      cacheRead: sum((row) => row.cache_read_tokens),
      cacheWrite: sum((row) => row.cache_write_tokens),
      cacheWrite1h: sum((row) => row.cache_write_1h_tokens),
      output: sum((row) => row.output_tokens),
      reasoning: sum((row) => row.reasoning_tokens),
    },
    webSearchCount: sum((row) => row.web_searches),
    storage: {
      tokenSeconds: sum((row) => row.stored_token_seconds),
      unpricedTokenSeconds: sum((row) => (row.cost_state === 'unpriced' ? row.stored_token_seconds : 0)),
    },
    estimatedCount: sum((row) => row.estimated_count),
    unmeasuredCount: sum((row) => row.generation_count - row.measured_count),
    freeCount: countIf((row) => row.cost_state === 'free'),
    unpricedCount: countIf((row) => row.cost_state === 'unpriced'),
    flaggedCount: sum((row) => row.flagged_count),
    amounts: amountsOf(rows),
  };
}

/** A currency's amounts while they are added up. */
interface Adding {
  charged: Nanos;
  cost: Nanos;
  free: Nanos;
  cacheSaved: Nanos;
  loss: Nanos;
  storage: Nanos;
  /** Whether anything was charged in it, or spent in it for nobody. */
  tells: boolean;
  costUnknown: boolean;
  /** Cost of the calls charged in this currency, by the rate that turns it into this currency; `1` for its own. */
  readonly costByRate: Map<string, Nanos>;
}

function amountsOf(rows: readonly UsageRow[]): readonly CurrencyAmounts[] {
  const byCurrency = new Map<Currency, Adding>();
  const of = (currency: Currency): Adding => {
    const known = byCurrency.get(currency);
    if (known !== undefined) return known;
    const fresh = { charged: 0n, cost: 0n, free: 0n, cacheSaved: 0n, loss: 0n, storage: 0n, tells: false, costUnknown: false, costByRate: new Map() };
    byCurrency.set(currency, fresh);
    return fresh;
  };
  for (const row of rows) {
    if (row.currency !== null && row.cost_state === 'priced') of(row.currency).cost += row.cost_nanos ?? 0n;
    if (row.currency !== null && row.cost_state === 'free') of(row.currency).free += row.cost_nanos ?? 0n;
    if (row.charge_currency !== null) {
      const amounts = of(row.charge_currency);
      amounts.charged += row.charge_nanos ?? 0n;
      amounts.cacheSaved += row.cache_saved_nanos ?? 0n;
      amounts.loss += row.loss_nanos ?? 0n;
      if (row.stored_token_seconds !== null) amounts.storage += row.charge_nanos ?? 0n;
    }
    compare(row, of);
  }
  return [...byCurrency]
    .map(([currency, amounts]) => ({
      currency,
      chargedNanos: amounts.charged,
      costNanos: amounts.cost,
      freeNanos: amounts.free,
      cacheSavedNanos: amounts.cacheSaved,
      lossNanos: amounts.loss,
      storageNanos: amounts.storage,
      margin: marginOf(amounts),
    }))
    .sort((one, other) => (one.currency < other.currency ? -1 : 1));
}

/** Notes what the calls of a row cost in the currency that they are charged in. */
function compare(row: UsageRow, of: (currency: Currency) => Adding): void {
  const cost = row.cost_state === 'priced' && row.currency !== null ? { currency: row.currency, nanos: row.cost_nanos ?? 0n } : undefined;
  const currency = row.charge_currency ?? cost?.currency;
  if (currency === undefined) return;
  const amounts = of(currency);
  amounts.tells = true;
  if (cost === undefined) {
    // Nothing was delivered, or it was the sandbox: the upstream charges nothing.
    if (row.cost_state === 'unpriced' || row.cost_state === 'unknown') amounts.costUnknown = true;
    return;
  }
  const rate = cost.currency === currency ? '1' : row.exchange_rate;
  if (rate === null || !rateForm.test(rate)) amounts.costUnknown = true;
  else amounts.costByRate.set(rate, (amounts.costByRate.get(rate) ?? 0n) + cost.nanos);
}

const rateDigits = 18;
const rateUnit = 10n ** BigInt(rateDigits);
const rateForm = /^\d{1,18}(\.\d{1,18})?$/;

/** Sums are converted, not single calls, so that nothing depends on which of them have been pruned. */
function marginOf({ tells, costUnknown, charged, costByRate }: Adding): CurrencyAmounts['margin'] {
  if (!tells) return 'none';
  if (costUnknown) return 'unknown';
  let margin = charged;
  for (const [rate, nanos] of costByRate) margin -= divideHalfEven(nanos * parseDecimal(rate, rateDigits), rateUnit);
  return margin;
}

function tokenSum({ tokens }: UsageTotal): number {
  return tokens.inputUncached + tokens.cacheRead + tokens.cacheWrite + tokens.output;
}

function nameOf({ tenantId, keyId, modelId, upstreamId }: UsageTotal): string {
  return [tenantId, keyId, modelId, upstreamId].join('/');
}
