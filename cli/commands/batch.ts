import { createWriteStream, openAsBlob } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { AdminError } from '../../client/admin-error.ts';
import type { AdminClient } from '../../client/admin-client.ts';
import type { Batch } from '../../client/answer.ts';
import { type BatchFileFacts, readBatchFile } from '../batch-file.ts';
import { BatchProgress, costText } from '../batch-progress.ts';
import { CommandFailure, usageFailure } from '../failure.ts';
import { parsePageLimit } from '../page-limit.ts';
import { ProgressLine } from '../progress-line.ts';
import { printable } from '../printable.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { type Column, renderFields, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

/** `moongate batch run|list|get|cancel`. */
export function batchCommand(terminal: Terminal): Command {
  return new Command('batch')
    .description('have many requests in one file answered, at batch price')
    .addCommand(runCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(getCommand(terminal))
    .addCommand(cancelCommand(terminal));
}

interface OwnerOptions extends RemoteOptions {
  readonly tenant?: string;
  readonly test?: true;
}

interface RunOptions extends OwnerOptions {
  readonly endpoint: string;
  readonly window: string;
  readonly key?: string;
  readonly out?: string;
  readonly new?: true;
}

/** By this name a batch remembers what it was made of, so that the same command finds it again. */
const runMark = 'moongate_run';
const pollMs = 500;
/** A server that is started anew is waited for. */
const patienceMs = 120_000;
const pagesMax = 20;

function runCommand(terminal: Terminal): Command {
  return ownerOptions(remoteCommand('run', 'run a file of requests (JSONL) to its end; again after Ctrl-C, it goes on where it was'))
    .argument('<file>', 'a file of this machine: a request a line, {"custom_id", "method", "url", "body"}')
    .option('--endpoint <path>', 'what the requests are for', '/v1/chat/completions')
    .option('--window <span>', 'how long it may take, from 12h to 28d', '24h')
    .option('--key <id>', 'the key in whose name it runs (the only one that there is)')
    .option('--out <file>', 'where the answers go; errors go beside it (FILE.output.jsonl, FILE.errors.jsonl)')
    .option('--new', 'run it anew, though the same file was run before')
    .action(async (path: string, options: RunOptions) => {
      if (options.key !== undefined && (options.tenant !== undefined || options.test === true)) throw usageFailure('--key says whose batch it is: leave out --tenant and --test');
      const client = await connect(options, terminal);
      const facts = await checkedFile(path, options, terminal);
      const owner = await ownerOf(client, options);
      const begun = (await foundRun(client, owner, options, facts, terminal)) ?? (await newRun(client, owner, options, facts, path, terminal));
      const ended = await untilEnded(client, begun, terminal);
      const files = await download(client, ended, options.out ?? path.replace(/\.jsonl$/, ''), options.out, terminal);
      show({ batch: ended, ...files }, options, terminal, () => endText(ended, files));
      if (ended.status !== 'completed') throw new CommandFailure(ended.status, `the batch ${ended.id} is ${ended.status}`);
    });
}

async function checkedFile(path: string, { endpoint }: RunOptions, terminal: Terminal): Promise<BatchFileFacts> {
  const facts = await readBatchFile(resolve(terminal.folder, path), endpoint).catch(() => {
    throw new CommandFailure('unreadable', `${path} cannot be read; nothing was sent`);
  });
  if (facts.problems.length === 0) return facts;
  throw new CommandFailure('invalid_file', `${path} cannot be run, and nothing was sent:\n${facts.problems.map(printable).join('\n')}`);
}

interface Owner {
  readonly tenant: string | undefined;
  readonly mode: 'live' | 'test';
}

async function ownerOf(client: AdminClient, { key: id, tenant, test }: RunOptions): Promise<Owner> {
  if (id === undefined) return { tenant, mode: test === true ? 'test' : 'live' };
  const { key } = await client.call('showKey', { id });
  return { tenant: key.tenant.id, mode: key.mode };
}

/** The batch of an earlier run of the same command, unless it came to nothing. */
async function foundRun(client: AdminClient, owner: Owner, options: RunOptions, facts: BatchFileFacts, terminal: Terminal): Promise<Batch | undefined> {
  if (options.new === true) return undefined;
  const mark = markOf(options, facts);
  let before: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const { batches, next } = await client.call('listBatches', { ...owner, limit: 100, before });
    const found = batches.find(({ metadata, status }) => metadata[runMark] === mark && status !== 'failed' && status !== 'cancelled' && status !== 'expired');
    if (found !== undefined) {
      terminal.err(`going on with ${found.id}, begun at ${found.createdAt}; with --new it is run anew\n`);
      return found;
    }
    if (next === null) return undefined;
    before = next;
  }
  return undefined;
}

function markOf({ endpoint, window }: RunOptions, { digest }: BatchFileFacts): string {
  return `${digest} ${endpoint} ${window}`;
}

async function newRun(client: AdminClient, owner: Owner, options: RunOptions, facts: BatchFileFacts, path: string, terminal: Terminal): Promise<Batch> {
  const blob = await openAsBlob(resolve(terminal.folder, path));
  const line = new ProgressLine(terminal);
  line.show(`${basename(path)}  ${facts.lineCount.toLocaleString('en-US')} requests are being sent …`);
  try {
    const { file } = await client.upload('uploadFile', { filename: basename(path), purpose: 'batch', tenant: owner.tenant, mode: owner.mode }, blob.stream());
    const metadata = { [runMark]: markOf(options, facts) };
    const { batch } = await client.call('createBatch', { inputFile: file.id, endpoint: options.endpoint, completionWindow: options.window, key: options.key, metadata });
    return batch;
  } finally {
    line.end();
  }
}

async function untilEnded(client: AdminClient, begun: Batch, terminal: Terminal): Promise<Batch> {
  const line = new ProgressLine(terminal);
  const progress = new BatchProgress();
  let batch = begun;
  let awayMs = 0;
  try {
    while (batch.endedAt === null) {
      line.show(progress.line(batch, terminal.nowMs()));
      await pause(pollMs);
      try {
        ({ batch } = await client.call('showBatch', { id: begun.id }));
        awayMs = 0;
      } catch (thrown) {
        awayMs += pollMs;
        if (!(thrown instanceof AdminError) || (thrown.code !== 'unreachable' && thrown.code !== 'timed_out') || awayMs > patienceMs) throw thrown;
      }
    }
    return batch;
  } finally {
    line.end();
  }
}

interface ResultFiles {
  readonly output: string | null;
  readonly errors: string | null;
}

async function download(client: AdminClient, batch: Batch, stem: string, out: string | undefined, terminal: Terminal): Promise<ResultFiles> {
  const output = batch.outputFileId === null ? null : (out ?? `${stem}.output.jsonl`);
  const errors = batch.errorFileId === null ? null : `${stem}.errors.jsonl`;
  for (const [name, path] of [['batchOutput', output], ['batchErrors', errors]] as const) {
    if (path === null) continue;
    const content = await client.download(name, { id: batch.id });
    await pipeline(Readable.from(content), createWriteStream(resolve(terminal.folder, path))).catch((cause: unknown) => {
      throw new CommandFailure('not_written', `${path} could not be written (${cause instanceof Error ? cause.message : String(cause)}); the batch is kept: run the command again, with another --out`);
    });
  }
  return { output, errors };
}

function endText(batch: Batch, { output, errors }: ResultFiles): string {
  return describe(batch) + (output === null ? '' : `answers  ${printable(output)}\n`) + (errors === null ? '' : `errors   ${printable(errors)}\n`);
}

function listCommand(terminal: Terminal): Command {
  return ownerOptions(remoteCommand('list', 'the batches of a tenant, the newest first'))
    .option('--limit <count>', 'how many, up to 100', parsePageLimit, 50)
    .option('--before <id>', 'only those before this one')
    .action(async (options: OwnerOptions & { readonly limit: number; readonly before?: string }) => {
      const client = await connect(options, terminal);
      const answer = await client.call('listBatches', { tenant: options.tenant, mode: options.test === true ? 'test' : 'live', limit: options.limit, before: options.before });
      show(answer, options, terminal, ({ batches, next }) => (batches.length === 0 ? 'no batches\n' : `${batchTable(batches)}${next === null ? '' : `\nolder ones: --before ${next}\n`}`));
    });
}

function getCommand(terminal: Terminal): Command {
  return remoteCommand('get', 'how far a batch is, and what it has cost')
    .argument('<id>', 'as "batch list" shows it')
    .action(async (id: string, options: RemoteOptions) => {
      const client = await connect(options, terminal);
      show(await client.call('showBatch', { id }), options, terminal, ({ batch }) => describe(batch));
    });
}

function cancelCommand(terminal: Terminal): Command {
  return remoteCommand('cancel', 'begin no further request of a batch; what is answered is kept')
    .argument('<id>', 'as "batch list" shows it')
    .action(async (id: string, options: RemoteOptions) => {
      const client = await connect(options, terminal);
      show(await client.call('cancelBatch', { id }), options, terminal, ({ batch }) => describe(batch));
    });
}

function ownerOptions(command: Command): Command {
  return command.option('--tenant <tenant>', 'whose, by name or id (the first tenant)').option('--test', 'of its test keys, not of its live ones');
}

function batchTable(batches: readonly Batch[]): string {
  const columns: Column[] = [{ title: 'CREATED' }, { title: 'ID' }, { title: 'STATUS' }, { title: 'LINES', align: 'right' }, { title: 'FAILED', align: 'right' }, { title: 'COST' }, { title: 'ENDPOINT' }];
  return renderTable(columns, batches.map((batch) => [moment(batch.createdAt), batch.id, batch.status, linesText(batch), String(batch.lines.failed), costText(batch), batch.endpoint]));
}

function describe(batch: Batch): string {
  const { tokens, problems } = batch;
  return renderFields([
    ['id', batch.id],
    ['status', batch.status],
    ['tenant', `${batch.tenant.name} (${batch.mode})`],
    ['key', batch.keyId],
    ['endpoint', batch.endpoint],
    ['model', batch.model ?? '-'],
    ['lines', `${linesText(batch)}, ${batch.lines.failed} failed`],
    ['tokens', `${tokens.input.toLocaleString('en-US')} in (${tokens.cached.toLocaleString('en-US')} cached), ${tokens.output.toLocaleString('en-US')} out`],
    ['cost', costText(batch)],
    ['created', batch.createdAt],
    ['ends', batch.endedAt ?? `by ${batch.expiresAt}`],
    ...problems.map(({ line, message }): readonly [string, string] => [line === null ? 'problem' : `line ${line}`, message]),
  ]);
}

function linesText({ lines }: Batch): string {
  const done = (lines.completed + lines.failed).toLocaleString('en-US');
  return lines.total === null ? '-' : `${done} of ${lines.total.toLocaleString('en-US')}`;
}

function moment(instant: string): string {
  return instant.replace('T', ' ').slice(0, 19);
}
