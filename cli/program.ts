import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { batchCommand } from './commands/batch.ts';
import { configCommand } from './commands/config.ts';
import { creditsCommand } from './commands/credits.ts';
import { filesCommand } from './commands/files.ts';
import { generationsCommand } from './commands/generations.ts';
import { infoCommand } from './commands/info.ts';
import { keysCommand } from './commands/keys.ts';
import { ledgerCommand } from './commands/ledger.ts';
import { pricesCommand } from './commands/prices.ts';
import { ratesCommand } from './commands/rates.ts';
import { reconcileCommand } from './commands/reconcile.ts';
import { serveCommand } from './commands/serve.ts';
import { tenantsCommand } from './commands/tenants.ts';
import { tokenizerCommand } from './commands/tokenizer.ts';
import { usageCommand } from './commands/usage.ts';
import type { Terminal } from './terminal.ts';

/** The tree of all commands. Parsing throws in place of exiting. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('moongate')
    .description('your own Kimi platform: one endpoint over every place where the Kimi K2 models run')
    .version(packageVersion(), '--version', 'print the version')
    .helpCommand(false)
    .addCommand(serveCommand(terminal))
    .addCommand(keysCommand(terminal))
    .addCommand(tenantsCommand(terminal))
    .addCommand(creditsCommand(terminal))
    .addCommand(ledgerCommand(terminal))
    .addCommand(usageCommand(terminal))
    .addCommand(generationsCommand(terminal))
    .addCommand(filesCommand(terminal))
    .addCommand(batchCommand(terminal))
    .addCommand(pricesCommand(terminal))
    .addCommand(ratesCommand(terminal))
    .addCommand(reconcileCommand(terminal))
    .addCommand(infoCommand(terminal))
    .addCommand(configCommand(terminal))
    .addCommand(tokenizerCommand(terminal));
  for (const command of commandsUnder(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.out(text),
      // What is wrong is said once, by `run`, which has it from the error that is thrown.
      writeErr: () => {},
    });
  }
  return program;
}

/** `command` and everything below it. */
export function commandsUnder(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsUnder)];
}

function packageVersion(): string {
  const facts: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  if (typeof facts === 'object' && facts !== null && 'version' in facts && typeof facts.version === 'string') return facts.version;
  throw new Error('package.json has no version');
}
