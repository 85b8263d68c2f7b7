import type { Model } from '../catalog/model.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { UpstreamCall } from '../upstreams/upstream.ts';

/** What an upstream has to know of a call beside its request: by which id, within which limits, under which rules of the model. */
export type Place = Pick<UpstreamCall, 'upstreamModel' | 'batchEndpoint' | 'outputTokensMax' | 'outputTokensDefault' | 'modelRules'>;

/** What an attempt tells its upstream. Of a window that is assumed, the largest output is a guess too, and lowers nobody's limit. */
export function placeOf({ offer, sendModel, batchEndpoint }: PlannedAttempt, model: Model | undefined): Place {
  const { outputTokensMax, outputTokensDefault, contextAssumed } = offer;
  return {
    upstreamModel: sendModel,
    ...(batchEndpoint === undefined ? {} : { batchEndpoint }),
    ...(contextAssumed === true ? {} : { outputTokensMax }),
    ...(outputTokensDefault === undefined ? {} : { outputTokensDefault }),
    ...rulesOf(model),
  };
}

function rulesOf(model: Model | undefined): Pick<Place, 'modelRules'> {
  if (model === undefined) return {};
  const { thinking, sampling, toolChoice } = model;
  return { modelRules: { thinking, sampling, ...(toolChoice === undefined ? {} : { toolChoice }) } };
}
