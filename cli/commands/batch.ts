import { Command } from 'commander';
import type { Batch } from '../../client/answer.ts';
import { type AnswerFiles, answersText, errorsBeside, fetchAnswers } from '../batch-answers.ts';
import { type BatchFileFacts, readBatchFile } from '../batch-file.ts';
import { beginRun, findRun, untilEnded } from '../batch-run.ts';
import { batchTable, describeBatch } from '../batch-table.ts';
import { CommandFailure, PartFailure, usageFailure } from '../failure.ts';
import { openFile } from '../open-file.ts';
import { parsePageLimit } from '../page-limit.ts';
import { printable } from '../printable.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
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

function runCommand(terminal: Terminal): Command {
  return ownerOptions(remoteCommand('run', 'run a file of requests (JSONL) to its end; again after Ctrl-C, it goes on where it was'))
    .argument('<file>', 'a file of this machine: a request a line, {"custom_id", "method", "url", "body"}')
    .option('--endpoint <path>', 'what the requests are for', '/v1/chat/completions')
    .option('--window <span>', 'how long it may take, from 12h to 28d', '24h')
    .option('--key <id>', 'the key in whose name it runs (the only one that there is)')
    .option('--out <file>', 'where the answers go; errors go beside it (FILE.output.jsonl, FILE.errors.jsonl)')
    .option('--new', 'run it anew, though the same file was run before')
    .addHelpText('after', exitCodesText)
    .action(async (path: string, options: RunOptions) => {
      const { key, tenant, test, endpoint, window, out } = options;
      if (key !== undefined && (tenant !== undefined || test === true)) throw usageFailure('--key says whose batch it is: leave out --tenant and --test');
      const client = await connect(options, terminal);
      const facts = await checkedFile(path, options, terminal);
      const owner = await client.call('checkBatch', { endpoint, completionWindow: window, key, tenant, mode: test === true ? 'test' : 'live' });
      const run = { path, facts, endpoint, window, key: owner.key, tenant: owner.tenant.id, mode: owner.mode };
      const found = options.new === true ? undefined : await findRun(client, run, terminal);
      const ended = await untilEnded(client, found ?? (await beginRun(client, run, terminal)), terminal);
      const stem = path.replace(/\.jsonl$/, '');
      const files = await fetchAnswers(client, ended, { output: out ?? `${stem}.output.jsonl`, errors: out === undefined ? `${stem}.errors.jsonl` : errorsBeside(out) }, terminal);
      tell(ended, files, options, terminal);
    });
}

const exitCodesText = `
Exit code: 0 when every line was answered, 1 when a line failed, or the batch ended in another way (the errors are in FILE.errors.jsonl)
           or could not be run at all, 2 for a wrong command line, 130 after Ctrl-C (the batch goes on at the server)
`;

/** Says how a batch has ended; throws when that was not with an answer to every line. */
function tell(batch: Batch, files: AnswerFiles, options: RemoteOptions, terminal: Terminal): void {
  show({ batch, ...files }, options, terminal, () => describeBatch(batch) + answersText(files));
  if (batch.status !== 'completed' || batch.lines.failed > 0) throw new PartFailure();
}

async function checkedFile(path: string, { endpoint }: RunOptions, terminal: Terminal): Promise<BatchFileFacts> {
  const blob = await openFile(path, terminal).catch((thrown: unknown) => {
    throw thrown instanceof CommandFailure ? new CommandFailure(thrown.code, `${path}: ${thrown.message}; nothing was sent`) : thrown;
  });
  const facts = await readBatchFile(blob.stream(), endpoint).catch(() => {
    throw new CommandFailure('unreadable', `${path}: it cannot be read; nothing was sent`);
  });
  if (facts.problems.length === 0) return facts;
  throw new CommandFailure('invalid_file', `${path} cannot be run, and nothing was sent:\n${facts.problems.map(printable).join('\n')}`);
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
    .option('--out <file>', 'fetch its answers into this file, its errors beside it (FILE.errors.jsonl)')
    .action(async (id: string, options: RemoteOptions & { readonly out?: string }) => {
      const client = await connect(options, terminal);
      const answer = await client.call('showBatch', { id });
      const { batch } = answer;
      if (options.out === undefined) return show(answer, options, terminal, () => describeBatch(batch));
      if (batch.endedAt === null) throw new CommandFailure('not_ended', `the batch ${id} has no answers to fetch yet: it is ${batch.status}`);
      const files = await fetchAnswers(client, batch, { output: options.out, errors: errorsBeside(options.out) }, terminal);
      show({ batch, ...files }, options, terminal, () => describeBatch(batch) + answersText(files));
    });
}

function cancelCommand(terminal: Terminal): Command {
  return remoteCommand('cancel', 'begin no further request of a batch; what is answered is kept')
    .argument('<id>', 'as "batch list" shows it')
    .action(async (id: string, options: RemoteOptions) => {
      const client = await connect(options, terminal);
      show(await client.call('cancelBatch', { id }), options, terminal, ({ batch }) => describeBatch(batch));
    });
}

function ownerOptions(command: Command): Command {
  return command.option('--tenant <tenant>', 'whose, by name or id (the first tenant)').option('--test', 'of its test keys, not of its live ones');
}
