import { Command } from 'commander';
import type { OfferPrice, PricesReport, ShownPrice } from '../../client/answer.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { type Column, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface PricesOptions extends RemoteOptions {
  readonly model?: string;
  readonly currency?: string;
  readonly tenant?: string;
  readonly key?: string;
}

/** `moongate prices list`: what every offer costs, and what callers are asked for. */
export function pricesCommand(terminal: Terminal): Command {
  const list = remoteCommand('list', 'what every offer costs, and what callers are asked for, per 1M tokens')
    .option('--model <name>', 'only this model')
    .option('--currency <code>', 'show prices in this currency, by the exchange rates in force')
    .option('--tenant <name>', 'what this tenant is asked for (name or id)')
    .option('--key <id>', 'what the callers with this key are asked for')
    .action(async (options: PricesOptions) => {
      const client = await connect(options, terminal);
      const { model, currency, tenant, key } = options;
      const answer = await client.call('prices', { model, currency: currency?.toUpperCase(), tenant, key });
      show(answer, options, terminal, pricesText);
    });
  return new Command('prices').description('look at the price book').addCommand(list);
}

/** The offers as a table, with a legend for the marks and the exchange rates that occur in it. */
export function pricesText({ prices }: PricesReport): string {
  if (prices.length === 0) return 'nothing is offered: no upstream that is switched on serves it\n';
  const columns: Column[] = [{ title: 'MODEL' }, { title: 'UPSTREAM' }, { title: 'COST: INPUT / CACHED / OUTPUT' }, { title: 'SELL: INPUT / CACHED / OUTPUT' }, { title: 'RULE' }, { title: 'SINCE' }];
  const rows = prices.map((row) => [row.model, row.upstream, priceText(row.cost), priceText(row.sell), ruleText(row.sell), row.cost?.validFrom ?? '-']);
  return renderTable(columns, rows) + legend(prices);
}

function priceText(price: ShownPrice | null): string {
  if (price === null) return 'unpriced (!)';
  const marks = `${price.tiers.length > 0 ? ' t' : ''}${price.windows.length > 0 ? ' w' : ''}`;
  return `${price.input} / ${price.cacheRead ?? '-'} / ${price.output} ${price.currency}${price.exchange?.stale === true ? ' ?' : ''}${marks}`;
}

function ruleText(sell: OfferPrice['sell']): string {
  if (sell === null || sell.rule === null) return '-';
  return sell.percent === '0' ? sell.rule : `${sell.rule} (${sell.percent.startsWith('-') ? '' : '+'}${sell.percent} %)`;
}

function legend(prices: readonly OfferPrice[]): string {
  const shown = prices.flatMap(({ cost, sell }) => [cost, sell]);
  const priced = shown.filter((price) => price !== null);
  const lines: string[] = [];
  if (shown.includes(null)) lines.push('!  no price is known; give one under catalog: in moongate.yaml');
  if (priced.some(({ tiers }) => tiers.length > 0)) lines.push('t  longer prompts are charged at other rates; see --json');
  if (priced.some(({ windows }) => windows.length > 0)) lines.push('w  other rates at some hours of the day; see --json');
  const rates = priced.flatMap(({ exchange, statedIn, currency }) =>
    exchange === null ? [] : [`1 ${statedIn} = ${exchange.rate} ${currency} since ${exchange.validFrom} (${exchange.source})${exchange.stale ? ', stale (?)' : ''}`],
  );
  lines.push(...new Set(rates));
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}
