import { Fault } from '../base/fault.ts';
import type { Batch } from './batch.ts';
import { parseBatchLine } from './batch-line.ts';
import type { BatchesDeps } from './batches-deps.ts';
import { readLines } from '../base/read-lines.ts';
import { unrunLine } from './told-line.ts';

type ResultDeps = Pick<BatchesDeps, 'outcomes' | 'files' | 'protocols' | 'limits' | 'random'>;

/** So much text is put together before it is handed on. */
const pieceChars = 64 * 1024;

/** The output file of a batch, in the order of its input. */
export function outputLines({ outcomes }: ResultDeps, { id }: Batch): AsyncGenerator<Uint8Array> {
  return inPieces(texts(outcomes.inOrder(id, 'output')));
}

/**
 * The error file of a batch, in the order of its input. `unrun`: why there are lines that nothing has come of, for which the input is read
 * once more; of an input that is gone they cannot be named.
 */
export function errorLines(deps: ResultDeps, batch: Batch, unrun: 'expired' | 'cancelled' | undefined): AsyncGenerator<Uint8Array> {
  const errors = deps.outcomes.inOrder(batch.id, 'error');
  return inPieces(unrun === undefined ? texts(errors) : withUnrun(deps, batch, errors, unrun));
}

async function* texts(outcomes: AsyncIterable<{ readonly text: string }>): AsyncGenerator<string> {
  for await (const { text } of outcomes) yield text;
}

async function* withUnrun(deps: ResultDeps, batch: Batch, errors: AsyncGenerator<{ readonly line: number; readonly text: string }>, why: 'expired' | 'cancelled'): AsyncGenerator<string> {
  const done = deps.outcomes.linesInOrder(batch.id);
  let error = await errors.next();
  let doneLine = await done.next();
  let line = -1;
  for await (const customId of customIds(deps, batch)) {
    line += 1;
    if (error.done !== true && error.value.line === line) {
      yield error.value.text;
      error = await errors.next();
    }
    if (doneLine.done !== true && doneLine.value === line) doneLine = await done.next();
    else yield unrunLine(deps.random, customId, why);
  }
  for (; error.done !== true; error = await errors.next()) yield error.value.text;
}

async function* customIds({ files, protocols, limits }: ResultDeps, { scope, inputFileId, endpoint }: Batch): AsyncGenerator<string> {
  const file = await files.get(scope, inputFileId);
  if (file === undefined) return;
  try {
    for await (const lines of readLines(files.open(file), limits.lineBytesMax)) {
      for (const line of lines) {
        const parsed = parseBatchLine(line, endpoint, protocols);
        if ('customId' in parsed) yield parsed.customId;
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== 'not_found') throw thrown;
  }
}

async function* inPieces(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let piece = '';
  for await (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < pieceChars) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece);
}
