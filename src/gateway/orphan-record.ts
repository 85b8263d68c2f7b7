import { isJsonObject } from '../base/json.ts';
import type { BatchId, GenerationId, TenantId } from '../base/id.ts';
import type { OrphanedCall } from '../ledger/ledger-node.ts';
import type { GenerationRecord } from '../records/generation-record.ts';
import type { PlannedAttempt } from '../routing/plan.ts';

/** What of a call its hold remembers, for the case that its server dies: all that its record needs, and no prompt. */
export interface MemoFacts {
  readonly surface: string;
  readonly requestedModel: string;
  readonly streamed: boolean;
  readonly batchId?: BatchId;
}

/** The memo of a hold, as JSON. */
export function memoOf({ surface, requestedModel, streamed, batchId }: MemoFacts, { offer, sendModel }: PlannedAttempt): string {
  return JSON.stringify({ surface, requestedModel, streamed, batchId, modelId: offer.modelId, upstreamId: offer.upstreamId, upstreamModel: sendModel });
}

/**
 * The record of a call whose server died: it may have been answered upstream, and nobody knows what was used. It is a state
 * of its own, neither free nor failed.
 */
export function orphanRecord(call: OrphanedCall, nowMs: number): GenerationRecord {
  const memo = factsOf(call.memo);
  const text = (field: string): string | undefined => (typeof memo[field] === 'string' ? memo[field] : undefined);
  const upstreamId = text('upstreamId');
  const upstreamModel = text('upstreamModel');
  const batchId = text('batchId');
  return {
    id: call.generationId as GenerationId,
    tenantId: call.tenantId as TenantId,
    keyId: call.keyId,
    mode: 'live',
    surface: text('surface') ?? '',
    ...(batchId === undefined ? {} : { batchId: batchId as BatchId }),
    requestedModel: text('requestedModel') ?? '',
    modelId: text('modelId') ?? '',
    ...(upstreamId === undefined ? {} : { upstreamId }),
    ...(upstreamModel === undefined ? {} : { upstreamModel }),
    streamed: memo['streamed'] === true,
    state: 'unknown',
    cancelled: false,
    attempts: 1,
    costState: 'unknown',
    startedMs: call.heldMs,
    durationMs: Math.max(0, nowMs - call.heldMs),
  };
}

function factsOf(memo: string | undefined): Readonly<Record<string, unknown>> {
  const value: unknown = memo === undefined ? undefined : JSON.parse(memo);
  return isJsonObject(value) ? value : {};
}
