import type { JsonObject } from '../../../base/json.ts';
import type { BatchProblem, BatchTally } from '../../../batches/batch.ts';
import type { ToldBatch } from '../../../batches/batches.ts';

/** A batch as OpenAI and Moonshot show it (responses-ark-anthropic-batch.md 4.2, moonshot-api.md 1.6). */
export function batchShape({ batch, tally }: ToldBatch): JsonObject {
  const { status, endedMs, problems } = batch;
  const endedAs = (ended: typeof status): number | null => (status === ended ? seconds(endedMs) : null);
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    model: batch.model ?? null,
    errors: problems.length === 0 ? null : { object: 'list', data: problems.map(problemShape) },
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status,
    output_file_id: batch.outputFileId ?? null,
    error_file_id: batch.errorFileId ?? null,
    created_at: seconds(batch.createdMs),
    in_progress_at: seconds(batch.inProgressMs),
    expires_at: seconds(batch.expiresMs),
    finalizing_at: seconds(batch.finalizingMs),
    completed_at: endedAs('completed'),
    failed_at: endedAs('failed'),
    expired_at: endedAs('expired'),
    cancelling_at: seconds(batch.cancellingMs),
    cancelled_at: endedAs('cancelled'),
    request_counts: { total: batch.totalLines ?? 0, completed: tally.completed, failed: tally.failed },
    usage: usageShape(tally),
    metadata: batch.metadata ?? null,
  };
}

function problemShape({ code, message, param, line }: BatchProblem): JsonObject {
  return { code, message, param: param ?? null, line: line ?? null };
}

function usageShape({ inputTokens, cachedTokens, outputTokens, reasoningTokens }: BatchTally): JsonObject {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1000);
}
