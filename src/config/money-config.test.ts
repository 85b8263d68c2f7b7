import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from './config-file.ts';
import { type Config, loadConfig } from './config.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-money-'));
  mkdirSync(join(folder, 'conf'));
  path = join(folder, 'conf', 'moongate.yaml');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(text: string, environment: Record<string, string> = {}): Config {
  writeFileSync(path, text);
  return loadConfig({ config: path }, environment);
}

/** `line: message` of every problem, with the file where it is not the configuration. */
function problemsOf(text: string, environment: Record<string, string> = {}): readonly string[] {
  try {
    load(text, environment);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    return thrown.problems.map(({ source, line, message }) => `${source === path ? '' : `${source}:`}${line}: ${message}`);
  }
  throw new Error('was accepted');
}

describe('money', () => {
  it('has defaults: no rates, no feed, no rules', () => {
    expect(load('').money).toEqual({ rates: [], staleDays: 7, staleRates: 'flag', sell: [] });
    expect(load('money: { feed: off }').money).not.toHaveProperty('feed');
  });

  it('takes rates from the configuration and from a file beside it', () => {
    writeFileSync(join(folder, 'conf', 'rates.csv'), 'from,to,rate,date\nEUR,PLN,4.309,2026-10-30\n');
    const { money } = load(`money:
  currency: EUR
  feed: cbr
  staleDays: 3
  staleRates: refuse
  ratesFile: rates.csv
  rates:
    - { from: EUR, to: USD, rate: '1.0867', date: 2026-10-30 }
  sell:
    - { id: partner, tenant: acme, basis: official, percent: '-20' }
`);
    expect(money).toEqual({
      currency: 'EUR', feed: 'cbr', staleDays: 3, staleRates: 'refuse',
      rates: [
        { from: 'EUR', to: 'USD', rate: '1.0867', validFrom: '2026-10-30', source: 'config' },
        { from: 'EUR', to: 'PLN', rate: '4.309', validFrom: '2026-10-30', source: 'file' },
      ],
      sell: [{ id: 'partner', tenant: 'acme', basis: 'official', percent: '-20' }],
    });
  });

  it.each([
    ['an unknown currency', 'money:\n  currency: XXQ', ['2: money.currency: "XXQ" is no currency']],
    ['a rate of zero', "money:\n  rates:\n    - { from: EUR, to: USD, rate: '0', date: 2026-10-30 }", ['3: money.rates.0.rate: a rate of zero']],
    ['a rate with a sign', "money:\n  rates:\n    - from: EUR\n      to: USD\n      rate: '-1'\n      date: 2026-10-30", ['5: money.rates.0.rate: a decimal number above zero']],
    ['a rate of 30 digits', `money:\n  rates:\n    - { from: EUR, to: USD, rate: '${'9'.repeat(30)}', date: 2026-10-30 }`, ['3: money.rates.0.rate: ']],
    ['a rate twice', "money:\n  rates:\n    - { from: EUR, to: USD, rate: '1', date: 2026-10-30 }\n    - { from: EUR, to: USD, rate: '2', date: 2026-10-30 }", ['4: money.rates.1: a second rate of EUR in USD for 2026-10-30; the first stands in line 3']],
    ['a feed that nobody knows', 'money:\n  feed: fed', ['2: money.feed: ']],
    ['a price with a sign', "money:\n  sell:\n    - id: a\n      price:\n        currency: USD\n        input: '-1'\n        output: '2'", ['6: money.sell.0.price.input: ']],
    ['a gift', "money:\n  sell:\n    - { id: a, percent: '-100' }", ['3: money.sell.0.percent: expected more than -100']],
    ['a rule twice', "money:\n  sell:\n    - { id: a, percent: '1' }\n    - { id: b, percent: '1' }\n    - { id: a, percent: '2' }", ['5: money.sell.2.id: expected an id of its own; "a" is already that of the rule in line 3']],
    ['a model and an upstream that there are not', "money:\n  sell:\n    - { id: a, model: kimi-k22, percent: '1' }\n    - { id: b, upstream: moonshine, percent: '1' }", ['3: money.sell.0.model: the catalog knows no model "kimi-k22"', '4: money.sell.1.upstream: no upstream has the id "moonshine"']],
  ])('names the place of %s', (_what, text, expected) => {
    expect(problemsOf(text)).toEqual(expected.map((start) => expect.stringContaining(start)));
  });

  it('names the place in the file of rates, and both places when the two differ', () => {
    const csv = join(folder, 'conf', 'rates.csv');
    writeFileSync(csv, 'from,to,rate,date\nEUR,USD,1.1,2026-10-30\nEUR,PLN,0,2026-10-30\n');
    const text = "money:\n  ratesFile: rates.csv\n  rates:\n    - { from: EUR, to: USD, rate: '1.2', date: 2026-10-30 }\n";
    expect(problemsOf(text)).toEqual([
      `${csv}:3: rate: a rate of zero would make everything free; expected a number above zero`,
      `${csv}:2: a second rate of EUR in USD for 2026-10-30; the first stands in ${path}:4`,
    ]);
    rmSync(csv);
    expect(problemsOf(text)).toEqual([expect.stringMatching(/^2: money\.ratesFile: .*rates\.csv cannot be read/)]);
  });

  it('lets a rule name what a server of one’s own may serve', () => {
    const rule = "money:\n  sell:\n    - { id: a, model: Qwen/Qwen3-8B, upstream: vllm, percent: '1' }\n";
    expect(problemsOf(rule)).toHaveLength(1);
    expect(load(rule, { VLLM_BASE_URL: 'http://gpu:8000/v1' }).money.sell).toHaveLength(1);
  });
});

describe('prices in the configuration', () => {
  const row = (day: string, input = '1'): string => `        - { validFrom: ${day}, currency: USD, input: '${input}', output: '2' }\n`;
  const entry = (prices: string): string => `    - upstream: moonshot\n      model: kimi-k2\n      prices:\n${prices}`;

  it('may not state one day twice', () => {
    expect(problemsOf(`catalog:\n  offers:\n${entry(row('2026-01-01') + row('2026-02-01') + row('2026-01-01', '9'))}`)).toEqual([
      '8: catalog.offers.0.prices.2: a second price from 2026-01-01 on for "kimi-k2" at "moonshot"; the other stands in line 6',
    ]);
    const undated = "        - { currency: USD, input: '1', output: '2' }\n";
    expect(problemsOf(`catalog:\n  offers:\n${entry(undated + undated)}`)).toEqual([expect.stringContaining('a second price without a day')]);
  });

  it('may not speak of one offer twice', () => {
    expect(problemsOf(`catalog:\n  offers:\n${entry(row('2026-01-01'))}${entry(row('2026-02-01'))}`)).toEqual([
      '7: catalog.offers.1: a second entry for "kimi-k2" at "moonshot"; put them together; the other stands in line 3',
    ]);
  });

  it('may differ from list to list', () => {
    const listed = (list: string, more = ''): string => `        - { list: ${list}, validFrom: 2026-01-01, currency: USD, input: '1', output: '2' }\n${more}`;
    expect(load(`catalog:\n  offers:\n${entry(listed('cn') + listed('intl'))}`).catalog?.offers).toHaveLength(1);
    // A row on no list is on all of them.
    expect(problemsOf(`catalog:\n  offers:\n${entry(listed('cn') + row('2026-01-01'))}`)).toHaveLength(1);
  });

  it.each([
    ['a price with a sign', "input: '-0.60'", 'catalog.offers.0.prices.0.input'],
    ['a price of 30 digits', `input: '${'1'.repeat(30)}'`, 'catalog.offers.0.prices.0.input'],
    ['an unknown currency', "input: '1', currency: XXQ", 'catalog.offers.0.prices.0.currency: "XXQ" is no currency'],
    ['tiers that fall', "input: '1', tiers: [{ promptTokensAbove: 9, input: '1', output: '1' }, { promptTokensAbove: 8, input: '1', output: '1' }]", 'tiers.1.promptTokensAbove: tiers must rise'],
  ])('may not have %s, which is named by line', (_what, fields, message) => {
    const currency = fields.includes('currency') ? '' : 'currency: USD, ';
    expect(problemsOf(`catalog:\n  offers:\n${entry(`        - { ${currency}${fields}, output: '2' }\n`)}`)).toEqual([expect.stringMatching(new RegExp(`^6: .*${message.replace(/[.]/g, '\\.')}`))]);
  });
});
