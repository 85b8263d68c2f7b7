import type { Batch } from '../client/answer.ts';
import { costText } from './batch-progress.ts';
import { type Column, renderFields, renderTable } from './table.ts';

/** A line for each of them. */
export function batchTable(batches: readonly Batch[]): string {
  const columns: Column[] = [{ title: 'CREATED' }, { title: 'ID' }, { title: 'STATUS' }, { title: 'LINES', align: 'right' }, { title: 'FAILED', align: 'right' }, { title: 'COST' }, { title: 'ENDPOINT' }];
  return renderTable(columns, batches.map((batch) => [moment(batch.createdAt), batch.id, batch.status, linesText(batch), String(batch.lines.failed), costText(batch), batch.endpoint]));
}

/** All of one, a field a line. */
export function describeBatch(batch: Batch): string {
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
    ['input', batch.inputFileId],
    ...(batch.outputFileId === null ? [] : [['answers', batch.outputFileId] as const]),
    ...(batch.errorFileId === null ? [] : [['errors', batch.errorFileId] as const]),
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
