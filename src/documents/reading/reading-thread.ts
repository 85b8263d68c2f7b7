/**
 * The thread of `ReadingDesk`. Starting a process holds up whoever does it until the system has carried it out, some ten milliseconds and
 * more on a busy machine, and putting a long text together takes as long: here nobody waits for it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../base/clock.ts';
import { MemoryWatchdog } from './memory-watchdog.ts';
import { OrderedPieces } from './ordered-pieces.ts';
import type { ReadingRequest } from './reading-frame.ts';
import type { ReadingOrder, ReadingReport, ReadingThreadData } from './reading-message.ts';
import { ReadingPool } from './reading-pool.ts';
import type { Reading, ReadingProcess } from './reading-process.ts';

interface Open {
  readonly pieces: OrderedPieces;
  process?: ReadingProcess;
  aborted: boolean;
}

const { command, spares, watch } = workerData as ReadingThreadData;
const pool = new ReadingPool({ command, spares, clock: systemClock });
const watchdog = watch === undefined ? undefined : new MemoryWatchdog({ ...watch, watched: pool.alive, clock: systemClock });
const open = new Map<number, Open>();

function report(message: ReadingReport, hand: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...hand]);
}

async function readDocument(id: number, request: ReadingRequest): Promise<void> {
  const one: Open = { pieces: new OrderedPieces(() => report({ kind: 'more', id })), aborted: false };
  open.set(id, one);
  try {
    one.process = await pool.take();
    watchdog?.watch();
    if (one.aborted) one.process.kill();
    reportReading(id, await one.process.read({ request, source: one.pieces }));
  } catch (thrown) {
    report({ kind: 'broken', id, message: thrown instanceof Error ? thrown.message : String(thrown) });
  } finally {
    open.delete(id);
    if (one.process !== undefined) await pool.giveBack(one.process);
  }
}

function reportReading(id: number, reading: Reading): void {
  if (reading.kind === 'failure') return report({ kind: 'failure', id, failure: reading.failure });
  if (reading.kind === 'ended') return report({ kind: 'ended', id, ending: reading.ending });
  const { facts, text } = reading;
  // A text becomes one piece of memory on the other side; characters of one byte need half of it.
  const encoding = /^[\0-\xff]*$/.test(text) ? 'latin1' : 'utf16le';
  const bytes = new Uint8Array(Buffer.byteLength(text, encoding));
  Buffer.from(bytes.buffer).write(text, encoding);
  report({ kind: 'text', id, facts, text: bytes, encoding }, [bytes.buffer]);
}

async function close(): Promise<void> {
  watchdog?.[Symbol.dispose]();
  await pool[Symbol.asyncDispose]();
  parentPort?.close();
}

parentPort?.on('message', (order: ReadingOrder) => {
  if (order.kind === 'open') return void readDocument(order.id, order.request);
  if (order.kind === 'close') return void close();
  const one = open.get(order.id);
  if (one === undefined) return;
  if (order.kind === 'bytes') one.pieces.push(order.bytes);
  else if (order.kind === 'end') one.pieces.end();
  else {
    one.aborted = true;
    one.pieces.end();
    one.process?.kill();
  }
});
