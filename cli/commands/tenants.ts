import { Command } from 'commander';
import type { Spending, Tenant, Wallet } from '../../client/answer.ts';
import { usageFailure } from '../failure.ts';
import { limitFields } from '../limit-fields.ts';
import { type LimitOptions, limitRequest, withLimitOptions } from '../limit-options.ts';
import { parseMoney } from '../money.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { renderFields, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { walletTable } from '../wallet-table.ts';

/** `moongate tenants create|list|show`. */
export function tenantsCommand(terminal: Terminal): Command {
  return new Command('tenants')
    .description('make and list tenants: who pays for calls')
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(showCommand(terminal));
}

interface CreateOptions extends RemoteOptions, LimitOptions {
  readonly prepaid?: true;
  readonly currency?: string;
  readonly creditLimit?: string;
}

function createCommand(terminal: Terminal): Command {
  return withLimitOptions(remoteCommand('create', 'make a tenant; postpaid without limit, unless said otherwise'))
    .argument('<name>', 'what to call it')
    .option('--prepaid', 'its wallet must hold what a call may cost')
    .option('--currency <code>', 'what it pays in (prepaid: money.currency of the configuration; else the currency of each price)')
    .option('--credit-limit <money>', 'how much a postpaid one may owe, such as "100 USD"')
    .action(async (name: string, options: CreateOptions) => {
      if (options.prepaid === true && options.creditLimit !== undefined) throw usageFailure('--credit-limit: a prepaid tenant has none; leave out one of the two');
      const limits = limitRequest(options);
      const creditLimit = options.creditLimit === undefined ? undefined : parseMoney(options.creditLimit, '--credit-limit');
      const client = await connect(options, terminal);
      const answer = await client.call('createTenant', { ...limits, name, prepaid: options.prepaid, currency: options.currency?.toUpperCase(), creditLimit });
      show(answer, options, terminal, ({ tenant, wallets, note }) => `${describe(tenant, wallets, [])}${note === null ? '' : `\n${note}\n`}`);
    });
}

function listCommand(terminal: Terminal): Command {
  return remoteCommand('list', 'list all tenants').action(async (options: RemoteOptions) => {
    const client = await connect(options, terminal);
    show(await client.call('listTenants', {}), options, terminal, ({ tenants }) => tenantTable(tenants));
  });
}

function showCommand(terminal: Terminal): Command {
  return remoteCommand('show', 'show one tenant: its wallets, limits and budgets')
    .argument('<tenant>', 'its name or id')
    .action(async (tenant: string, options: RemoteOptions) => {
      const client = await connect(options, terminal);
      const answer = await client.call('showTenant', { tenant });
      show(answer, options, terminal, ({ tenant: found, wallets, spending }) => describe(found, wallets, spending));
    });
}

function tenantTable(tenants: readonly Tenant[]): string {
  const columns = ['ID', 'NAME', 'BILLING', 'PAYS IN', 'CREATED'].map((title) => ({ title }));
  return renderTable(columns, tenants.map((tenant) => [tenant.id, tenant.name, tenant.billing, paysIn(tenant), tenant.createdAt.slice(0, 10)]));
}

function describe(tenant: Tenant, wallets: readonly Wallet[], spending: readonly Spending[]): string {
  const fields = renderFields([
    ['id', tenant.id],
    ['name', tenant.name],
    ['billing', tenant.billing],
    ['pays in', paysIn(tenant)],
    ...limitFields(tenant, spending),
    ['created', tenant.createdAt],
  ]);
  return wallets.length === 0 ? fields : `${fields}\n${walletTable(wallets)}`;
}

function paysIn({ currency }: Tenant): string {
  return currency ?? 'the currency of each price';
}
