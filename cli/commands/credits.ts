import { Command } from 'commander';
import type { Credit } from '../../client/answer.ts';
import { parseMoney } from '../money.ts';
import { parsePageLimit } from '../page-limit.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { type Column, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { walletTable } from '../wallet-table.ts';

/** `moongate credits add|withdraw|list`. */
export function creditsCommand(terminal: Terminal): Command {
  return new Command('credits')
    .description('top up wallets')
    .addCommand(moveCommand(terminal, 'addCredits', 'add', 'put a payment into a wallet'))
    .addCommand(moveCommand(terminal, 'withdrawCredits', 'withdraw', 'take back what has neither been spent nor is held'))
    .addCommand(listCommand(terminal));
}

interface MoveOptions extends RemoteOptions {
  readonly tenant?: string;
  readonly reference?: string;
  readonly memo?: string;
}

function moveCommand(terminal: Terminal, operation: 'addCredits' | 'withdrawCredits', name: string, description: string): Command {
  return remoteCommand(name, description)
    .argument('<money...>', 'how much, such as 20 USD')
    .option('--tenant <tenant>', 'whose wallet, by name or id (the first tenant)')
    .option('--reference <text>', 'names it: one of the same name is not booked again')
    .option('--memo <text>', 'to be remembered with it')
    .action(async (words: readonly string[], options: MoveOptions) => {
      const money = parseMoney(words.join(' '), 'the amount');
      const client = await connect(options, terminal);
      const answer = await client.call(operation, { ...money, tenant: options.tenant, reference: options.reference, memo: options.memo });
      show(answer, options, terminal, ({ tenant, id, wallet }) => `booked for ${tenant.name} as ${id}\n\n${walletTable([wallet])}`);
    });
}

interface ListOptions extends RemoteOptions {
  readonly tenant?: string;
  readonly limit: number;
}

function listCommand(terminal: Terminal): Command {
  return remoteCommand('list', 'what was put into the wallets of a tenant, and taken back, the newest first')
    .option('--tenant <tenant>', 'by name or id (the first tenant)')
    .option('--limit <count>', 'how many, up to 1000', parsePageLimit, 20)
    .action(async (options: ListOptions) => {
      const client = await connect(options, terminal);
      const answer = await client.call('listCredits', { tenant: options.tenant, limit: options.limit });
      show(answer, options, terminal, ({ tenant, credits }) => (credits.length === 0 ? `no credits of ${tenant.name} yet\n` : creditTable(credits)));
    });
}

function creditTable(credits: readonly Credit[]): string {
  const columns: Column[] = [{ title: 'BOOKED' }, { title: 'KIND' }, { title: 'AMOUNT', align: 'right' }, { title: '' }, { title: 'REFERENCE' }, { title: 'MEMO' }];
  return renderTable(columns, credits.map(({ createdAt, kind, amount, currency, reference, memo }) => [
    createdAt.replace('T', ' ').slice(0, 19), kind, amount, currency, reference ?? '-', memo ?? '-',
  ]));
}
