import { type Currency, divideHalfEven, divideUp, formatDecimal, type Nanos, parseDecimal } from '../base/money.ts';
import { type ExchangeRate, type RateSource, rateSources } from './exchange-rate.ts';

/** How old a rate may be, and what becomes of one that is older. */
export interface RatePolicy {
  /** From this many days after its own on, a rate is stale. */
  readonly staleDays: number;
  /** `flag`: it is used and marked. `refuse`: it is not used. */
  readonly staleRates: 'flag' | 'refuse';
}

/** An amount in another currency, and the rate that was used: to be stored with it. */
export interface Conversion {
  readonly amountNanos: Nanos;
  /** Decimal: what one unit was worth; exact where a row states it, else to eighteen places. */
  readonly rate: string;
  /** ISO date of the row, or of the older one of two. */
  readonly validFrom: string;
  /** Where it is from: `ecb`, or `cbr+config` for a rate by way of a third currency; `same` when nothing was converted. */
  readonly source: string;
  readonly stale: boolean;
}

/** Turns one amount into another: `amount × numerator / denominator`. */
interface Route {
  readonly numerator: bigint;
  readonly denominator: bigint;
  readonly rate: string;
  readonly validFrom: string;
  readonly validFromMs: number;
  readonly sources: readonly RateSource[];
}

interface PairRow {
  readonly row: ExchangeRate;
  readonly validFromMs: number;
}

const dayMs = 86_400_000;
/** Places of a rate as rows state it, and as it is told when it had to be worked out. */
const statedPlaces = 12;
const toldPlaces = 18;
const one = 10n ** BigInt(statedPlaces);

/**
 * Dated exchange rates, and amounts turned from one currency into another by the newest row that is not younger than the moment
 * asked for. Exact integers, rounded once.
 */
export class ExchangeRates {
  readonly #policy: RatePolicy;
  readonly #stated: readonly ExchangeRate[];
  #stored: readonly ExchangeRate[] = [];
  /** By `from/to`, oldest first; of one day, the least trusted first. */
  #pairs: ReadonlyMap<string, readonly PairRow[]> = new Map();
  /** Currencies that stand in a row with that one. */
  #neighbours: ReadonlyMap<Currency, ReadonlySet<Currency>> = new Map();
  /** What was found last, by `from/to`: rows change by the day only, and one pair is asked for on every request. */
  readonly #routes = new Map<string, { readonly day: number; readonly route: Route | undefined }>();

  /** `stated` are the rows of the configuration and its file; those of the database follow with `setStored`. */
  constructor(policy: RatePolicy, stated: readonly ExchangeRate[] = []) {
    this.#policy = { staleDays: policy.staleDays, staleRates: policy.staleRates };
    this.#stated = stated;
    this.#index();
  }

  get policy(): RatePolicy {
    return this.#policy;
  }

  /** The rows of the database, in place of those that were there. */
  setStored(rows: readonly ExchangeRate[]): void {
    this.#stored = rows;
    this.#index();
  }

  /** Every row, newest first. */
  rows(): readonly ExchangeRate[] {
    return [...this.#pairs.values()].flat().toSorted((a, b) => b.validFromMs - a.validFromMs).map(({ row }) => row);
  }

  /** Whether `row` is the one in force for its pair at `atMs`. */
  isInForce(row: ExchangeRate, atMs: number): boolean {
    return this.#newest(row.from, row.to, atMs)?.row === row;
  }

  /** Whether a row is older at `atMs` than the policy allows without a word. */
  isStale({ validFrom }: ExchangeRate, atMs: number): boolean {
    return this.#isStale(Date.parse(validFrom), atMs);
  }

  /**
   * `amountNanos` of `from` in `to` at `atMs` (Unix time), rounded half-even. By a row for the pair, the same pair the other
   * way round, or one third currency, in this order. Undefined: no rate is known, or only a stale one, which the policy refuses.
   */
  convert(amountNanos: Nanos, from: Currency, to: Currency, atMs: number): Conversion | undefined {
    return this.#convert(amountNanos, from, to, atMs, divideHalfEven);
  }

  /** As `convert`, but rounded up: for what is held back. */
  convertUp(amountNanos: Nanos, from: Currency, to: Currency, atMs: number): Conversion | undefined {
    return this.#convert(amountNanos, from, to, atMs, divideUp);
  }

  #convert(amountNanos: Nanos, from: Currency, to: Currency, atMs: number, divide: (value: bigint, divisor: bigint) => bigint): Conversion | undefined {
    if (from === to) return { amountNanos, rate: '1', validFrom: new Date(atMs).toISOString().slice(0, 10), source: 'same', stale: false };
    const route = this.#route(from, to, atMs);
    if (route === undefined) return undefined;
    const stale = this.#isStale(route.validFromMs, atMs);
    if (stale && this.#policy.staleRates === 'refuse') return undefined;
    return {
      amountNanos: divide(amountNanos * route.numerator, route.denominator),
      rate: route.rate,
      validFrom: route.validFrom,
      source: [...new Set(route.sources)].join('+'),
      stale,
    };
  }

  #isStale(validFromMs: number, atMs: number): boolean {
    return atMs - validFromMs > this.#policy.staleDays * dayMs;
  }

  #route(from: Currency, to: Currency, atMs: number): Route | undefined {
    const key = `${from}/${to}`;
    const day = Math.floor(atMs / dayMs);
    const known = this.#routes.get(key);
    if (known?.day === day) return known.route;
    const route = this.#leg(from, to, atMs) ?? this.#byThird(from, to, atMs);
    this.#routes.set(key, { day, route });
    return route;
  }

  /** By one row, as it is or turned round, whichever is newer. */
  #leg(from: Currency, to: Currency, atMs: number): Route | undefined {
    const direct = this.#newest(from, to, atMs);
    const inverse = this.#newest(to, from, atMs);
    if (direct !== undefined && (inverse === undefined || direct.validFromMs >= inverse.validFromMs)) return routeOf(direct, false);
    return inverse === undefined ? undefined : routeOf(inverse, true);
  }

  /** By way of the third currency whose rates are freshest; of equally fresh ones the first of the alphabet. */
  #byThird(from: Currency, to: Currency, atMs: number): Route | undefined {
    let best: Route | undefined;
    const ends = this.#neighbours.get(to);
    for (const third of [...(this.#neighbours.get(from) ?? [])].toSorted()) {
      if (ends?.has(third) !== true) continue;
      const first = this.#leg(from, third, atMs);
      const second = this.#leg(third, to, atMs);
      if (first === undefined || second === undefined) continue;
      const route = joined(first, second);
      if (best === undefined || route.validFromMs > best.validFromMs) best = route;
    }
    return best;
  }

  #newest(from: Currency, to: Currency, atMs: number): PairRow | undefined {
    return this.#pairs.get(`${from}/${to}`)?.findLast(({ validFromMs }) => validFromMs <= atMs);
  }

  #index(): void {
    const all = [...this.#stated, ...this.#stored].map((row): PairRow => ({ row, validFromMs: Date.parse(row.validFrom) }));
    const rank = ({ row }: PairRow): number => rateSources.indexOf(row.source);
    this.#pairs = Map.groupBy(all.toSorted((a, b) => a.validFromMs - b.validFromMs || rank(a) - rank(b)), ({ row }) => `${row.from}/${row.to}`);
    const neighbours = new Map<Currency, Set<Currency>>();
    for (const { row } of all) {
      for (const [near, far] of [[row.from, row.to], [row.to, row.from]] as const) {
        const known = neighbours.get(near);
        if (known === undefined) neighbours.set(near, new Set([far]));
        else known.add(far);
      }
    }
    this.#neighbours = neighbours;
    this.#routes.clear();
  }
}

function routeOf({ row, validFromMs }: PairRow, inverse: boolean): Route {
  const stated = parseDecimal(row.rate, statedPlaces);
  const [numerator, denominator] = inverse ? [one, stated] : [stated, one];
  const rate = inverse ? told(numerator, denominator) : formatDecimal(stated, statedPlaces);
  return { numerator, denominator, rate, validFrom: row.validFrom, validFromMs, sources: [row.source] };
}

function joined(first: Route, second: Route): Route {
  const numerator = first.numerator * second.numerator;
  const denominator = first.denominator * second.denominator;
  const older = first.validFromMs <= second.validFromMs ? first : second;
  return { numerator, denominator, rate: told(numerator, denominator), validFrom: older.validFrom, validFromMs: older.validFromMs, sources: [...first.sources, ...second.sources] };
}

function told(numerator: bigint, denominator: bigint): string {
  return formatDecimal(divideHalfEven(numerator * 10n ** BigInt(toldPlaces), denominator), toldPlaces);
}
