import type { FastifyInstance } from 'fastify';
import type { TenantId } from '../../base/id.ts';
import { Fault } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import { formatNanos } from '../../base/money.ts';
import { promptTokens } from '../../dialogue/usage.ts';
import type { CostState, GenerationRecord } from '../../records/generation-record.ts';
import { callerOf } from '../authentication.ts';
import type { BasePath } from '../base-path.ts';

export interface GenerationDeps {
  readonly records: { get(tenantId: TenantId, id: string): Promise<GenerationRecord | undefined> };
}

/** `GET {base}/generation?id=`: what one generation used and cost. Takes our id or the upstream's, within the tenant. */
export function registerGeneration(app: FastifyInstance, base: BasePath, deps: GenerationDeps): void {
  app.get<{ Querystring: { id?: string } }>(`${base.path}/generation`, async (request) => {
    const { id } = request.query;
    if (typeof id !== 'string' || id === '') {
      throw new Fault('invalid_request', { message: 'Invalid request: the query needs ?id=<generation id>', field: 'id' });
    }
    const record = await deps.records.get(callerOf(request).tenantId, id);
    if (record === undefined) throw new Fault('not_found', { message: 'no generation with this id' });
    return { data: shapeGeneration(record) };
  });
}

/**
 * A record in OpenRouter's shape (moonshot-api.md 6.3), with the exact amount beside its floating-point one. All money in
 * it is what the caller pays; what the upstream charges is the operator's business.
 */
export function shapeGeneration(record: GenerationRecord): JsonObject {
  const { usage } = record;
  const state = payState(record);
  const amount = payAmount(record, state);
  const charged = state === 'unpriced' || state === 'unknown' ? null : state === 'priced' ? Number(amount) : 0;
  return {
    id: record.id,
    upstream_id: record.upstreamReplyId ?? null,
    model: record.modelId,
    requested_model: record.requestedModel,
    provider_name: record.upstreamId ?? null,
    api_type: 'completions',
    origin: record.surface,
    created_at: new Date(record.startedMs).toISOString(),
    streamed: record.streamed,
    cancelled: record.cancelled,
    state: record.state,
    finish_reason: record.finishReason ?? null,
    native_finish_reason: record.finishReason ?? null,
    error: record.faultCode ?? null,
    tokens_prompt: usage === undefined ? null : promptTokens(usage),
    tokens_completion: usage?.output ?? null,
    native_tokens_prompt: usage === undefined ? null : promptTokens(usage),
    native_tokens_completion: usage?.output ?? null,
    native_tokens_reasoning: usage?.reasoning ?? null,
    native_tokens_cached: usage?.cacheRead ?? null,
    usage_estimated: usage?.estimated ?? null,
    total_cost: charged,
    usage: charged,
    cost: {
      state,
      amount,
      currency: (state === 'free' ? record.currency : record.chargeCurrency) ?? null,
      rule: record.chargeRule ?? null,
      cache_saved: record.cacheSavedNanos === undefined ? null : formatNanos(record.cacheSavedNanos),
    },
    cache_discount: record.cacheSavedNanos === undefined ? null : Number(formatNanos(record.cacheSavedNanos)),
    latency: record.firstEventAfterMs ?? null,
    generation_time: record.durationMs,
    attempts: record.attempts,
    is_byok: false,
  };
}

/** `priced`: charged. `free`: metered, never charged. `unpriced`, `unknown`: not known. `none`: nothing was charged. */
function payState({ chargeNanos, costState }: GenerationRecord): CostState {
  if (chargeNanos !== undefined) return 'priced';
  return costState === 'priced' ? 'none' : costState;
}

/** What is charged, or would have been at list price, as decimal text. */
function payAmount({ chargeNanos, costNanos }: GenerationRecord, state: CostState): string | null {
  const nanos = state === 'priced' ? chargeNanos : state === 'free' ? costNanos : undefined;
  return nanos === undefined ? null : formatNanos(nanos);
}
