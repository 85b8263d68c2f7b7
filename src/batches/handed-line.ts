import { createHash } from 'node:crypto';
import type { Caller } from '../access/caller.ts';
import { Fault } from '../base/fault.ts';
import type { GenerationId } from '../base/id.ts';
import type { StoredFile } from '../documents/stored-file.ts';
import type { HandedCall, PlacedCall } from '../gateway/handed-calls.ts';
import type { Batch } from './batch.ts';
import type { BatchVendor } from './batch-vendor.ts';
import type { BatchesDeps } from './batches-deps.ts';
import type { HandoverParts } from './handover-parts.ts';
import type { DecodedLine, LineProtocol } from './line-protocol.ts';
import type { PlacedLine } from './read-chunk.ts';

/** What the lines of a batch that is handed over have in common. */
export interface HandedScene {
  readonly deps: BatchesDeps;
  readonly parts: HandoverParts;
  readonly batch: Batch;
  readonly file: StoredFile;
  readonly protocol: LineProtocol;
  readonly caller: Caller;
  /** When the lines count as begun; Unix time. */
  readonly startedMs: number;
}

/** A line as a call, with the canonical id of its model. */
export interface HandedLine {
  readonly call: HandedCall;
  readonly modelId: string;
  readonly decoded: DecodedLine;
}

const vendorIdForm = /^line-(0|[1-9]\d{0,6})$/;

/** What a line is called at the vendor: nothing of the caller's own. */
export function vendorIdOf(line: number): string {
  return `line-${line}`;
}

/** The line that a vendor's result is of; undefined: none of ours. */
export function lineOfVendorId(customId: string): number | undefined {
  const number = vendorIdForm.exec(customId)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** The id of a line's call: the same on every server and in every try, so that it is held and settled once, and follows the batch's own by birth. */
export function handedGenerationId({ id, createdMs }: Pick<Batch, 'id' | 'createdMs'>, line: number): GenerationId {
  const digest = createHash('sha256').update(`${id} ${line}`).digest('hex');
  return `gen_${createdMs.toString(16).padStart(12, '0')}${digest.slice(0, 20)}`;
}

/**
 * A line as a call that can be handed over; undefined for one that is for no model of ours, or wrong in another way: run here, that comes out.
 * Throws what the platform fails with.
 */
export async function handedLine({ parts, batch, protocol, caller, startedMs }: HandedScene, line: PlacedLine): Promise<HandedLine | undefined> {
  let decoded: DecodedLine;
  try {
    decoded = await protocol.decode(caller, line.body);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.blame === 'caller') return undefined;
    throw thrown;
  }
  const call: HandedCall = {
    caller, request: decoded.request, generationId: handedGenerationId(batch, line.number), batchId: batch.id, surface: protocol.surface, startedMs,
  };
  const modelId = parts.calls.modelOf(call);
  return modelId === undefined ? undefined : { call, modelId, decoded };
}

/** The line of the vendor's file; undefined when the vendor cannot be told all of the request: run here, it goes where it can. */
export function vendorText({ parts }: Pick<HandedScene, 'parts'>, vendor: Pick<BatchVendor, 'line'>, call: PlacedCall, line: number): string | undefined {
  try {
    const { text, lossCount } = vendor.line({ ...parts.calls.placed(call), customId: vendorIdOf(line) });
    return lossCount === 0 ? text : undefined;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.blame === 'caller') return undefined;
    throw thrown;
  }
}
