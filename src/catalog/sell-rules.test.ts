import { describe, expect, it } from 'vitest';
import { askedPrice, chargeOf } from './charge.ts';
import type { Price } from './offer.ts';
import { type SellRuleEntry, sellRuleSchema } from './sell-rule-schema.ts';
import { SellRules, type SellSubject } from './sell-rules.ts';

const nowMs = Date.parse('2026-11-01');
const offer: Price = { id: 'cometapi/kimi-k2/2025-11-09', validFrom: '2025-11-09', currency: 'USD', input: '1.10', output: '4.40' };
const official: Price = { id: 'moonshot/kimi-k2/2025-07-11', validFrom: '2025-07-11', currency: 'USD', input: '0.60', output: '2.50' };
const subject: SellSubject = { tenantId: 'ten_1', tenantName: 'acme', keyId: 'key_1', modelId: 'kimi-k2', upstreamId: 'cometapi' };

const entries = (...rules: readonly object[]): readonly SellRuleEntry[] => rules.map((rule, index) => sellRuleSchema.parse({ id: `r${index}`, ...rule }));
const rulesOf = (...rules: readonly object[]): SellRules => new SellRules(entries(...rules), (name) => (/^moonshotai\/kimi-k2$/i.test(name) ? 'kimi-k2' : undefined));
const asked = (rules: SellRules, change: Partial<SellSubject> = {}): unknown => rules.sellPrice({ ...subject, ...change }, { offer, official }, nowMs);

describe('SellRules', () => {
  it('asks for the offer’s own price where no rule says otherwise', () => {
    expect(asked(rulesOf())).toEqual({ price: offer, adjustBasisPoints: 0n, ruleId: undefined });
    expect(rulesOf().sellPrice(subject, { offer: undefined, official }, nowMs)).toBeUndefined();
  });

  it('takes the first rule that is for the call', () => {
    const rules = rulesOf({ tenant: 'other', percent: '1' }, { tenant: 'acme', percent: '2' }, { percent: '3' });
    expect(asked(rules)).toMatchObject({ ruleId: 'r1', adjustBasisPoints: 200n });
    expect(asked(rules, { tenantId: 'ten_2', tenantName: 'elsewhere' })).toMatchObject({ ruleId: 'r2' });
  });

  it.each([
    [{ tenant: 'acme' }, {}, true],
    [{ tenant: 'ten_1' }, {}, true],
    [{ tenant: 'Acme' }, {}, false],
    [{ key: 'key_1' }, {}, true],
    [{ key: 'key_2' }, {}, false],
    [{ model: 'moonshotai/Kimi-K2' }, {}, true],
    [{ model: 'kimi-k2' }, { modelId: 'kimi-k2.5' }, false],
    [{ upstream: 'cometapi' }, {}, true],
    [{ upstream: 'ark' }, {}, false],
    [{ tenant: 'acme', key: 'key_1', model: 'kimi-k2', upstream: 'cometapi' }, {}, true],
    [{ tenant: 'acme', key: 'key_2' }, {}, false],
  ])('a rule for %j of a call by %j: %s', (match, change, holds) => {
    expect(asked(rulesOf({ ...match, percent: '5' }), change)).toMatchObject({ adjustBasisPoints: holds ? 500n : 0n });
  });

  it('knows no tenant’s name that it was not told', () => {
    const { tenantName: _name, ...nameless } = subject;
    expect(rulesOf({ tenant: 'acme', percent: '5' }).sellPrice(nameless, { offer, official }, nowMs)).toMatchObject({ ruleId: undefined });
  });

  it('builds on the offer or on the official price, and passes over a rule whose basis has none', () => {
    expect(asked(rulesOf({ basis: 'official', percent: '-20' }))).toEqual({ price: official, adjustBasisPoints: -2000n, ruleId: 'r0' });
    expect(asked(rulesOf({ basis: 'offer' }))).toEqual({ price: offer, adjustBasisPoints: 0n, ruleId: 'r0' });
    const rules = rulesOf({ basis: 'official', percent: '-20' }, { percent: '+15.25' });
    expect(rules.sellPrice(subject, { offer, official: undefined }, nowMs)).toEqual({ price: offer, adjustBasisPoints: 1525n, ruleId: 'r1' });
  });

  it('has prices of its own, from their day on', () => {
    const rules = rulesOf({ price: { validFrom: '2026-12-01', currency: 'EUR', input: '1', output: '2' } }, { price: { currency: 'EUR', input: '3', output: '4' } });
    expect(asked(rules)).toMatchObject({ ruleId: 'r1', price: { id: 'sell/r1/1970-01-01', currency: 'EUR', input: '3' }, adjustBasisPoints: 0n });
    expect(rules.sellPrice(subject, { offer, official }, Date.parse('2026-12-01'))).toMatchObject({ ruleId: 'r0', price: { id: 'sell/r0/2026-12-01' } });
  });
});

describe('a sell rule', () => {
  it.each([
    ['nothing to ask for', { tenant: 'acme' }, ''],
    ['a gift', { percent: '-100' }, 'percent'],
    ['more than a gift', { percent: '-100.01' }, 'percent'],
    ['three places', { percent: '1.005' }, 'percent'],
    ['a number that is not quoted', { percent: -20 }, 'percent'],
    ['a price and a percentage', { percent: '5', price: { currency: 'USD', input: '1', output: '2' } }, 'price'],
    ['a price with a sign', { price: { currency: 'USD', input: '-1', output: '2' } }, 'price.input'],
    ['a misspelt field', { percent: '5', tenants: 'acme' }, ''],
    ['an id with blanks', { id: 'a b', percent: '5' }, 'id'],
  ])('may not be %s', (_what, rule, path) => {
    const { error } = sellRuleSchema.safeParse({ id: 'r', ...rule });
    expect(error?.issues.map((issue) => issue.path.join('.'))).toContain(path);
  });

  it('may be all but a gift', () => {
    expect(sellRuleSchema.safeParse({ id: 'r', percent: '-99.99' }).success).toBe(true);
  });
});

describe('chargeOf', () => {
  const usage = { inputUncached: 1, cacheRead: 0, cacheWrite: 0, output: 0, estimated: false };
  const charged = (input: string, adjustBasisPoints: bigint): bigint => {
    const price = { ...official, input };
    return chargeOf(usage, { price, adjustBasisPoints, ruleId: 'r' }, { atMs: nowMs }).amountNanos;
  };

  it('applies the percentage before it rounds, once', () => {
    // 2.5 nanos are 2 when rounded; 20 % more than 2.5 are 3, and more than 2 would be 2.
    expect(charged('0.0025', 0n)).toBe(2n);
    expect(charged('0.0025', 2000n)).toBe(3n);
    expect(charged('0.0025', -2000n)).toBe(2n);
    expect(charged('0.000001', 300_000_000n)).toBe(30n);
  });

  it('names the rule, the row and what it came to before', () => {
    const charge = chargeOf({ ...usage, inputUncached: 1_000_000 }, { price: official, adjustBasisPoints: -2000n, ruleId: 'r' }, { atMs: nowMs });
    expect(charge).toMatchObject({ amountNanos: 480_000_000n, currency: 'USD', priceId: official.id, ruleId: 'r', adjustBasisPoints: -2000n, listed: { amountNanos: 600_000_000n } });
  });
});

describe('askedPrice', () => {
  it('shows every rate with the percentage, that of storage too', () => {
    const price = { ...official, cacheRead: '0.15', cacheStoragePerHour: '0.017' };
    expect(askedPrice({ price, adjustBasisPoints: 2_000n, ruleId: 'r' })).toMatchObject({ cacheRead: '0.18', cacheStoragePerHour: '0.0204' });
  });
});
