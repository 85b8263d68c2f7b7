import type { Caller } from '../access/caller.ts';
import type { LimitLease, RateLimiter } from '../access/limits/rate-limiter.ts';
import type { Model } from '../catalog/model.ts';
import type { Clock } from '../base/clock.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { BatchId, GenerationId } from '../base/id.ts';
import type { LimitStanding } from '../base/limit-standing.ts';
import type { EventBatch } from '../dialogue/event.ts';
import type { Loss } from '../dialogue/extensions.ts';
import type { ReplyCost } from '../dialogue/reply-cost.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { totalTokens, type Usage } from '../dialogue/usage.ts';
import type { Hold } from '../ledger/hold.ts';
import { type PlannedAttempt, retiredFault } from '../routing/plan.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import { AttemptFailure, type AttemptStage, type Flow, type Upstream } from '../upstreams/upstream.ts';
import type { BilledCall, Billing, Reckoning } from './billing.ts';
import { boundsOf, canRunOut } from './call-bounds.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type DocumentReaders, type FileParts, needsFiles } from './file-parts.ts';
import type { InteractiveLoad } from './interactive-load.ts';
import { attemptsMax, isModelGone, mayTryNext } from './fallback.ts';
import { Meter } from './meter.ts';
import type { BoundedPlan } from './planner.ts';
import { type Ended, recordOf, usageOf, usesTokens } from './settlement.ts';
import { placeOf } from './place.ts';
import { shownCost } from './shown-cost.ts';

export type { Flow } from '../upstreams/upstream.ts';

/** What the surface knows of a request beside what it says. */
export interface GenerateOptions {
  readonly generationId: GenerationId;
  /** Path of the surface, for the record: `/v1/chat/completions`. */
  readonly surface: string;
  readonly sandboxScript?: string;
  /** It may wait, and is sold at batch rates. */
  readonly atBatchRates?: boolean;
  /** The batch that it is a line of. */
  readonly batchId?: BatchId;
  /**
   * What else is to happen in the very commit that books the end of the call, or not at all; undefined: nothing. When one of its guards
   * refuses, nobody pays for the call, and `generate` rejects with `conflict`. Not asked for calls that leave no record. Must not throw.
   */
  readonly endPart?: (end: CallEnd) => CommitPart | undefined;
}

/** How a call has ended, before that is booked. */
export interface CallEnd {
  readonly generationId: GenerationId;
  /** Undefined when it succeeded. */
  readonly failure: Fault | undefined;
  /** Of a call that succeeded, and was not streamed. */
  readonly reply: DialogueReply | undefined;
  readonly usage: Usage;
  /** What the caller is to pay. */
  readonly cost: ReplyCost | undefined;
  /** Who answered. */
  readonly attempt: PlannedAttempt | undefined;
}

/** An attempt has been accepted by its upstream. */
export interface AttemptOpened {
  readonly upstreamId: string;
  /** With the offer and the price that it is made at. */
  readonly attempt: PlannedAttempt;
  readonly losses: readonly Loss[];
  readonly flow: Flow;
  /** Where the caller stands with its rate limits; undefined: none holds. */
  readonly standing?: LimitStanding | undefined;
}

/** Takes what a generation delivers. Called synchronously, on the hot path. */
export interface GenerationSink {
  /** Once per attempt that an upstream accepts; the last one counts. */
  onOpen(opened: AttemptOpened): void;
  /** Streamed requests only. From the first call on, no other upstream is tried. */
  onBatches(batches: readonly EventBatch[]): void;
}

/** The end of a generation, after its record is durable. */
export interface GenerationEnd {
  /** The reply of a request that was not streamed. */
  readonly reply?: DialogueReply;
  readonly usage: Usage;
  /** What the caller pays. */
  readonly cost?: ReplyCost;
}

export interface GatewayDeps {
  readonly clock: Clock;
  /** Puts what files say in place of their names. */
  readonly files: Pick<FileParts, 'resolve'>;
  /** Ordered attempts for a request, be it a line of a batch. Throws the fault to answer with when there can be none. */
  plan(caller: Caller, request: DialogueRequest, batch: boolean): BoundedPlan | Promise<BoundedPlan>;
  upstream(id: string): Upstream | undefined;
  /** By canonical id. */
  model(id: string): Model | undefined;
  /** Where to go when a model is gone. */
  successor(modelId: string): Model | undefined;
  /** Told of each attempt's outcome, for health: undefined when it succeeded. */
  reportAttempt(upstreamId: string, failure: AttemptFailure | undefined): void;
  /** Tokens of the prompt, for a reply whose upstream sent no usage. */
  estimatePrompt(request: DialogueRequest, modelId: string): Promise<number>;
  readonly limiter: Pick<RateLimiter, 'take'>;
  /** Whether any limit of the caller's counts tokens, so that they must be estimated beforehand. */
  countsTokens(caller: Caller, modelId: string): boolean;
  readonly billing: Pick<Billing, 'hold' | 'reckon' | 'close' | 'free'>;
  /** Told of calls that somebody waits for; those at batch rates are none. */
  readonly load?: Pick<InteractiveLoad, 'waiting' | 'running'> | undefined;
  /** Told of the places that each call passes; see `Checkpoint`. */
  readonly onCheckpoint?: ((passed: Checkpoint) => void) | undefined;
}

interface Journey {
  readonly caller: Caller;
  /** From the beginning of its first attempt on with what its files say. */
  request: DialogueRequest;
  readonly options: GenerateOptions;
  readonly sink: GenerationSink;
  readonly signal: AbortSignal;
  readonly startedMs: number;
  readonly startedMonotonicMs: number;
  meter: Meter;
  attempt: PlannedAttempt | undefined;
  attempts: number;
  /** How far the last attempt got, if it failed. */
  stage: AttemptStage | undefined;
  firstEventAfterMs: number | undefined;
  reply: DialogueReply | undefined;
  /** What the last attempt may cost at most. */
  held: Hold | undefined;
  standing: LimitStanding | undefined;
}

/** One request's life: plan, admit, hold, attempt, relay, settle with its record. Every surface, and later every batch line, goes through here. */
export class Gateway {
  readonly #deps: GatewayDeps;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /**
   * Generates one reply. Resolves when the reply has been delivered to `sink` (streamed) or is in hand (not streamed) and
   * its record is durable, so that the caller may send the last byte. Rejects with a `Fault`; what had been delivered
   * until then has been recorded too. What a rate limit refuses is no generation, and leaves no record.
   */
  async generate(
    caller: Caller,
    request: DialogueRequest,
    options: GenerateOptions,
    sink: GenerationSink,
    signal: AbortSignal,
  ): Promise<GenerationEnd> {
    const { clock, files } = this.#deps;
    const journey: Journey = {
      caller, request, options, sink, signal,
      startedMs: clock.nowMs(), startedMonotonicMs: clock.monotonicMs(),
      meter: new Meter(), attempt: undefined, attempts: 0, stage: undefined, firstEventAfterMs: undefined, reply: undefined, held: undefined, standing: undefined,
    };
    let plan = await this.#plan(journey);
    if (!(plan instanceof Fault) && needsFiles(request)) {
      // Not before: who gets no answer has no document read.
      journey.request = await files.resolve(caller, request, this.#documentReaders(plan), signal);
      plan = await this.#plan(journey);
    }
    if (plan instanceof Fault) {
      await this.#settle(journey, plan);
      throw plan;
    }
    const lease = await this.#admitted(journey, plan);
    journey.standing = lease.standing;
    // Until it is known, what was reserved counts.
    let usedTokens = Number.NaN;
    try {
      const failure = await this.#attemptAll(journey, plan);
      // Nothing was done, and there is nowhere to write that down.
      if (failure?.code === 'storage_unavailable' && journey.attempts === 0) throw failure;
      const end = await this.#settle(journey, failure);
      usedTokens = totalTokens(end.usage);
      if (failure !== undefined) throw failure;
      return { ...end, ...(journey.reply === undefined ? {} : { reply: journey.reply }) };
    } finally {
      if (journey.attempts === 0) lease.cancel();
      else lease.settle(usedTokens);
    }
  }

  #documentReaders({ attempts }: BoundedPlan): DocumentReaders {
    const reading = attempts.filter(({ offer }) => this.#deps.upstream(offer.upstreamId)?.readsDocuments === true);
    if (reading.length === 0) return 'none';
    return reading.length === attempts.length ? 'all' : 'some';
  }

  /** The plan, or why there is none. */
  async #plan({ caller, request, options }: Journey): Promise<BoundedPlan | Fault> {
    try {
      return await this.#deps.plan(caller, request, options.atBatchRates === true);
    } catch (thrown) {
      return toFault(thrown);
    }
  }

  /** Admission, while the load says who waits for it. */
  #admitted(journey: Journey, plan: BoundedPlan): LimitLease | Promise<LimitLease> {
    const taken = this.#admit(journey, plan);
    const { load } = this.#deps;
    if (load === undefined || journey.options.atBatchRates === true || !(taken instanceof Promise)) return taken;
    return taken.finally(load.waiting(journey.caller.tenantId));
  }

  /** Takes what the rate limits grant. Throws `rate_limited`. */
  #admit({ caller, request, signal }: Journey, plan: BoundedPlan): LimitLease | Promise<LimitLease> {
    const { limiter, countsTokens, estimatePrompt } = this.#deps;
    const modelId = plan.model.id;
    if (!countsTokens(caller, modelId)) return limiter.take({ caller, modelId, tokens: 0 }, signal);
    const offer = plan.attempts[0]?.offer;
    const { outputTokensMax, choiceCount } = offer === undefined ? { outputTokensMax: 0, choiceCount: 1 } : boundsOf(request, offer, plan.promptTokensMax, false);
    return estimatePrompt(request, modelId).then((prompt) => limiter.take({ caller, modelId, tokens: prompt + outputTokensMax * choiceCount }, signal));
  }

  /** Tries the plan's attempts in order until one succeeds; the fault to answer with when none did. */
  async #attemptAll(journey: Journey, plan: BoundedPlan): Promise<Fault | undefined> {
    let fault: Fault | undefined;
    let maybeProcessed = false;
    let gone = false;
    // A refusal of the model costs nothing and says nothing of the next place, so that it is not counted.
    let counted = 0;
    for (const attempt of plan.attempts) {
      const upstream = this.#deps.upstream(attempt.offer.upstreamId);
      if (upstream === undefined || counted === attemptsMax || (attempt.successor && !gone)) continue;
      const held = await this.#hold(journey, plan, attempt);
      if (held instanceof Fault) {
        // A cheaper place may still be within what there is.
        fault ??= held;
        if (held.code === 'storage_unavailable') return held;
        continue;
      }
      journey.attempt = attempt;
      journey.attempts += 1;
      journey.meter = new Meter();
      const failure = await this.#attemptOne(journey, attempt, upstream, held.limitToSend);
      if (failure === undefined) return undefined;
      journey.stage = failure.stage;
      if (journey.signal.aborted) return goneBy(journey.signal);
      fault = preferred(fault, this.#explained(failure.fault, attempt, plan));
      if (!mayTryNext(failure, maybeProcessed)) return fault;
      if (isModelGone(failure.fault)) gone = true;
      else counted += 1;
      maybeProcessed ||= failure.stage === 'maybe';
    }
    return fault ?? new Fault('no_upstream');
  }

  /** What a vendor's refusal of a model past its day means for the caller: where to go instead. */
  #explained(fault: Fault, attempt: PlannedAttempt, plan: BoundedPlan): Fault {
    if (!isModelGone(fault) || !(attempt.retired || fault.code === 'model_retired')) return fault;
    return retiredFault(plan.model, this.#deps.successor(plan.model.id), attempt.offer.upstreamId);
  }

  /** Holds what `attempt` may cost at most, and says what limit that takes; or why it cannot be paid for. */
  async #hold(journey: Journey, plan: BoundedPlan, attempt: PlannedAttempt): Promise<{ readonly limitToSend: number | undefined } | Fault> {
    const { caller, request, held } = journey;
    const bounds = boundsOf(request, attempt.offer, plan.promptTokensMax, canRunOut(caller));
    journey.held = undefined;
    try {
      journey.held = await this.#deps.billing.hold(billedCall(journey), attempt, bounds, journey.attempts + 1, held);
      if (journey.held !== undefined) this.#deps.onCheckpoint?.('after-hold');
      return { limitToSend: journey.held === undefined ? undefined : bounds.limitToSend };
    } catch (thrown) {
      return toFault(thrown);
    }
  }

  async #attemptOne(journey: Journey, attempt: PlannedAttempt, upstream: Upstream, limitToSend: number | undefined): Promise<AttemptFailure | undefined> {
    const { options, sink, signal } = journey;
    const request = limitToSend === undefined ? journey.request : { ...journey.request, outputTokensMax: limitToSend };
    const ended = options.atBatchRates === true ? undefined : this.#deps.load?.running(upstream.id);
    try {
      const reply = await upstream.generate(
        {
          request,
          ...placeOf(attempt, this.#deps.model(attempt.offer.modelId)),
          generationId: options.generationId,
          ...(options.sandboxScript === undefined ? {} : { sandboxScript: options.sandboxScript }),
        },
        {
          onOpen: (flow, losses) => sink.onOpen({ upstreamId: upstream.id, attempt, losses, flow, standing: journey.standing }),
          onBatches: (batches) => {
            const first = journey.firstEventAfterMs === undefined;
            journey.firstEventAfterMs ??= this.#elapsedMs(journey);
            journey.meter.add(batches);
            sink.onBatches(batches);
            if (first) this.#deps.onCheckpoint?.('first-event');
          },
        },
        signal,
      );
      if (reply !== undefined) {
        journey.firstEventAfterMs ??= this.#elapsedMs(journey);
        journey.meter.addReply(reply);
        journey.reply = reply;
      }
      this.#deps.reportAttempt(upstream.id, undefined);
      return undefined;
    } catch (thrown) {
      const failure = thrown instanceof AttemptFailure ? thrown : new AttemptFailure(toFault(thrown), 'committed');
      if (!signal.aborted) this.#deps.reportAttempt(upstream.id, failure);
      return failure;
    } finally {
      ended?.();
    }
  }

  /** Works out usage and what it comes to, and books both with the record. Returns what the reply is to show. */
  async #settle(journey: Journey, failure: Fault | undefined): Promise<GenerationEnd> {
    const { caller, request, options, meter, attempt, attempts, stage, startedMs, firstEventAfterMs, reply } = journey;
    const ended: Ended = {
      caller, request, generationId: options.generationId, surface: options.surface, batchId: options.batchId,
      attempt, attempts, failure, stage, meter, startedMs, firstEventAfterMs, durationMs: this.#elapsedMs(journey),
    };
    const { usage, reckoning } = await this.#reckon(journey, ended);
    const cost = attempt === undefined || reckoning === undefined ? undefined : shownCost(attempt, reckoning);
    const part = options.endPart?.({ generationId: options.generationId, failure, reply, usage, cost, attempt });
    this.#deps.onCheckpoint?.('before-settle');
    const booked = await this.#deps.billing.close(recordOf(ended, reckoning === undefined ? undefined : usage, reckoning), reckoning?.bill, journey.held, part);
    this.#deps.onCheckpoint?.('after-settle');
    if (!booked) throw new Fault('conflict', { message: 'what this call was for has been done by another' });
    return { usage, ...(cost === undefined ? {} : { cost }) };
  }

  /** Usage, and what it came to; the latter undefined when no tokens are to be accounted for. */
  async #reckon(journey: Journey, ended: Ended): Promise<{ readonly usage: Usage; readonly reckoning: Reckoning | undefined }> {
    const { billing, estimatePrompt } = this.#deps;
    const { attempt, held, meter, request } = journey;
    if (attempt === undefined || !usesTokens(ended)) return { usage: usageOf(ended, 0), reckoning: undefined };
    try {
      const usage = usageOf(ended, meter.usage === undefined ? await estimatePrompt(request, attempt.offer.modelId) : 0);
      return { usage, reckoning: billing.reckon(billedCall(journey), attempt, usage, held) };
    } catch (thrown) {
      billing.free(held);
      throw thrown;
    }
  }

  #elapsedMs(journey: Journey): number {
    return Math.round(this.#deps.clock.monotonicMs() - journey.startedMonotonicMs);
  }
}

/** Why a call was ended from our side of the wire: its caller left, or whoever aborted it says otherwise (a server that closes). */
function goneBy(signal: AbortSignal): Fault {
  return signal.reason instanceof Fault ? signal.reason : new Fault('caller_gone');
}

function billedCall({ caller, request, options, startedMs }: Journey): BilledCall {
  const { generationId, surface, atBatchRates, batchId } = options;
  return {
    caller, generationId, startedMs, surface, requestedModel: request.model, streamed: request.stream,
    ...(atBatchRates === true ? { atBatchRates } : {}),
    ...(batchId === undefined ? {} : { batchId }),
  };
}

/** Of two failures in a row, the one that tells the caller more: what an upstream said beats that it could not be reached. */
function preferred(earlier: Fault | undefined, later: Fault): Fault {
  return earlier === undefined || later.code !== 'upstream_unreachable' ? later : earlier;
}
