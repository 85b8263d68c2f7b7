import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Fault } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { Model } from '../../catalog/model.ts';
import { callerOf } from '../authentication.ts';
import type { BasePath } from '../base-path.ts';
import { arkModel, type ListedModel, moonshotModel, openRouterEndpoints, openRouterModel } from './model-shapes.ts';

export interface ModelsDeps {
  readonly catalog: Pick<Catalog, 'resolve' | 'servedModels' | 'offers' | 'sandboxOffer'>;
  /** Whether callers of this kind are answered by the sandbox. */
  answeredBySandbox(mode: 'live' | 'test'): boolean;
  /** Whether an upstream would be asked now. */
  isReady(upstreamId: string): boolean;
  nowMs(): number;
}

const shapes = { moonshot: moonshotModel, openrouter: openRouterModel, ark: arkModel } as const;

/**
 * `GET {base}/models` and `GET {base}/models/{id}`, in the manners of the base path; at OpenRouter's also
 * `GET {base}/models/{author}/{slug}/endpoints`. Ids may hold a slash, raw or as %2F.
 */
export function registerModels(app: FastifyInstance, base: BasePath, deps: ModelsDeps): void {
  const { catalog } = deps;
  const shape = (listed: ListedModel): JsonObject => shapes[base.vendor](listed, deps.nowMs());

  app.get(`${base.path}/models`, (request) => {
    const sandbox = deps.answeredBySandbox(callerOf(request).mode);
    const models = catalog.servedModels(sandbox).filter((model) => mayUse(request, model));
    const data = models.map((model) => shape(listed(model, sandbox, catalog)));
    return base.vendor === 'openrouter' ? { data } : { object: 'list', data };
  });

  const find = (request: FastifyRequest, name: string): ListedModel => {
    const model = catalog.resolve(name)?.model;
    const found = model === undefined || !mayUse(request, model) ? undefined : listed(model, deps.answeredBySandbox(callerOf(request).mode), catalog);
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

function listed(model: Model, sandbox: boolean, catalog: ModelsDeps['catalog']): ListedModel {
  const official = catalog.sandboxOffer(model.id);
  const offers = sandbox ? (official === undefined ? [] : [official]) : catalog.offers(model.id);
  return { model, offers, ...(official === undefined ? {} : { official }) };
}

function mayUse(request: FastifyRequest, model: Model): boolean {
  const { allowedModels } = callerOf(request);
  return allowedModels === undefined || allowedModels.includes(model.id);
}
