import { Command } from 'commander';
import type { ApiKey, Spending } from '../../client/answer.ts';
import { parseExpiry } from '../expiry.ts';
import { usageFailure } from '../failure.ts';
import { limitFields } from '../limit-fields.ts';
import { type LimitOptions, limitRequest, withLimitOptions } from '../limit-options.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { renderFields, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

/** `moongate keys create|list|show|revoke`. */
export function keysCommand(terminal: Terminal): Command {
  return new Command('keys')
    .description('make, list and revoke API keys')
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(showCommand(terminal))
    .addCommand(revokeCommand(terminal));
}

interface CreateOptions extends RemoteOptions, LimitOptions {
  readonly tenant?: string;
  readonly label?: string;
  readonly test?: true;
  readonly expires?: string;
  readonly models?: string;
}

function createCommand(terminal: Terminal): Command {
  return withLimitOptions(remoteCommand('create', 'make an API key; it is shown once'))
    .option('--tenant <tenant>', 'whom it belongs to, by name or id (the first tenant)')
    .option('--label <text>', 'what the key is for')
    .option('--test', 'a test key: always answered by the sandbox, free of charge')
    .option('--expires <when>', 'a span (90d, 12h, 4w), a date (2027-01-31, UTC) or "never"')
    .option('--models <ids>', 'the only models that it may use, with commas between them')
    .action(async (options: CreateOptions) => {
      const models = options.models?.split(',').map((id) => id.trim());
      if (models?.some((id) => id === '')) throw usageFailure('--models: expected model ids with commas between them');
      const limits = limitRequest(options);
      const client = await connect(options, terminal);
      const answer = await client.call('createKey', {
        ...limits,
        tenant: options.tenant,
        mode: options.test === true ? 'test' : 'live',
        label: options.label,
        models,
        expiresAt: options.expires === undefined ? undefined : parseExpiry(options.expires, terminal.nowMs()),
      });
      show(answer, options, terminal, ({ key, secret }) => `${secret}\n\n${describeKey(key)}Keep it safe: it is not shown again.\n`);
    });
}

function listCommand(terminal: Terminal): Command {
  return remoteCommand('list', 'list all API keys')
    .option('--tenant <tenant>', 'only those of this one, by name or id')
    .action(async (options: RemoteOptions & { readonly tenant?: string }) => {
      const client = await connect(options, terminal);
      const answer = await client.call('listKeys', { tenant: options.tenant });
      show(answer, options, terminal, ({ keys }) => (keys.length === 0 ? 'no keys yet; make one with "moongate keys create"\n' : keyTable(keys)));
    });
}

function showCommand(terminal: Terminal): Command {
  return remoteCommand('show', 'show one API key, and what is left of its budgets')
    .argument('<id>', 'id of the key, as "keys list" shows it')
    .action(async (id: string, options: RemoteOptions) => {
      const client = await connect(options, terminal);
      show(await client.call('showKey', { id }), options, terminal, ({ key, spending }) => describeKey(key, spending));
    });
}

function revokeCommand(terminal: Terminal): Command {
  return remoteCommand('revoke', 'revoke an API key, at once and for good')
    .argument('<id>', 'id of the key, as "keys list" shows it')
    .action(async (id: string, options: RemoteOptions) => {
      const client = await connect(options, terminal);
      show(await client.call('revokeKey', { id }), options, terminal, ({ key }) => `revoked\n\n${describeKey(key)}`);
    });
}

function keyTable(keys: readonly ApiKey[]): string {
  const columns = ['ID', 'KEY', 'TENANT', 'LABEL', 'MODE', 'STATE', 'MODELS', 'CREATED', 'EXPIRES'].map((title) => ({ title }));
  const rows = keys.map((key) => [
    key.id, key.display, key.tenant.name, key.label ?? '-', key.mode, key.state, modelsOf(key), day(key.createdAt), key.expiresAt === null ? 'never' : day(key.expiresAt),
  ]);
  return renderTable(columns, rows);
}

function describeKey(key: ApiKey, spending: readonly Spending[] = []): string {
  return renderFields([
    ['id', key.id],
    ['key', key.display],
    ['tenant', key.tenant.name],
    ['label', key.label ?? '-'],
    ['mode', key.mode],
    ['state', key.state],
    ['models', modelsOf(key)],
    ...limitFields(key, spending),
    ['created', key.createdAt],
    ['expires', key.expiresAt ?? 'never'],
    ...(key.revokedAt === null ? [] : [['revoked', key.revokedAt] as const]),
  ]);
}

function modelsOf(key: ApiKey): string {
  return key.models === null ? 'all' : key.models.join(', ');
}

function day(instant: string): string {
  return instant.slice(0, 10);
}
