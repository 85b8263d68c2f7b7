import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AdminClient } from '../client/admin-client.ts';
import type { Batch } from '../client/answer.ts';
import { CommandFailure } from './failure.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** Where the files of a batch were put; null: it has none. */
export interface AnswerFiles {
  readonly output: string | null;
  readonly errors: string | null;
}

/** Fetches what a batch has written: its answers to `output`, its errors to `errors`. Throws `CommandFailure` when one cannot be written. */
export async function fetchAnswers(client: AdminClient, batch: Batch, paths: { readonly output: string; readonly errors: string }, terminal: Terminal): Promise<AnswerFiles> {
  const output = batch.outputFileId === null ? null : paths.output;
  const errors = batch.errorFileId === null ? null : paths.errors;
  for (const [name, path] of [['batchOutput', output], ['batchErrors', errors]] as const) {
    if (path === null) continue;
    const content = await client.download(name, { id: batch.id });
    await pipeline(Readable.from(content), createWriteStream(resolve(terminal.folder, path))).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CommandFailure('not_written', `${path} could not be written (${why}); the batch is kept: fetch it with "moongate batch get ${batch.id} --out FILE"`);
    });
  }
  return { output, errors };
}

/** Where the errors go that belong to the answers in `out`: beside them. */
export function errorsBeside(out: string): string {
  return `${out.replace(/(\.output)?\.jsonl$/, '')}.errors.jsonl`;
}

/** Says where they are. */
export function answersText({ output, errors }: AnswerFiles): string {
  return (output === null ? '' : `answers are in ${printable(output)}\n`) + (errors === null ? '' : `errors are in ${printable(errors)}\n`);
}
