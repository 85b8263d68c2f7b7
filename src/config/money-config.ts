import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Currency } from '../base/money.ts';
import { type Catalog, sandboxUpstreamId } from '../catalog/catalog.ts';
import { parseRatesCsv } from '../catalog/exchange-rate-csv.ts';
import type { FeedName } from '../catalog/exchange-rate-feed.ts';
import { type ExchangeRate, sameDayIndex, type StatedRate, toExchangeRate } from '../catalog/exchange-rate.ts';
import type { RatePolicy } from '../catalog/exchange-rates.ts';
import type { SellRuleEntry } from '../catalog/sell-rule-schema.ts';
import { shippedCatalog } from '../catalog/shipped-catalog.ts';
import type { ConfigDocument, ConfigProblem } from './config-file.ts';
import type { ConfiguredUpstreams } from './configured-upstreams.ts';
import { isSelfHosted } from './upstream-kind.ts';

/** What the configuration says of money. */
export interface MoneyConfig extends RatePolicy {
  /** What prices are shown in when nothing else is asked for; undefined: each in its own. */
  readonly currency?: Currency;
  /** Of the configuration and of its file. */
  readonly rates: readonly ExchangeRate[];
  /** Undefined: none is asked. */
  readonly feed?: FeedName;
  readonly sell: readonly SellRuleEntry[];
}

interface MoneyPlace extends ConfiguredUpstreams {
  /** Where relative paths begin: the folder of the configuration file. */
  readonly folder: string;
  /** Undefined: it has problems of its own, and no model can be looked up. */
  readonly catalog: Catalog | undefined;
}

/** Reads `money:` and the file that it names. What is wrong is added to `problems`, with its place. */
export function moneyConfig(document: ConfigDocument, place: MoneyPlace, problems: ConfigProblem[]): MoneyConfig {
  const { currency, rates = [], ratesFile, feed, staleDays = 7, staleRates = 'flag', sell = [] } = document.file.money ?? {};
  checkRates(document, rates, problems);
  checkRules(document, sell, place, problems);
  return {
    ...(currency === undefined ? {} : { currency }),
    rates: [...rates.map((row) => toExchangeRate(row, 'config')), ...(ratesFile === undefined ? [] : ratesOfFile(document, resolve(place.folder, ratesFile), rates, problems))],
    ...(feed === undefined || feed === 'off' ? {} : { feed }),
    staleDays,
    staleRates,
    sell,
  };
}

function checkRates(document: ConfigDocument, rates: readonly StatedRate[], problems: ConfigProblem[]): void {
  for (const [index, row] of rates.entries()) {
    const first = sameDayIndex(row, rates.slice(0, index));
    if (first === undefined) continue;
    problems.push(document.problemAt(['money', 'rates', index], `${second(row)}; the first stands in line ${document.lineOf(['money', 'rates', first])}`));
  }
}

function ratesOfFile(document: ConfigDocument, path: string, rates: readonly StatedRate[], problems: ConfigProblem[]): readonly ExchangeRate[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    problems.push(document.problemAt(['money', 'ratesFile'], `${path} cannot be read; expected a CSV file with the header from,to,rate,date`));
    return [];
  }
  const read = parseRatesCsv(text);
  problems.push(...read.problems.map(({ line, message }) => ({ source: path, line, message })));
  for (const row of read.rows) {
    const stated = sameDayIndex(row, rates);
    if (stated === undefined) continue;
    const { source, line } = document.problemAt(['money', 'rates', stated], '');
    problems.push({ source: path, line: row.line, message: `${second(row)}; the first stands in ${source}:${line}` });
  }
  return read.rows.map((row) => toExchangeRate(row, 'file'));
}

function second({ from, to, date }: StatedRate): string {
  return `a second rate of ${from} in ${to} for ${date}`;
}

function checkRules(document: ConfigDocument, rules: readonly SellRuleEntry[], place: MoneyPlace, problems: ConfigProblem[]): void {
  const { catalog, upstreams, switchedOff } = place;
  const refuse = (index: number, key: string, message: string): void => void problems.push(document.problemAt(['money', 'sell', index, key], message));
  const upstreamIds = new Set([sandboxUpstreamId, ...shippedCatalog().upstreams.map(({ id }) => id), ...[...upstreams, ...switchedOff].map(({ id }) => id)]);
  // A server of one's own is asked for its models only when all runs, so that any name may be right.
  const anyName = upstreams.some(({ kind }) => isSelfHosted(kind, shippedCatalog()));
  for (const [index, { id, model, upstream }] of rules.entries()) {
    const first = rules.findIndex((rule) => rule.id === id);
    if (first !== index) refuse(index, 'id', `expected an id of its own; "${id}" is already that of the rule in line ${document.lineOf(['money', 'sell', first])}`);
    if (model !== undefined && catalog !== undefined && !anyName && catalog.resolve(model) === undefined) refuse(index, 'model', `the catalog knows no model "${model}"`);
    if (upstream !== undefined && !upstreamIds.has(upstream)) refuse(index, 'upstream', `no upstream has the id "${upstream}"`);
  }
}
