import type { Caller } from '../access/caller.ts';
import type { Model } from '../catalog/model.ts';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { BatchId, GenerationId } from '../base/id.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import type { BilledCall, Billing } from './billing.ts';
import { boundsOf, type CallBounds, canRunOut } from './call-bounds.ts';
import type { CallEnd } from './gateway.ts';
import { Meter } from './meter.ts';
import { type Place, placeOf } from './place.ts';
import type { BoundedPlan } from './planner.ts';
import { type Ended, recordOf, usageOf } from './settlement.ts';
import { shownCost } from './shown-cost.ts';
import type { Tariff } from './tariff.ts';

export type { PlannedAttempt } from '../routing/plan.ts';

/** A call that a vendor makes in its own time, one of many. */
export interface HandedCall {
  readonly caller: Caller;
  readonly request: DialogueRequest;
  /** Given by who hands it over, and the same whenever the call is looked at again. */
  readonly generationId: GenerationId;
  readonly batchId: BatchId;
  /** Path of the surface, for the record. */
  readonly surface: string;
  /** Unix time from which it counts: decides over price rows and windows. */
  readonly startedMs: number;
}

/** A call, with where it goes and on which terms. */
export interface PlacedCall extends HandedCall {
  readonly attempt: PlannedAttempt;
}

export interface HandedCallsDeps {
  readonly clock: Clock;
  plan(caller: Caller, request: DialogueRequest, batch: boolean): BoundedPlan | Promise<BoundedPlan>;
  /** The model that a caller's name means. */
  resolve(name: string): Model | undefined;
  /** No fewer tokens than the prompt has. */
  promptTokensMax(request: DialogueRequest, modelId: string): number;
  /** Tokens of the prompt, for a reply without usage. */
  estimatePrompt(request: DialogueRequest, modelId: string): Promise<number>;
  readonly tariff: Pick<Tariff, 'cost' | 'convert'>;
  readonly billing: Pick<Billing, 'holdForHouse' | 'heldByHouse' | 'freeForHouse' | 'closeForHouse' | 'reckon'>;
}

/** Calls that are not made by the gateway, but paid for like any other: priced, held, settled and recorded. */
export class HandedCalls {
  readonly #deps: HandedCallsDeps;

  constructor(deps: HandedCallsDeps) {
    this.#deps = deps;
  }

  /** The canonical id of the model that a call is for; undefined: there is none of that name, or its caller may not use it. */
  modelOf({ caller, request }: Pick<HandedCall, 'caller' | 'request'>): string | undefined {
    const id = this.#deps.resolve(request.model)?.id;
    return id === undefined || caller.allowedModels?.includes(id) === false ? undefined : id;
  }

  /**
   * Where among `upstreamIds` a call costs the operator least at batch rates, and less than where it would go from here; undefined: nowhere.
   * Throws what keeps it from going anywhere.
   */
  async cheaperPlace(call: HandedCall, upstreamIds: ReadonlySet<string>): Promise<PlannedAttempt | undefined> {
    const { attempts } = await this.#deps.plan(call.caller, call.request, true);
    const [here] = attempts;
    if (here === undefined || here.costState === 'free') return undefined;
    const { promptTokensMax, outputTokensMax } = this.#bounds({ ...call, attempt: here });
    const usage: Usage = { inputUncached: promptTokensMax, cacheRead: 0, cacheWrite: 0, output: outputTokensMax, estimated: true };
    let leastNanos = this.#costNanos(call, here, usage, here);
    // What is not known is not dearer than anything.
    if (leastNanos === undefined) return undefined;
    let best: PlannedAttempt | undefined;
    for (const planned of attempts) {
      if (!upstreamIds.has(planned.offer.upstreamId) || planned.batchEndpoint === true || planned.successor || planned.costState !== 'priced') continue;
      const attempt: PlannedAttempt = { ...planned, batchEndpoint: true };
      const nanos = this.#costNanos(call, attempt, usage, here);
      if (nanos === undefined || nanos >= leastNanos) continue;
      best = attempt;
      leastNanos = nanos;
    }
    return best;
  }

  /** What the vendor is to be told of a call, with the limit that its worst case is held by. */
  placed(call: PlacedCall): Place & { readonly request: DialogueRequest } {
    return { ...placeOf(call.attempt, this.#deps.resolve(call.attempt.offer.modelId)), request: this.#limited(call) };
  }

  /** Holds what a call may cost at most until `untilMs`, whichever server lives; once, however often. Throws `quota_exceeded` and the like. */
  hold(call: PlacedCall, untilMs: number): Promise<void> {
    return this.#deps.billing.holdForHouse(billedCall(call), call.attempt, this.#bounds(call), untilMs);
  }

  /** Gives back what is held for a call that was not made. */
  free(generationId: GenerationId): Promise<void> {
    return this.#deps.billing.freeForHouse(generationId);
  }

  /**
   * Books what a vendor has made of a call, together with what `endPart` makes of that, or nothing of either. False: another books it, or has
   * booked it.
   */
  async settle(call: PlacedCall, outcome: DialogueReply | Fault, endPart: (end: CallEnd) => CommitPart): Promise<boolean> {
    const { billing } = this.#deps;
    const { attempt } = call;
    const held = await billing.heldByHouse(call.generationId);
    const failure = outcome instanceof Fault ? outcome : undefined;
    const reply = outcome instanceof Fault ? undefined : outcome;
    const ended = this.#ended(call, failure, reply);
    const promptTokens = failure === undefined && ended.meter.usage === undefined ? await this.#deps.estimatePrompt(call.request, attempt.offer.modelId) : 0;
    const usage = usageOf(ended, promptTokens);
    const reckoning = failure === undefined ? billing.reckon(billedCall(call), attempt, usage, held) : undefined;
    const cost = reckoning === undefined ? undefined : shownCost(attempt, reckoning);
    const part = endPart({ generationId: call.generationId, failure, reply, usage, cost, attempt });
    return billing.closeForHouse(recordOf(ended, reckoning === undefined ? undefined : usage, reckoning), reckoning?.bill, held, part);
  }

  #ended(call: PlacedCall, failure: Fault | undefined, reply: DialogueReply | undefined): Ended {
    const { caller, generationId, surface, batchId, attempt, startedMs } = call;
    const meter = new Meter();
    if (reply !== undefined) meter.addReply(reply);
    const durationMs = Math.max(0, this.#deps.clock.nowMs() - startedMs);
    return {
      caller, request: this.#limited(call), generationId, surface, batchId, attempt, attempts: 1, failure, stage: failure === undefined ? undefined : 'rejected',
      meter, startedMs, firstEventAfterMs: reply === undefined ? undefined : durationMs, durationMs,
    };
  }

  #limited(call: PlacedCall): DialogueRequest {
    const { limitToSend } = this.#bounds(call);
    return limitToSend === undefined ? call.request : { ...call.request, outputTokensMax: limitToSend };
  }

  #bounds({ caller, request, attempt }: PlacedCall): CallBounds {
    return boundsOf(request, attempt.offer, this.#deps.promptTokensMax(request, attempt.offer.modelId), canRunOut(caller));
  }

  /** What `usage` costs the operator at `attempt`, in the currency of `like`'s price; undefined: unpriced, or no exchange rate is known. */
  #costNanos({ caller, startedMs }: HandedCall, attempt: PlannedAttempt, usage: Usage, like: PlannedAttempt): bigint | undefined {
    const { tariff } = this.#deps;
    const cost = tariff.cost({ caller, attempt, atMs: startedMs }, usage);
    if (cost === undefined) return undefined;
    try {
      return tariff.convert(cost, like.price?.currency ?? cost.currency, startedMs, 'half-even').amountNanos;
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === 'exchange_rate_missing') return undefined;
      throw thrown;
    }
  }
}

function billedCall({ caller, request, generationId, batchId, surface, startedMs }: HandedCall): BilledCall {
  return { caller, generationId, startedMs, surface, requestedModel: request.model, streamed: false, atBatchRates: true, batchId };
}
