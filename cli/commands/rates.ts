import { Command } from 'commander';
import type { RatesReport } from '../../client/answer.ts';
import { readCsv } from '../csv-file.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { type Column, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

/** `moongate rates list|import`: exchange rates. */
export function ratesCommand(terminal: Terminal): Command {
  return new Command('rates').description('list and import exchange rates').addCommand(listCommand(terminal)).addCommand(importCommand(terminal));
}

interface ListOptions extends RemoteOptions {
  readonly all?: true;
}

function listCommand(terminal: Terminal): Command {
  return remoteCommand('list', 'the exchange rates in force')
    .option('--all', 'those too that newer ones have replaced, and those of days to come')
    .action(async (options: ListOptions) => {
      const client = await connect(options, terminal);
      show(await client.call('rates', { all: options.all === true }), options, terminal, (report) => ratesText(report, options.all === true));
    });
}

function importCommand(terminal: Terminal): Command {
  return remoteCommand('import', 'add the exchange rates of a CSV file, all of them or none')
    .argument('<file>', 'CSV file with the header from,to,rate,date')
    .action(async (file: string, options: RemoteOptions) => {
      const client = await connect(options, terminal);
      const answer = await client.call('importRates', { csv: readCsv(file, 'from,to,rate,date', terminal) });
      show(answer, options, terminal, ({ stored, known }) => `${counted(stored)} added${known === 0 ? '' : `, ${counted(known)} known already`}\n`);
    });
}

function ratesText({ rates, feed, staleDays, staleRates }: RatesReport, all: boolean): string {
  if (rates.length === 0) return 'no exchange rates; import some with "moongate rates import", or state them in moongate.yaml under money.rates\n';
  const columns: Column[] = [{ title: 'FROM' }, { title: 'TO' }, { title: 'RATE', align: 'right' }, { title: 'SINCE' }, { title: 'SOURCE' }, ...(all ? [{ title: 'STATE' }] : [])];
  const rows = rates.map((row) => [row.from, row.to, `${row.rate}${row.stale ? ' !' : ''}`, row.validFrom, row.source, ...(all ? [row.inForce ? 'in force' : '-'] : [])]);
  const stale = rates.filter((row) => row.stale).length;
  const warning = stale === 0 ? '' : `!  older than ${staleDays} days: ${stale}; they are ${staleRates === 'refuse' ? 'not used' : 'used and marked'}\n`;
  return `${renderTable(columns, rows)}\n${warning}feed: ${feed ?? 'off'}\n`;
}

function counted(rows: number): string {
  return `${rows} ${rows === 1 ? 'rate' : 'rates'}`;
}
