import { basename } from 'node:path';
import { Command } from 'commander';
import type { AdminClient } from '../../client/admin-client.ts';
import type { StoredFile } from '../../client/answer.ts';
import { byteCount } from '../byte-count.ts';
import { PartFailure } from '../failure.ts';
import { openFile } from '../open-file.ts';
import { parsePageLimit } from '../page-limit.ts';
import { ProgressLine } from '../progress-line.ts';
import { printable } from '../printable.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { type Column, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { type FailedOne, sayFailed, tryEach } from '../try-each.ts';

/** `moongate files put|list|text|delete`. */
export function filesCommand(terminal: Terminal): Command {
  return new Command('files')
    .description('upload documents, see how many tokens they have, and read their text')
    .addCommand(putCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(textCommand(terminal))
    .addCommand(deleteCommand(terminal));
}

interface OwnerOptions extends RemoteOptions {
  readonly tenant?: string;
  readonly test?: true;
}

interface PutOptions extends OwnerOptions {
  readonly purpose: string;
}

interface PutFile {
  readonly path: string;
  readonly file: StoredFile;
  readonly notes: readonly string[];
}

function putCommand(terminal: Terminal): Command {
  return ownerOptions(remoteCommand('put', 'upload files, one after the other; those that fail are told, and the others are kept'))
    .argument('<path...>', 'files of this machine')
    .option('--purpose <purpose>', 'what they are for: file-extract (their text is read), batch, user_data, image …', 'file-extract')
    .action(async (paths: readonly string[], options: PutOptions) => {
      const client = await connect(options, terminal);
      const { done: files, failed } = await tryEach(paths, async (path) => ({ path, ...(await upload(client, path, await openFile(path, terminal), options, terminal)) }));
      show({ files, failed }, options, terminal, () => (files.length === 0 ? '' : putTable(files)));
      tellFailed(failed, options, terminal);
    });
}

/** Says what failed, where that is not said yet, and ends the command accordingly. */
function tellFailed(failed: readonly FailedOne[], { json }: RemoteOptions, terminal: Terminal): void {
  if (json !== true) sayFailed(failed, terminal);
  if (failed.length > 0) throw new PartFailure();
}

async function upload(client: AdminClient, path: string, blob: Blob, options: PutOptions, terminal: Terminal): Promise<Omit<PutFile, 'path'>> {
  const line = new ProgressLine(terminal);
  const name = basename(path);
  let sent = 0;
  const counting = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, out) {
      sent += piece.length;
      line.show(sent < blob.size ? `${name}  ${byteCount(sent)} of ${byteCount(blob.size)}  ${Math.floor((100 * sent) / blob.size)} %` : `${name}  read by the server …`);
      out.enqueue(piece);
    },
  });
  try {
    return await client.upload('uploadFile', { filename: name, purpose: options.purpose, tenant: options.tenant, mode: modeOf(options) }, blob.stream().pipeThrough(counting));
  } finally {
    line.end();
  }
}

function putTable(files: readonly PutFile[]): string {
  const notes = files.flatMap(({ file, notes: ofOne }) => ofOne.map((note) => `${printable(file.filename)}: ${printable(note)}\n`));
  return fileTable(files.map(({ file }) => file)) + (notes.length === 0 ? '' : `\n${notes.join('')}`);
}

interface ListOptions extends OwnerOptions {
  readonly purpose?: string;
  readonly limit: number;
  readonly before?: string;
}

function listCommand(terminal: Terminal): Command {
  return ownerOptions(remoteCommand('list', 'the files of a tenant, the newest first'))
    .option('--purpose <purpose>', 'only those for this')
    .option('--limit <count>', 'how many, up to 1000', parsePageLimit, 50)
    .option('--before <id>', 'only those before this one')
    .action(async (options: ListOptions) => {
      const client = await connect(options, terminal);
      const { tenant, purpose, limit, before } = options;
      const answer = await client.call('listFiles', { tenant, purpose, limit, before, mode: modeOf(options) });
      show(answer, options, terminal, ({ files, next }) => (files.length === 0 ? 'no files\n' : `${fileTable(files)}${next === null ? '' : `\nolder ones: --before ${next}\n`}`));
    });
}

function textCommand(terminal: Terminal): Command {
  return remoteCommand('text', 'the text of a file, as a model gets it; what there is to say about it goes to stderr')
    .argument('<id>', 'as "files list" shows it')
    .action(async (id: string, options: RemoteOptions) => {
      const client = await connect(options, terminal);
      const answer = await client.call('fileText', { id });
      show(answer, options, terminal, ({ text }) => (text.endsWith('\n') ? text : `${text}\n`));
      if (options.json === true) return;
      const { file, format, pageCount, notes } = answer;
      const pages = pageCount === null ? '' : `, ${pageCount.toLocaleString('en-US')} ${pageCount === 1 ? 'page' : 'pages'}`;
      terminal.err(`${printable(file.filename)}: ${format}${pages}, ${tokensText(file)} tokens\n${notes.map((note) => `${printable(note)}\n`).join('')}`);
    });
}

function deleteCommand(terminal: Terminal): Command {
  return remoteCommand('delete', 'delete files')
    .argument('<id...>', 'as "files list" shows them')
    .action(async (ids: readonly string[], options: RemoteOptions) => {
      const client = await connect(options, terminal);
      const { done: files, failed } = await tryEach(ids, async (id) => (await client.call('deleteFile', { id })).file);
      show({ files, failed }, options, terminal, () => files.map(({ id, filename }) => `deleted ${id} (${printable(filename)})\n`).join(''));
      tellFailed(failed, options, terminal);
    });
}

function ownerOptions(command: Command): Command {
  return command.option('--tenant <tenant>', 'whose, by name or id (the first tenant)').option('--test', 'for its test keys, not for its live ones');
}

function modeOf({ test }: OwnerOptions): 'live' | 'test' {
  return test === true ? 'test' : 'live';
}

function fileTable(files: readonly StoredFile[]): string {
  const columns: Column[] = [
    { title: 'CREATED' }, { title: 'ID' }, { title: 'PURPOSE' }, { title: 'SIZE', align: 'right' }, { title: 'TOKENS', align: 'right' }, { title: 'NAME' }, { title: 'EXPIRES' },
  ];
  return renderTable(columns, files.map((file) => [
    file.createdAt.replace('T', ' ').slice(0, 19), file.id, file.purpose, byteCount(file.bytes), tokensText(file), file.filename, file.expiresAt?.slice(0, 10) ?? 'never',
  ]));
}

function tokensText({ tokens, tokensExact }: StoredFile): string {
  if (tokens === null) return '-';
  return `${tokensExact === true ? '' : '≤ '}${tokens.toLocaleString('en-US')}`;
}
