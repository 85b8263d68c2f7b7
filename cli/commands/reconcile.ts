import { Command, InvalidArgumentError } from 'commander';
import type { FetchedFigures, ImportedFigures, ReconciledDay, Reconciliation } from '../../client/answer.ts';
import { readCsv } from '../csv-file.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { type Column, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface UpstreamOptions extends RemoteOptions {
  readonly upstream: string;
}

/** `moongate reconcile import|fetch|show`: what upstreams charge by our records and by their own figures. */
export function reconcileCommand(terminal: Terminal): Command {
  return new Command('reconcile')
    .description("compare recorded costs with the upstreams' own figures")
    .addCommand(importCommand(terminal))
    .addCommand(fetchCommand(terminal))
    .addCommand(showCommand(terminal));
}

function upstreamCommand(name: string, description: string): Command {
  return remoteCommand(name, description).requiredOption('--upstream <id>', 'which upstream, by its configured id');
}

function importCommand(terminal: Terminal): Command {
  return upstreamCommand('import', 'take in a CSV file of what the upstream charged, day by day')
    .argument('<file>', 'a file with the header day,amount,currency; days are UTC days')
    .action(async (file: string, options: UpstreamOptions) => {
      const client = await connect(options, terminal);
      const answer = await client.call('importFigures', { upstream: options.upstream, csv: readCsv(file, 'day,amount,currency', terminal) });
      show(answer, options, terminal, importText);
    });
}

interface FetchOptions extends UpstreamOptions {
  readonly day?: string;
  readonly limit: number;
}

function fetchCommand(terminal: Terminal): Command {
  return upstreamCommand('fetch', "ask the upstream: Moonshot for its balance, OpenRouter for what calls cost")
    .option('--day <day>', 'OpenRouter: the UTC day of the calls (else yesterday)')
    .option('--limit <count>', 'OpenRouter: how many calls, the dearest first, up to 200', parseLimit, 50)
    .action(async (options: FetchOptions) => {
      const client = await connect(options, terminal);
      const answer = await client.call('fetchFigures', { upstream: options.upstream, day: options.day, limit: options.limit });
      show(answer, options, terminal, fetchText);
    });
}

function parseLimit(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > 200) throw new InvalidArgumentError('Expected a number from 1 to 200.');
  return limit;
}

interface ShowOptions extends UpstreamOptions {
  readonly from?: string;
  readonly to?: string;
}

function showCommand(terminal: Terminal): Command {
  return upstreamCommand('show', 'both sides and the drift between them, day by day')
    .option('--from <day>', 'first UTC day (2026-01-31)')
    .option('--to <day>', 'up to, but without, this UTC day')
    .action(async (options: ShowOptions) => {
      const client = await connect(options, terminal);
      const answer = await client.call('reconciliation', { upstream: options.upstream, from: options.from, to: options.to });
      show(answer, options, terminal, showText);
    });
}

function importText({ figures }: ImportedFigures): string {
  return `${figures.length} figures taken in; see moongate reconcile show\n`;
}

function fetchText({ source, figures, balance, missing }: FetchedFigures): string {
  const lines = figures.map(({ day, amount, currency }) => `${day}: ${amount} ${currency}`);
  if (balance !== null) lines.unshift(`balance: ${balance.amount} ${balance.currency}`);
  if (figures.length === 0) lines.push(source === 'balance' ? 'the first reading; spending shows from the next one on' : 'no calls of that day to ask about');
  if (missing.length > 0) lines.push(`the upstream does not know: ${missing.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

function showText({ days, totals, unplaced }: Reconciliation): string {
  if (days.length === 0 && unplaced.length === 0) return 'nothing is recorded on either side in that time\n';
  const columns: Column[] = [
    { title: 'DAY' }, { title: 'SOURCE' }, { title: 'CURRENCY' }, { title: 'OURS', align: 'right' }, { title: 'THEIRS', align: 'right' },
    { title: 'DRIFT', align: 'right' }, { title: '%', align: 'right' }, { title: 'NOTES' },
  ];
  const rows = days.map((one) => [
    one.day, one.source ?? '-', one.currency, one.ours ?? 'missing', one.theirs ?? 'missing', one.drift ?? '-', one.driftPercent ?? '-', notesOf(one),
  ]);
  for (const one of totals) {
    rows.push([`TOTAL of ${one.days}`, one.source, one.currency, one.ours, one.theirs, one.drift, one.driftPercent ?? '-', '']);
  }
  const moves = unplaced.map(({ from, to, currency, fell }) => `from ${from} to ${to} the balance changed by ${fell.startsWith('-') ? fell.slice(1) : `-${fell}`} ${currency}: too far apart to belong to a day\n`);
  return renderTable(columns, rows) + (moves.length === 0 ? '' : `\n${moves.join('')}`);
}

function notesOf({ compared, coveredHours, toppedUp, unpriced, currency }: ReconciledDay): string {
  const notes: string[] = [];
  if (compared !== null) notes.push(`${compared.calls - compared.missing} calls compared${compared.missing === 0 ? '' : `, ${compared.missing} unknown to the upstream`}`);
  if (coveredHours !== null && coveredHours < 24) notes.push(`${coveredHours} h of the day`);
  if (toppedUp !== null) notes.push(`paid in: ${toppedUp} ${currency}`);
  if (unpriced > 0) notes.push(`${unpriced} calls of unknown cost`);
  return notes.join('; ');
}
