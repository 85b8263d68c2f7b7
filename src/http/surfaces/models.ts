import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Caller } from '../../access/caller.ts';
import { Fault } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { Model } from '../../catalog/model.ts';
import type { Offer, Price } from '../../catalog/offer.ts';
import { callerOf } from '../authentication.ts';
import type { BasePath } from '../base-path.ts';
import { anthropicModel, arkModel, type ListedModel, moonshotModel, openRouterEndpoints, openRouterModel } from './model-shapes.ts';

export interface ModelsDeps {
  readonly catalog: Pick<Catalog, 'resolve' | 'servedModels' | 'offers' | 'sandboxOffer'>;
  /** Whether callers of this kind are answered by the sandbox. */
  answeredBySandbox(mode: 'live' | 'test'): boolean;
  /** What `caller` is asked for at `offer`, as a price row; undefined: unpriced. */
  askedPrice(caller: Caller, offer: Offer): Price | undefined;
  /** Whether an upstream would be asked now. */
  isReady(upstreamId: string): boolean;
  nowMs(): number;
}

const shapes = { moonshot: moonshotModel, openrouter: openRouterModel, ark: arkModel } as const;

/**
 * `GET {base}/models` and `GET {base}/models/{id}`, in the manners of the base path, or in Anthropic's for its clients under /v1; at OpenRouter's also
 * `GET {base}/models/{author}/{slug}/endpoints`. Ids may hold a slash, raw or as %2F.
 */
export function registerModels(app: FastifyInstance, base: BasePath, deps: ModelsDeps): void {
  const { catalog } = deps;
  const shape = (listed: ListedModel): JsonObject => shapes[base.vendor](listed, deps.nowMs());

  app.get(`${base.path}/models`, (request) => {
    if (base.vendor === 'moonshot' && request.headers['anthropic-version'] !== undefined) return anthropicModels(request, deps);
    const data = listedModels(request, deps).map(shape);
    return base.vendor === 'openrouter' ? { data } : { object: 'list', data };
  });

  const find = (request: FastifyRequest, name: string): ListedModel => {
    const model = catalog.resolve(name)?.model;
    const found = model === undefined || !mayUse(request, model) ? undefined : listed(model, callerOf(request), deps);
    if (found === undefined || found.offers.length === 0) {
      throw new Fault('model_not_found', { message: `Not found the model ${name.slice(0, 200)} or Permission denied` });
    }
    return found;
  };

  app.get<{ Params: { '*': string } }>(`${base.path}/models/*`, (request) => {
    const found = find(request, request.params['*']);
    return base.vendor === 'openrouter' ? { data: shape(found) } : shape(found);
  });

  if (base.vendor !== 'openrouter') return;
  app.get<{ Params: { author: string; slug: string } }>(`${base.path}/models/:author/:slug/endpoints`, (request) => {
    const { author, slug } = request.params;
    return { data: openRouterEndpoints(find(request, `${author}/${slug}`), deps.nowMs(), deps.isReady) };
  });
}

/** `GET /anthropic/v1/models`: the base path that Moonshot's users give Anthropic's clients. */
export function registerAnthropicModels(app: FastifyInstance, deps: ModelsDeps): void {
  app.get('/anthropic/v1/models', (request) => anthropicModels(request, deps));
}

function anthropicModels(request: FastifyRequest, deps: ModelsDeps): JsonObject {
  const data = listedModels(request, deps).map(anthropicModel);
  return { data, has_more: false, first_id: data[0]?.['id'] ?? null, last_id: data.at(-1)?.['id'] ?? null };
}

function listedModels(request: FastifyRequest, deps: ModelsDeps): readonly ListedModel[] {
  const caller = callerOf(request);
  const models = deps.catalog.servedModels(deps.answeredBySandbox(caller.mode)).filter((model) => mayUse(request, model));
  return models.map((model) => listed(model, caller, deps));
}

/** The model as `caller` may have it: each offer at the price that is asked for it, whatever the upstream charges us. */
function listed(model: Model, caller: Caller, deps: ModelsDeps): ListedModel {
  const official = deps.catalog.sandboxOffer(model.id);
  if (deps.answeredBySandbox(caller.mode)) return official === undefined ? { model, offers: [] } : { model, offers: [official], official };
  const offers = deps.catalog.offers(model.id).map((offer) => {
    const asked = deps.askedPrice(caller, offer);
    return { ...offer, prices: asked === undefined ? [] : [asked] };
  });
  return { model, offers, ...(official === undefined ? {} : { official }) };
}

function mayUse(request: FastifyRequest, model: Model): boolean {
  const { allowedModels } = callerOf(request);
  return allowedModels === undefined || allowedModels.includes(model.id);
}
