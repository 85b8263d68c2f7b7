import { parseDecimal } from '../base/money.ts';
import type { SellPrice } from './charge.ts';
import type { Price } from './offer.ts';
import { toPrice } from './price-list.ts';
import { newestAt } from './price.ts';
import type { SellRuleEntry } from './sell-rule-schema.ts';

/** Whom a price is for, and what. */
export interface SellSubject {
  readonly tenantId: string;
  /** Undefined: not known; no rule that names a tenant by name is then for it. */
  readonly tenantName?: string;
  readonly keyId: string;
  /** Canonical id. */
  readonly modelId: string;
  readonly upstreamId: string;
}

/** The prices that a rule may build on; undefined: there is none. */
export interface SellBases {
  /** What the upstream charges. */
  readonly offer: Price | undefined;
  /** The list price of the model's maker: that of `Catalog.sandboxOffer`. */
  readonly official: Price | undefined;
}

interface SellRule {
  readonly id: string;
  readonly tenant: string | undefined;
  readonly key: string | undefined;
  readonly modelId: string | undefined;
  readonly upstream: string | undefined;
  readonly terms: { readonly basis: keyof SellBases; readonly adjustBasisPoints: bigint } | { readonly price: Price };
}

/** What callers are asked for, apart from what their calls cost us: the rules of `money.sell`, in order. */
export class SellRules {
  readonly #rules: readonly SellRule[];

  /** `modelIdOf` gives the canonical id of a model's name; names that it does not know are taken as they are. */
  constructor(entries: readonly SellRuleEntry[], modelIdOf: (name: string) => string | undefined) {
    this.#rules = entries.map((entry) => ({
      id: entry.id,
      tenant: entry.tenant,
      key: entry.key,
      modelId: entry.model === undefined ? undefined : (modelIdOf(entry.model) ?? entry.model),
      upstream: entry.upstream,
      terms: termsOf(entry),
    }));
  }

  /** Whether every call costs what its upstream charges: there is no rule. */
  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /**
   * What `subject` is asked for at `nowMs` (Unix time): by the first rule that is for it and can be applied, else the offer's own
   * price. A rule cannot be applied when its basis has no price, or before its own price is valid. Undefined: there is no price
   * at all, which is not a price of zero.
   */
  sellPrice(subject: SellSubject, bases: SellBases, nowMs: number): SellPrice | undefined {
    for (const rule of this.#rules) {
      if (!isFor(rule, subject)) continue;
      const { terms, id } = rule;
      const price = 'price' in terms ? newestAt([terms.price], nowMs) : bases[terms.basis];
      if (price !== undefined) return { price, adjustBasisPoints: 'price' in terms ? 0n : terms.adjustBasisPoints, ruleId: id };
    }
    return bases.offer === undefined ? undefined : { price: bases.offer, adjustBasisPoints: 0n, ruleId: undefined };
  }
}

function termsOf({ id, basis = 'offer', percent = '0', price }: SellRuleEntry): SellRule['terms'] {
  if (price !== undefined) return { price: toPrice(price, `sell/${id}`) };
  return { basis, adjustBasisPoints: parseDecimal(percent.replace(/^\+/, ''), 2) };
}

function isFor({ tenant, key, modelId, upstream }: SellRule, subject: SellSubject): boolean {
  return (
    (tenant === undefined || tenant === subject.tenantId || tenant === subject.tenantName) &&
    (key === undefined || key === subject.keyId) &&
    (modelId === undefined || modelId === subject.modelId) &&
    (upstream === undefined || upstream === subject.upstreamId)
  );
}
