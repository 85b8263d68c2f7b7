import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AdminError } from '../client/admin-error.ts';
import type { AdminClient } from '../client/admin-client.ts';
import type { Batch } from '../client/answer.ts';
import type { BatchFileFacts } from './batch-file.ts';
import { BatchProgress } from './batch-progress.ts';
import { CommandFailure, exitCodes } from './failure.ts';
import { openFile } from './open-file.ts';
import { ProgressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

/** A file that is to be run, and how; all of it is part of what makes two runs the same. */
export interface BatchRun {
  readonly path: string;
  readonly facts: BatchFileFacts;
  readonly endpoint: string;
  readonly window: string;
  /** Id of the key in whose name. */
  readonly key: string;
  readonly tenant: string;
  readonly mode: 'live' | 'test';
}

/** By this name a batch remembers what it was made of, so that the same command finds it again. */
const runMark = 'moongate_run';
const pollMs = 500;
/** A server that is started anew is waited for. */
const patienceMs = 120_000;
const pagesMax = 20;

/** The batch of an earlier run of the same, unless it came to nothing; says what was found. */
export async function findRun(client: AdminClient, run: BatchRun, terminal: Terminal): Promise<Batch | undefined> {
  const { tenant, mode } = run;
  const mark = markOf(run);
  let cutShort: Batch | undefined;
  let before: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const { batches, next } = await client.call('listBatches', { tenant, mode, limit: 100, before });
    const same = batches.filter(({ metadata, status }) => metadata[runMark] === mark && status !== 'failed');
    const found = same.find(({ status }) => !isCutShort(status));
    if (found !== undefined) {
      terminal.err(`going on with ${found.id}, begun at ${found.createdAt}; with --new it is run anew\n`);
      return found;
    }
    cutShort ??= same[0];
    if (next === null) break;
    before = next;
  }
  if (cutShort !== undefined) terminal.err(cutShortText(cutShort));
  return undefined;
}

function isCutShort(status: Batch['status']): boolean {
  return status === 'cancelled' || status === 'expired';
}

function cutShortText({ id, status, endedAt, lines: { completed } }: Batch): string {
  const kept = completed === 0 ? '' : `; the ${completed.toLocaleString('en-US')} lines that it answered are made again, and charged again ("moongate batch get ${id} --out FILE" fetches those answers)`;
  return `the batch ${id} of this file is ${status} since ${endedAt ?? 'now'}: it is run anew${kept}\n`;
}

function markOf({ facts, endpoint, window, key }: BatchRun): string {
  return `${facts.digest} ${endpoint} ${window} ${key}`;
}

/** Sends the file and begins its batch. Nothing of it is left at the server when there is to be none. */
export async function beginRun(client: AdminClient, run: BatchRun, terminal: Terminal): Promise<Batch> {
  const { path, facts, endpoint, window: completionWindow, key, tenant, mode } = run;
  const blob = await openFile(path, terminal);
  const line = new ProgressLine(terminal);
  line.show(`${basename(path)}  ${facts.lineCount.toLocaleString('en-US')} requests are being sent …`);
  try {
    const { file } = await client.upload('uploadFile', { filename: basename(path), purpose: 'batch', tenant, mode }, blob.stream());
    try {
      const { batch } = await client.call('createBatch', { inputFile: file.id, endpoint, completionWindow, key, metadata: { [runMark]: markOf(run) } });
      return batch;
    } catch (thrown) {
      // Whoever was refused has no batch; of one that got no answer nobody knows.
      if (thrown instanceof AdminError && thrown.status !== undefined && thrown.status < 500) await client.call('deleteFile', { id: file.id }).catch(() => undefined);
      throw thrown;
    }
  } finally {
    line.end();
  }
}

/** Shows how far a batch is until it has ended. At Ctrl-C throws a `CommandFailure` that says what becomes of it. */
export async function untilEnded(client: AdminClient, begun: Batch, terminal: Terminal): Promise<Batch> {
  const line = new ProgressLine(terminal);
  const progress = new BatchProgress();
  const leaving = new AbortController();
  const stopListening = terminal.onInterrupt(() => leaving.abort());
  let batch = begun;
  try {
    while (batch.endedAt === null) {
      line.show(progress.line(batch, terminal.nowMs()));
      await pause(pollMs, undefined, { signal: leaving.signal });
      ({ batch } = await onceBack(() => client.call('showBatch', { id: begun.id }), leaving.signal));
    }
    return batch;
  } catch (thrown) {
    if (!leaving.signal.aborted) throw thrown;
    const message = `it goes on at the server; the same command shows it again;\n"moongate batch cancel ${begun.id}" stops it`;
    throw new CommandFailure('interrupted', message, exitCodes.interrupted);
  } finally {
    stopListening();
    line.end();
  }
}

/** What `call` gives, also when the server is away for a while. */
async function onceBack<Answer>(call: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (const sinceMs = performance.now(); ; ) {
    try {
      return await call();
    } catch (thrown) {
      if (!isAway(thrown) || performance.now() - sinceMs > patienceMs) throw thrown;
    }
    await pause(pollMs, undefined, { signal });
  }
}

/** Nobody answers, or somebody says that the server is being stopped or is not up yet: itself, or the proxy in front of it. */
function isAway(thrown: unknown): boolean {
  if (!(thrown instanceof AdminError)) return false;
  return thrown.code === 'unreachable' || thrown.code === 'timed_out' || (thrown.status !== undefined && thrown.status >= 502 && thrown.status <= 504);
}
