import type { Caller } from '../access/caller.ts';
import { Fault } from '../base/fault.ts';
import type { Currency, Money, Nanos } from '../base/money.ts';
import { askedPrice, type Charge, chargeCeiling, chargeOf, type SellPrice } from '../catalog/charge.ts';
import type { ExchangeRates } from '../catalog/exchange-rates.ts';
import type { Offer, Price } from '../catalog/offer.ts';
import type { RatingTerms } from '../catalog/price-card.ts';
import { cacheSavings, type Cost, priceAt, rate } from '../catalog/price.ts';
import type { SellRules } from '../catalog/sell-rules.ts';
import type { StoragePrice } from '../catalog/storage-rating.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { CallBounds } from './call-bounds.ts';

/** A call to be priced: who pays, where it goes, and when it began, which decides over rows, windows and rates. */
export interface PricedCall {
  readonly caller: Caller;
  readonly attempt: PlannedAttempt;
  /** Unix time. */
  readonly atMs: number;
  /** The caller pays batch rates. */
  readonly batch?: boolean;
}

/** What a caller is to pay, in the currency of the price. */
export interface Sale {
  /** The row that it was worked out by. */
  readonly price: Price;
  readonly charge: Charge;
  /** What the cache reads would have cost more, had they been read fresh. */
  readonly cacheSavedNanos: Nanos;
}

/** What is asked for keeping tokens in a cache. */
export interface StorageSale {
  /** By the upstream; undefined: its row states no rate for it. */
  readonly cost: StoragePrice | undefined;
  /** Of the caller; undefined: the caller's price states no rate. */
  readonly charge: (StoragePrice & { readonly adjustBasisPoints: bigint; readonly ruleId: string | undefined }) | undefined;
}

/** An amount in another currency, and the rate that was used. */
export interface Converted {
  readonly amountNanos: Nanos;
  readonly currency: Currency;
  /** Undefined: it was in that currency already. */
  readonly rate?: { readonly rate: string; readonly validFrom: string; readonly stale: boolean };
}

export interface TariffParts {
  readonly sellRules: SellRules;
  readonly rates: ExchangeRates;
  /** The list price of a model's maker, by canonical id. */
  officialPrice(modelId: string, atMs: number): Price | undefined;
}

/** All that billing wants to know of prices and currencies: the price book, the sell rules and the exchange rates in one. */
export class Tariff {
  readonly #parts: TariffParts;

  constructor(parts: TariffParts) {
    this.#parts = parts;
  }

  /** The most that a call within `bounds` can be charged, rounded up. */
  ceiling(call: PricedCall, bounds: CallBounds): Money {
    const sell = this.#sellPrice(call);
    return { amountNanos: chargeCeiling(sell, { ...bounds, ...termsOf(call) }), currency: sell.price.currency };
  }

  /** What the caller is to pay for `usage`. */
  sale(call: PricedCall, usage: Usage): Sale {
    const sell = this.#sellPrice(call);
    const terms = termsOf(call);
    return { price: sell.price, charge: chargeOf(usage, sell, terms), cacheSavedNanos: usage.cacheRead === 0 ? 0n : cacheSavings(usage, sell.price, terms) };
  }

  /**
   * What the upstream charges for it, whatever the caller pays: at its batch rates where the call is made at a batch endpoint, else at its
   * plain ones; undefined: unpriced. Of a free call, what the caller would have paid. `sale` spares the work where the caller's price is the upstream's own.
   */
  cost(call: PricedCall, usage: Usage, sale?: Sale): Cost | undefined {
    const { attempt, batch = false } = call;
    if (attempt.price === undefined) return undefined;
    if (attempt.costState === 'free') return rate(usage, attempt.price, termsOf(call));
    const { batchEndpoint = false } = attempt;
    return sale?.price === attempt.price && batch === batchEndpoint ? sale.charge.listed : rate(usage, attempt.price, termsOf({ ...call, batch: batchEndpoint }));
  }

  /** What keeping a cache that the attempt has made costs and is charged, by rows and rules as they are at the call's moment. */
  storage(call: PricedCall): StorageSale {
    const { caller, attempt, atMs } = call;
    const { price } = attempt;
    const sell = price === undefined ? undefined : this.#find(caller, attempt.offer, price, atMs);
    const charged = sell === undefined ? undefined : storagePriceOf(sell.price);
    return {
      cost: price === undefined ? undefined : storagePriceOf(price),
      charge: sell === undefined || charged === undefined ? undefined : { ...charged, adjustBasisPoints: sell.adjustBasisPoints, ruleId: sell.ruleId },
    };
  }

  /**
   * Throws `exchange_rate_missing` when no rate is known, or only one that the policy holds for too old. Nothing is nothing in every
   * currency: a free model can be used without a rate.
   */
  convert({ amountNanos, currency }: Money, to: Currency, atMs: number, rounding: 'up' | 'half-even'): Converted {
    if (currency === to || amountNanos === 0n) return { amountNanos, currency: to };
    const { rates } = this.#parts;
    const conversion = rounding === 'up' ? rates.convertUp(amountNanos, currency, to, atMs) : rates.convert(amountNanos, currency, to, atMs);
    if (conversion === undefined) {
      throw new Fault('exchange_rate_missing', {
        message: `the price of this model is in ${currency} and the account pays in ${to}: no exchange rate for the two is known, or only one that is too old; the operator must add one (money.rates in moongate.yaml, or "moongate rates import")`,
      });
    }
    const { rate: used, validFrom, stale } = conversion;
    return { amountNanos: conversion.amountNanos, currency: to, rate: { rate: used, validFrom, stale } };
  }

  /** The rate between two currencies; undefined: they are the same, or none is known. */
  rate(from: Currency, to: Currency, atMs: number): Converted['rate'] {
    if (from === to) return undefined;
    const conversion = this.#parts.rates.convert(0n, from, to, atMs);
    return conversion === undefined ? undefined : { rate: conversion.rate, validFrom: conversion.validFrom, stale: conversion.stale };
  }

  /** What `caller` is asked for at `offer`, as a price row to be shown; undefined: unpriced. */
  askedPrice(caller: Caller, offer: Offer, atMs: number): Price | undefined {
    const sell = this.#find(caller, offer, priceAt(offer, atMs), atMs);
    return sell === undefined ? undefined : askedPrice(sell);
  }

  /** The caller's price at the attempt's offer. Only asked for offers that have one. */
  #sellPrice({ caller, attempt, atMs }: PricedCall): SellPrice {
    const sell = this.#find(caller, attempt.offer, attempt.price, atMs);
    if (sell === undefined) throw new Fault('model_unpriced', { field: 'model' });
    return sell;
  }

  #find(caller: Caller, { modelId, upstreamId }: Offer, price: Price | undefined, atMs: number): SellPrice | undefined {
    const { sellRules, officialPrice } = this.#parts;
    if (sellRules.isEmpty) return price === undefined ? undefined : { price, adjustBasisPoints: 0n, ruleId: undefined };
    const subject = {
      tenantId: caller.tenantId, keyId: caller.keyId, modelId, upstreamId,
      ...(caller.tenantName === undefined ? {} : { tenantName: caller.tenantName }),
    };
    return sellRules.sellPrice(subject, { offer: price, official: officialPrice(modelId, atMs) }, atMs);
  }
}

function termsOf({ atMs, batch }: PricedCall): RatingTerms {
  return batch === true ? { atMs, batch } : { atMs };
}

function storagePriceOf({ cacheStoragePerHour: ratePerHour, currency, id }: Price): StoragePrice | undefined {
  return ratePerHour === undefined ? undefined : { ratePerHour, currency, priceId: id };
}
