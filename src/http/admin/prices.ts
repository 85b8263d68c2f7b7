import type { OfferPrice, ShownPrice } from '../../../contract/price.ts';
import type { Clock } from '../../base/clock.ts';
import { isCurrency } from '../../base/currency.ts';
import { Fault } from '../../base/fault.ts';
import { type Currency, divideHalfEven, formatDecimal, formatNanos, parseDecimal } from '../../base/money.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { SellPrice } from '../../catalog/charge.ts';
import type { Conversion, ExchangeRates } from '../../catalog/exchange-rates.ts';
import type { Offer, Price, PriceTier, Rates } from '../../catalog/offer.ts';
import { priceAt } from '../../catalog/price.ts';
import type { SellRules } from '../../catalog/sell-rules.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import type { TenantRegister } from './tenant-register.ts';

export interface PricesDeps {
  readonly catalog: Pick<Catalog, 'resolve' | 'models' | 'offers' | 'sandboxOffer'>;
  readonly sellRules: Pick<SellRules, 'sellPrice'>;
  readonly exchange: Pick<ExchangeRates, 'convert'>;
  readonly clock: Clock;
  /** What prices are shown in when nothing else is asked for; undefined: each in its own. */
  readonly currency: Currency | undefined;
}

/** Every offer with what it costs and what callers are asked for, now. `findTenant` knows tenants by name and by id, as sell rules do. */
export function pricesHandlers(deps: PricesDeps, findTenant: TenantRegister['find']): Pick<AdminHandlers, 'prices'> {
  const { catalog, sellRules, clock } = deps;
  return {
    async prices({ model, currency = deps.currency, tenant, key = '' }) {
      if (currency !== undefined && !isCurrency(currency)) {
        throw new Fault('invalid_request', { message: `Invalid request: "${currency}" is no currency`, field: 'currency' });
      }
      const payer = tenant === undefined ? undefined : await findTenant(tenant);
      const nowMs = clock.nowMs();
      const show = (price: Price, adjustBasisPoints: bigint): ShownPrice => shown(price, adjustBasisPoints, currency, nowMs, deps.exchange);
      const row = (offer: Offer): OfferPrice => {
        const cost = priceAt(offer, nowMs);
        const listed = catalog.sandboxOffer(offer.modelId);
        const official = listed === undefined ? undefined : priceAt(listed, nowMs);
        const subject = { tenantId: payer?.id ?? '', ...(payer === undefined ? {} : { tenantName: payer.name }), keyId: key, modelId: offer.modelId, upstreamId: offer.upstreamId };
        const sell = sellRules.sellPrice(subject, { offer: cost, official }, nowMs);
        return {
          model: offer.modelId,
          upstream: offer.upstreamId,
          cost: cost === undefined ? null : show(cost, 0n),
          sell: sell === undefined ? null : { ...show(sell.price, sell.adjustBasisPoints), ...ruleOf(sell) },
        };
      };
      return { at: new Date(nowMs).toISOString(), prices: modelIds(catalog, model).flatMap((id) => catalog.offers(id).map(row)) };
    },
  };
}

function ruleOf({ ruleId, adjustBasisPoints }: SellPrice): { readonly rule: string | null; readonly percent: string } {
  return { rule: ruleId ?? null, percent: formatDecimal(adjustBasisPoints, 2) };
}

function modelIds(catalog: PricesDeps['catalog'], name: string | undefined): readonly string[] {
  if (name === undefined) return catalog.models().map(({ id }) => id);
  const model = catalog.resolve(name)?.model;
  if (model === undefined) throw new Fault('invalid_request', { message: `Invalid request: the catalog knows no model "${name.slice(0, 80)}"`, field: 'model' });
  return [model.id];
}

/** `price`, adjusted and in `currency`: rounded to nine places for the eye, where charges are worked out exactly. */
function shown(price: Price, adjustBasisPoints: bigint, currency: Currency | undefined, nowMs: number, exchange: PricesDeps['exchange']): ShownPrice {
  const asked = currency === undefined || currency === price.currency ? undefined : exchange.convert(0n, price.currency, currency, nowMs);
  const target = asked === undefined ? price.currency : (currency ?? price.currency);
  const one = (rate: string): string => {
    const adjusted = divideHalfEven(parseDecimal(rate, 9) * (10_000n + adjustBasisPoints), 10_000n);
    return formatNanos(exchange.convert(adjusted, price.currency, target, nowMs)?.amountNanos ?? adjusted);
  };
  const maybe = (rate: string | undefined): string | null => (rate === undefined ? null : one(rate));
  const card = (rates: Rates): ShownRates => ({
    input: one(rates.input),
    cacheRead: maybe(rates.cacheRead),
    cacheWrite: maybe(rates.cacheWrite),
    cacheWrite1h: maybe(rates.cacheWrite1h),
    output: one(rates.output),
    batchInput: maybe(rates.batchInput),
    batchCacheRead: maybe(rates.batchCacheRead),
    batchOutput: maybe(rates.batchOutput),
  });
  const tiers = (stated: readonly PriceTier[] = []): ShownPrice['tiers'] => stated.map((tier) => ({ promptTokensAbove: tier.promptTokensAbove, ...card(tier) }));
  return {
    priceId: price.id,
    validFrom: price.validFrom,
    statedIn: price.currency,
    currency: target,
    exchange: asked === undefined ? null : exchangeOf(asked),
    ...card(price),
    cacheStoragePerHour: maybe(price.cacheStoragePerHour),
    webSearch: maybe(price.perCall?.webSearch),
    tiers: tiers(price.tiers),
    windows: (price.windows ?? []).map((window) => ({ from: window.from, to: window.to, utcOffset: window.utcOffset, ...card(window), tiers: tiers(window.tiers) })),
  };
}

type ShownRates = Pick<ShownPrice, keyof Rates>;

function exchangeOf({ rate, validFrom, source, stale }: Conversion): NonNullable<ShownPrice['exchange']> {
  return { rate, validFrom, source, stale };
}
