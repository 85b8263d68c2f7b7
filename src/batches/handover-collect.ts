import { Fault } from '../base/fault.ts';
import type { Chunk } from './batch.ts';
import type { BatchVendor, VendorBatch, VendorResult } from './batch-vendor.ts';
import type { Handover } from './handover-store.ts';
import { type HandedScene, handedLine, lineOfVendorId } from './handed-line.ts';
import { isDone, lineEnd, type LineKeeper } from './line-end.ts';
import { LoadedChunks, type OpenLine } from './loaded-chunks.ts';
import { RunStopped } from './run-stopped.ts';
import { newLineIds } from './told-line.ts';

/** Lines that are being booked at once. */
const bookingsMax = 16;

export interface CollectScene extends HandedScene, Pick<LineKeeper, 'claim'> {
  readonly handover: Handover;
  readonly chunks: readonly Chunk[];
}

/**
 * Reads what a vendor has made of a batch, and keeps and books it line by line. What it has not made, or failed to make, is left as it is.
 * Rejects with what ended that too early, and with `RunStopped` when another has the job; what is kept stays.
 */
export async function collectResults(scene: CollectScene, vendor: Pick<BatchVendor, 'results'>, batch: VendorBatch, signal: AbortSignal): Promise<void> {
  const { deps, file, chunks } = scene;
  const lines = new LoadedChunks(deps, scene.batch, file, chunks);
  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  for await (const result of vendor.results(batch, signal)) {
    const booking = book(scene, lines, result)
      .catch((thrown: unknown) => {
        failure ??= thrown;
      })
      .finally(() => underWay.delete(booking));
    underWay.add(booking);
    if (underWay.size >= bookingsMax) await Promise.race(underWay);
    if (failure !== undefined) break;
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure;
}

async function book(scene: CollectScene, lines: LoadedChunks, { customId, outcome }: VendorResult): Promise<void> {
  // Whoever is to blame for it, it was not the line: another may make it yet.
  if (outcome instanceof Fault && outcome.blame !== 'caller') return;
  const number = lineOfVendorId(customId);
  const open = number === undefined ? undefined : await lines.line(number);
  if (open === undefined || open.done) return;
  await bookLine(scene, open, outcome);
}

async function bookLine(scene: CollectScene, { line }: OpenLine, outcome: VendorResult['outcome']): Promise<void> {
  const { parts, deps, handover } = scene;
  const handed = await handedLine(scene, line);
  const attempt = handed === undefined ? undefined : handover.terms.get(handed.modelId);
  // Its caller's doing, meanwhile: run here, that comes out.
  if (handed === undefined || attempt === undefined) return;
  const ids = newLineIds(deps.random);
  const booked = await parts.calls.settle({ ...handed.call, attempt }, outcome, (end) => lineEnd(scene, line, ids, handed.decoded, end));
  // Told twice by the vendor, or by another server before it lost the job.
  if (!booked && !(await isDone(scene, line))) throw new RunStopped('lost');
}
