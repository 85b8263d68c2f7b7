import { Fault } from '../base/fault.ts';
import type { ResolvedModel } from '../catalog/model-names.ts';
import type { Model } from '../catalog/model.ts';
import { asCallerNamed, type Offer, type Price } from '../catalog/offer.ts';
import { priceAt } from '../catalog/price.ts';
import { isRetired } from '../catalog/retirement.ts';
import type { HealthState } from './health.ts';

/** What the operator decides. */
export interface RoutingPolicy {
  /** Let paying keys use models that have no price. */
  readonly allowUnpriced: boolean;
  /** When a vendor refuses a retired model, go to its successor instead of answering with its name. */
  readonly mapRetired: boolean;
}

export interface PlanInput {
  /** As the caller wrote it. */
  readonly requestedModel: string;
  /** `catalog.resolve(requestedModel)`. */
  readonly resolved: ResolvedModel | undefined;
  /** `catalog.offers(model.id)`: of upstreams that are switched on, in order of attempts. */
  readonly offers: readonly Offer[];
  /** `catalog.sandboxOffer(model.id)`. */
  readonly sandboxOffer: Offer | undefined;
  /** Where a retired model's calls may go; looked at only under `policy.mapRetired`. */
  readonly successor?: { readonly model: Model; readonly offers: readonly Offer[] } | undefined;
  readonly mode: 'live' | 'test';
  /** Canonical ids of the models that the key may use; undefined: all. */
  readonly allowedModels?: readonly string[] | undefined;
  readonly policy: RoutingPolicy;
  /** Tokens of the prompt: exact, or a number that it surely reaches; undefined: unknown. Never an upper bound. */
  readonly promptTokensMin?: number | undefined;
  /** As the caller limited it. */
  readonly outputTokensMax?: number | undefined;
  /** Whether an upstream has ever been configured here. From then on live keys never get the sandbox. */
  readonly everConfigured: boolean;
  /** Whether one is configured now. */
  readonly configured: boolean;
  /** Upstreams that may hold this conversation's beginning: of two that are equal otherwise, such a one is first. */
  readonly heldAt?: readonly string[];
  /** A line of a batch: it goes to a batch endpoint where there is one. */
  readonly batch?: boolean;
  readonly health: (upstreamId: string) => HealthState;
  readonly nowMs: number;
}

/** One upstream to try. */
export interface PlannedAttempt {
  readonly offer: Offer;
  /** The row to rate by; undefined: unpriced. */
  readonly price: Price | undefined;
  /** `free`: at the sandbox, metered at `price` and never charged. */
  readonly costState: 'priced' | 'unpriced' | 'free';
  /** The model's id to send. */
  readonly sendModel: string;
  /** To the upstream's endpoint for calls of batches, which has prices of its own; absent: to the usual one. */
  readonly batchEndpoint?: true;
  /** The offer is past its day; a refusal of the model means that it is gone. See `retiredFault`. */
  readonly retired: boolean;
  /** Another model than the one asked for. To be tried only after a vendor refused the model as gone. */
  readonly successor: boolean;
}

export interface Plan {
  readonly model: Model;
  readonly variant: string | undefined;
  /** In order, at least one. */
  readonly attempts: readonly PlannedAttempt[];
}

/**
 * Who is to be tried for a request, in which order. Pure.
 *
 * The catalog's order is the order of attempts. Put back, in this order of weight: offers whose window does not hold the
 * prompt and the output that the caller asks for (a vendor answers 400 then, moonshot-api.md 2.1), offers past their
 * retirement day, upstreams that are cooling down, for a line of a batch those without a batch endpoint where others have one, and, least,
 * those that hold nothing of the conversation where others do. Left out: offers whose window does not hold the prompt, unpriced ones
 * unless the policy allows them, and upstreams that said when to come back.
 *
 * Throws `model_not_found`, `permission_denied`, `prompt_too_long`, `model_unpriced`, `no_upstream`, and
 * `upstream_rate_limited` when all that could serve asked for a pause.
 */
export function plan(input: PlanInput): Plan {
  const { resolved } = input;
  if (resolved === undefined || resolved.model.referenceOnly) throw modelNotFound(input.requestedModel);
  const { model } = resolved;
  if (!mayUse(input, model)) {
    throw new Fault('permission_denied', { message: `this key may not use the model ${model.id}`, field: 'model' });
  }
  const attempts = goesToSandbox(input) ? [sandboxAttempt(input)] : upstreamAttempts(input, resolved);
  return { model, variant: resolved.variant, attempts };
}

/** The answer for a name that means no model here, in Moonshot's words (moonshot-api.md 3.2). */
export function modelNotFound(requestedModel: string): Fault {
  const shown = requestedModel.length > 200 ? `${requestedModel.slice(0, 200)}…` : requestedModel;
  return new Fault('model_not_found', { message: `Not found the model ${shown} or Permission denied`, field: 'model' });
}

/** The answer for a model that we know and none of our upstreams serves: trying again would not help. */
function notServed(requestedModel: string, model: Model): Fault {
  const { message } = modelNotFound(requestedModel);
  return new Fault('model_not_found', { message: `${message}: no upstream that is configured here serves ${model.id}`, field: 'model' });
}

/** The answer when every upstream has been taken away again. */
function noneLeft(model: Model): Fault {
  return new Fault('no_upstream', { message: `no upstream is configured for ${model.id} any more; the operator must set its credential again` });
}

/** The answer when a vendor refused `model` and the offer was past its day: names the successor, if there is one. */
export function retiredFault(model: Model, successor: Model | undefined, upstream?: string): Fault {
  const advice = successor === undefined ? '' : `; use ${successor.id} instead`;
  return new Fault('model_retired', {
    message: `Not found the model ${model.id} or Permission denied: it has been retired${advice}`,
    field: 'model',
    ...(upstream === undefined ? {} : { upstream }),
  });
}

function mayUse(input: PlanInput, model: Model): boolean {
  return input.allowedModels === undefined || input.allowedModels.includes(model.id);
}

function goesToSandbox(input: PlanInput): boolean {
  return input.mode === 'test' || !input.everConfigured;
}

function sandboxAttempt(input: PlanInput): PlannedAttempt {
  const offer = input.sandboxOffer;
  if (offer === undefined) throw modelNotFound(input.requestedModel);
  if (!holdsPrompt(offer, input)) throw promptTooLong([offer], input);
  const price = priceAt(offer, input.nowMs);
  return { offer, price, costState: 'free', sendModel: offer.upstreamModel, retired: false, successor: false };
}

/** An offer that may be tried, before health is asked. */
interface Candidate {
  readonly attempt: PlannedAttempt;
  /** Put back by its window, its retirement, or a cache that it lacks; the lowest is first. */
  readonly rank: number;
}

function upstreamAttempts(input: PlanInput, resolved: ResolvedModel): readonly PlannedAttempt[] {
  const own = attemptsOf(input.offers, input, resolved.model, resolved.name);
  if (own instanceof Fault) throw own;
  if (!mappable(input)) return own;
  const { model, offers } = input.successor;
  const mapped = attemptsOf(offers, input, model, model.weights ?? model.id);
  return mapped instanceof Fault ? own : [...own, ...mapped.map((attempt) => ({ ...attempt, successor: true }))];
}

/** `offers` of `model` as attempts, or why there are none. `name` is sent to who takes the caller's own spelling. */
function attemptsOf(
  offers: readonly Offer[],
  input: PlanInput,
  model: Model,
  name: string,
): readonly PlannedAttempt[] | Fault {
  if (offers.length === 0) return input.configured ? notServed(input.requestedModel, model) : noneLeft(model);
  const candidates: Candidate[] = [];
  let tooNarrow = true;
  for (const offer of offers) {
    if (!holdsPrompt(offer, input)) continue;
    tooNarrow = false;
    const price = priceAt(offer, input.nowMs);
    if (price !== undefined || input.policy.allowUnpriced) candidates.push(candidate(offer, price, input, name));
  }
  if (tooNarrow) return promptTooLong(offers, input);
  if (candidates.length === 0) return new Fault('model_unpriced', { message: unpricedText(model), field: 'model' });
  return byHealth(candidates, input);
}

/** Drops who asked for a pause, puts back who is cooling, and keeps the catalog's order among equals. */
function byHealth(candidates: readonly Candidate[], input: PlanInput): readonly PlannedAttempt[] | Fault {
  const ranked: Candidate[] = [];
  let ordered = true;
  let retryAfterMs = Infinity;
  let rateLimited = true;
  for (const { attempt, rank } of candidates) {
    const state = input.health(attempt.offer.upstreamId);
    if (state.kind === 'barred') {
      retryAfterMs = Math.min(retryAfterMs, state.retryAfterMs);
      rateLimited &&= state.rateLimited;
      continue;
    }
    const last = ranked.at(-1);
    const full = rank + (state.kind === 'cooling' ? 1 : 0);
    ordered &&= last === undefined || last.rank <= full;
    ranked.push({ attempt, rank: full });
  }
  if (ranked.length === 0) return new Fault(rateLimited ? 'upstream_rate_limited' : 'no_upstream', { retryAfterMs });
  if (!ordered) ranked.sort((a, b) => a.rank - b.rank);
  return ranked.map(({ attempt }) => attempt);
}

function candidate(offer: Offer, price: Price | undefined, input: PlanInput, name: string): Candidate {
  const retired = isRetired(offer, input.nowMs);
  const batchModel = input.batch === true ? offer.batchModel : undefined;
  const attempt: PlannedAttempt = {
    offer,
    price,
    costState: price === undefined ? 'unpriced' : 'priced',
    sendModel: batchModel ?? (offer.upstreamModel === asCallerNamed ? name : offer.upstreamModel),
    ...(batchModel === undefined ? {} : { batchEndpoint: true }),
    retired,
    successor: false,
  };
  const turn = batchModel === undefined ? 0.5 : 0;
  // Less than any reason to put an offer back, and so only among equals.
  const held = input.heldAt?.includes(offer.upstreamId) === true ? 0 : 0.25;
  return { attempt, rank: (holdsOutputToo(offer, input) ? 0 : 4) + (retired ? 2 : 0) + turn + held };
}

/** A model that somebody still serves is never mapped; nor is one that the key may use to one that it may not. */
function mappable(input: PlanInput): input is PlanInput & { readonly successor: NonNullable<PlanInput['successor']> } {
  if (!input.policy.mapRetired || input.successor === undefined || input.offers.length === 0) return false;
  return input.offers.every((offer) => isRetired(offer, input.nowMs)) && mayUse(input, input.successor.model);
}

function holdsPrompt(offer: Offer, input: PlanInput): boolean {
  return offer.contextAssumed === true || (input.promptTokensMin ?? 0) <= offer.contextTokens;
}

function holdsOutputToo(offer: Offer, input: PlanInput): boolean {
  if (offer.contextAssumed === true || input.promptTokensMin === undefined) return true;
  return input.promptTokensMin + (input.outputTokensMax ?? 0) <= offer.contextTokens;
}

/** In Moonshot's words, moonshot-api.md 3.2. */
function promptTooLong(offers: readonly Offer[], input: PlanInput): Fault {
  const limit = offers.reduce((max, offer) => Math.max(max, offer.contextTokens), 0);
  const message = `Your request exceeded model token limit: ${limit} (requested: ${input.promptTokensMin ?? 0})`;
  return new Fault('prompt_too_long', { message: `Invalid request: ${message}`, field: 'messages' });
}

function unpricedText(model: Model): string {
  return `the model ${model.id} has no price here; give its offer one in moongate.yaml, or set policy.allowUnpriced`;
}
