import { Command } from 'commander';
import type { Transfer } from '../../client/answer.ts';
import { parsePageLimit } from '../page-limit.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { flagsOf, runServerProgram } from '../server-program.ts';
import { type Column, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

/** `moongate ledger verify|list`. */
export function ledgerCommand(terminal: Terminal): Command {
  return new Command('ledger')
    .description('prove the books, and look through them')
    .addCommand(verifyCommand(terminal))
    .addCommand(listCommand(terminal));
}

interface VerifyOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly json?: true;
}

/** Works without a server, and beside one. */
function verifyCommand(terminal: Terminal): Command {
  return new Command('verify')
    .description('prove the books from the database itself, server running or not: exit code 0 when every law holds, else 1')
    .option('--data-dir <folder>', 'data folder of the server (./data)')
    .option('--config <file>', 'configuration file (./moongate.yaml)')
    .option('--json', 'print the answer as JSON')
    .action(async ({ dataDir, config, json }: VerifyOptions) => {
      await runServerProgram(['ledger', 'verify', ...flagsOf({ 'data-dir': dataDir, config, json })], terminal);
    });
}

interface ListOptions extends RemoteOptions {
  readonly tenant?: string;
  readonly limit: number;
  readonly before?: string;
}

function listCommand(terminal: Terminal): Command {
  return remoteCommand('list', 'the latest transfers, the newest first')
    .option('--tenant <tenant>', 'only those of this one, by name or id')
    .option('--limit <count>', 'how many, up to 1000', parsePageLimit, 20)
    .option('--before <id>', 'only those before this one')
    .action(async (options: ListOptions) => {
      const client = await connect(options, terminal);
      const answer = await client.call('transfers', { tenant: options.tenant, limit: options.limit, before: options.before });
      show(answer, options, terminal, ({ transfers, next }) =>
        transfers.length === 0 ? 'no transfers yet\n' : `${transferTable(transfers)}${next === null ? '' : `\nolder ones: --before ${next}\n`}`,
      );
    });
}

function transferTable(transfers: readonly Transfer[]): string {
  const columns: Column[] = [
    { title: 'BOOKED' }, { title: 'ID' }, { title: 'KIND' }, { title: 'PHASE' }, { title: 'FROM' }, { title: 'TO' }, { title: 'AMOUNT', align: 'right' }, { title: '' },
  ];
  return renderTable(columns, transfers.map((transfer) => [
    transfer.createdAt.replace('T', ' ').slice(0, 19), transfer.id, transfer.kind, `${transfer.phase}${transfer.open ? ' (open)' : ''}`,
    transfer.from, transfer.to, transfer.amount, transfer.currency,
  ]));
}
