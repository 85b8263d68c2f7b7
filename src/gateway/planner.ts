import type { Caller } from '../access/caller.ts';
import type { Clock } from '../base/clock.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ResolvedModel } from '../catalog/model-names.ts';
import type { Offer } from '../catalog/offer.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { UpstreamHealth } from '../routing/health.ts';
import { type Plan, plan, type RoutingPolicy } from '../routing/plan.ts';
import type { TokenCounter } from '../tokens/token-counter.ts';

export interface PlannerDeps {
  readonly catalog: Catalog;
  readonly health: UpstreamHealth;
  readonly counter: TokenCounter;
  readonly policy: RoutingPolicy;
  readonly clock: Clock;
  /** Whether an upstream has ever been configured here. */
  readonly everConfigured: boolean;
  /** Whether one is configured now. */
  readonly configured: boolean;
}

/** A plan, with an upper bound of the prompt that it is for. */
export interface BoundedPlan extends Plan {
  readonly promptTokensMax: number;
}

/** Puts together what routing needs to know of a request, and lets it decide. */
export class Planner {
  readonly #deps: PlannerDeps;

  constructor(deps: PlannerDeps) {
    this.#deps = deps;
  }

  /**
   * Who is to be tried for `request`, be it a line of a batch. Throws what `routing/plan.ts` throws. Answers at once unless tokens must be
   * counted.
   */
  plan(caller: Caller, request: DialogueRequest, batch = false): BoundedPlan | Promise<BoundedPlan> {
    const { catalog, counter } = this.#deps;
    const resolved = catalog.resolve(request.model);
    const model = resolved?.model;
    const offers = model === undefined ? [] : this.#offersFor(caller, model.id);
    const contextMin = offers.reduce((least, offer) => Math.min(least, offer.contextTokens), Infinity);
    const bound = model === undefined ? 0 : counter.upperBound(request, model.id);
    if (model === undefined || bound + (request.outputTokensMax ?? 0) <= contextMin) {
      return { ...this.#decide({ caller, request, batch }, resolved, undefined), promptTokensMax: bound };
    }
    if (!counter.exact) return { ...this.#decide({ caller, request, batch }, resolved, counter.lowerBound(request)), promptTokensMax: bound };
    return counter.countRequest(request, model.id).then(({ tokens, exact }) => ({
      // What could not be counted is a bound from above, and nobody may be refused for that.
      ...this.#decide({ caller, request, batch }, resolved, exact ? tokens : counter.lowerBound(request)),
      promptTokensMax: exact ? tokens : bound,
    }));
  }

  #offersFor(caller: Caller, modelId: string): readonly Offer[] {
    const sandbox = this.#deps.catalog.sandboxOffer(modelId);
    const offers = this.#deps.catalog.offers(modelId);
    return caller.mode === 'test' || offers.length === 0 ? (sandbox === undefined ? [] : [sandbox]) : offers;
  }

  #decide({ caller, request, batch }: { readonly caller: Caller; readonly request: DialogueRequest; readonly batch: boolean }, resolved: ResolvedModel | undefined, promptTokensMin: number | undefined): Plan {
    const { catalog, health, policy, clock, everConfigured, configured } = this.#deps;
    const nowMs = clock.nowMs();
    const modelId = resolved?.model.id;
    const successor = modelId === undefined || !policy.mapRetired ? undefined : catalog.successor(modelId, nowMs);
    return plan({
      requestedModel: request.model,
      resolved,
      offers: modelId === undefined ? [] : catalog.offers(modelId),
      sandboxOffer: modelId === undefined ? undefined : catalog.sandboxOffer(modelId),
      successor: successor === undefined ? undefined : { model: successor, offers: catalog.offers(successor.id) },
      mode: caller.mode,
      allowedModels: caller.allowedModels,
      policy,
      promptTokensMin,
      outputTokensMax: request.outputTokensMax,
      everConfigured,
      configured,
      heldAt: holdersOf(request),
      batch,
      health: (upstreamId) => health.state(upstreamId),
      nowMs,
    });
  }
}

/** Who may have the beginning of this conversation in a cache. */
function holdersOf({ contextCache, lastUpstreamId }: DialogueRequest): readonly string[] {
  const held = contextCache?.held.map(({ upstreamId }) => upstreamId) ?? [];
  return lastUpstreamId === undefined ? held : [...held, lastUpstreamId];
}
