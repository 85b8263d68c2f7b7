import type { Caller } from '../access/caller.ts';
import type { Fault } from '../base/fault.ts';
import type { BatchId, GenerationId } from '../base/id.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { CostState, GenerationRecord, GenerationState } from '../records/generation-record.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { AttemptStage } from '../upstreams/upstream.ts';
import type { Bill, Reckoning } from './billing.ts';
import type { Meter } from './meter.ts';

/** What there is to say of a generation once it has ended. Times in milliseconds from its start. */
export interface Ended {
  readonly caller: Caller;
  readonly request: DialogueRequest;
  readonly generationId: GenerationId;
  readonly surface: string;
  /** Undefined: it was no line of a batch. */
  readonly batchId: BatchId | undefined;
  /** The last one; undefined when none was made. */
  readonly attempt: PlannedAttempt | undefined;
  readonly attempts: number;
  /** Undefined when it succeeded. */
  readonly failure: Fault | undefined;
  /** How far the last attempt got, if it failed. */
  readonly stage: AttemptStage | undefined;
  readonly meter: Meter;
  readonly startedMs: number;
  readonly firstEventAfterMs: number | undefined;
  readonly durationMs: number;
}

/** A name that no model has is kept in the record, but not at any length. */
const modelNameCharsMax = 200;

/**
 * Did the generation use tokens that must be accounted for? Yes once anything was delivered. Yes too when the caller left
 * after the request had gone out: the upstream reads the prompt whether or not anybody waits. No when the upstream failed
 * before it said anything: that is no caller's bill.
 */
export function usesTokens({ firstEventAfterMs, failure, stage }: Ended): boolean {
  if (firstEventAfterMs !== undefined) return true;
  return failure?.code === 'caller_gone' && (stage === 'maybe' || stage === 'committed');
}

/** The usage to account for; `promptTokens` is our own count or guess, for when the upstream's is missing. */
export function usageOf(ended: Ended, promptTokens: number): Usage {
  const { failure, meter, request } = ended;
  return failure === undefined ? meter.final(promptTokens, request.outputTokensMax, request.sampling.choiceCount ?? 1) : meter.partial(promptTokens);
}

/** The record of a generation. `usage` and what it came to are undefined when no tokens are to be accounted for. */
export function recordOf(ended: Ended, usage: Usage | undefined, reckoning: Reckoning | undefined): GenerationRecord {
  const { attempt, caller, failure, meter, request, firstEventAfterMs } = ended;
  const requestedModel = request.model.slice(0, modelNameCharsMax);
  const delivered = firstEventAfterMs !== undefined;
  const state: GenerationState = failure === undefined ? 'complete' : delivered ? 'partial' : 'failed';
  const { cost, bill } = reckoning ?? {};
  const costState: CostState = attempt === undefined || usage === undefined ? 'none' : attempt.costState;
  return {
    id: ended.generationId,
    tenantId: caller.tenantId,
    keyId: caller.keyId,
    mode: caller.mode,
    surface: ended.surface,
    ...(ended.batchId === undefined ? {} : { batchId: ended.batchId }),
    requestedModel,
    modelId: attempt?.offer.modelId ?? requestedModel,
    ...(attempt === undefined ? {} : { upstreamId: attempt.offer.upstreamId, upstreamModel: attempt.sendModel }),
    ...(meter.replyId === undefined ? {} : { upstreamReplyId: meter.replyId }),
    streamed: request.stream,
    state,
    ...(meter.finish === undefined ? {} : { finishReason: meter.finish.raw ?? meter.finish.reason }),
    ...(failure === undefined ? {} : { faultCode: failure.code }),
    cancelled: failure?.code === 'caller_gone',
    attempts: ended.attempts,
    ...(usage === undefined ? {} : { usage }),
    costState,
    ...(cost === undefined ? {} : { costNanos: cost.amountNanos, currency: cost.currency, priceId: cost.priceId }),
    ...(bill === undefined ? {} : chargeOf(bill)),
    ...flagsOf(usage, reckoning),
    startedMs: ended.startedMs,
    ...(firstEventAfterMs === undefined ? {} : { firstEventAfterMs }),
    durationMs: ended.durationMs,
  };
}

function chargeOf({ sale, charged, lossNanos, costRate, cacheSavedNanos }: Bill): Partial<GenerationRecord> {
  return {
    chargeNanos: charged.amountNanos,
    chargeCurrency: charged.currency,
    ...(sale.charge.ruleId === undefined ? {} : { chargeRule: sale.charge.ruleId }),
    ...(costRate === undefined ? {} : { exchangeRate: costRate.rate, exchangeRateFrom: costRate.validFrom }),
    ...(lossNanos === 0n ? {} : { lossNanos }),
    ...(cacheSavedNanos === 0n ? {} : { cacheSavedNanos }),
  };
}

/** What is odd about the figures of a record, for whoever goes through them. */
function flagsOf(usage: Usage | undefined, reckoning: Reckoning | undefined): Pick<GenerationRecord, 'flags'> {
  const flags: string[] = [...(usage?.flags ?? [])];
  if (reckoning?.bill?.charged.rate?.stale === true) flags.push('stale-rate');
  if ((reckoning?.cost?.unpricedExtras ?? []).length > 0) flags.push('unpriced-extras');
  if ((reckoning?.bill?.lossNanos ?? 0n) > 0n) flags.push('beyond-hold');
  return flags.length === 0 ? {} : { flags };
}
