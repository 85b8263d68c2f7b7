import type { FastifyInstance } from 'fastify';
import { Fault } from '../../../base/fault.ts';
import { newId } from '../../../base/id.ts';
import { parseResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { answerGeneration } from '../../generation-exchange.ts';
import type { BackgroundResponses } from './background-responses.ts';
import { cachedTokensMin } from './caching-terms.ts';
import { openTurn, type Turn } from './open-turn.ts';
import type { ResponsesDeps } from './responses-deps.ts';
import { TurnWriter } from './turn-writer.ts';

/** `POST {base}/responses`: streamed, whole, or in the background. */
export function registerCreateResponse(app: FastifyInstance, base: BasePath, deps: ResponsesDeps, background: BackgroundResponses): void {
  const surface = `${base.path}/responses`;
  app.post(surface, async (httpRequest, reply) => {
    const body = parseResponsesBody(httpRequest.body, base.vendor === 'ark' ? 'ark' : 'openai');
    if (body.vendor === 'ark' && body.background) throw new Fault('invalid_request', { message: 'there is no background under this path; leave it out, or use /v1/responses', field: 'background' });
    const turn = await openTurn(deps, callerOf(httpRequest), body);
    if (turn.caching?.prefixOnly === true) await refuseSmallPrefix(deps, turn);
    if (body.background) return background.begin(httpRequest, reply, surface, turn);
    const generationId = newId('gen', deps.clock, deps.random);
    return answerGeneration(httpRequest, reply, deps, { surface, request: turn.request, generationId, writer: new TurnWriter(deps, turn, generationId) });
  });
}

/** What is too small to be cached is refused, as Ark does (responses-ark-anthropic-batch.md 2.4). */
async function refuseSmallPrefix(deps: ResponsesDeps, { caller, request }: Turn): Promise<void> {
  const modelId = deps.modelIdOf(request.model);
  // A model that is not there is refused by the gateway, in its own words.
  const tokens = modelId === undefined ? cachedTokensMin : await deps.estimatePrompt(caller, request, modelId);
  if (tokens >= cachedTokensMin) return;
  throw new Fault('invalid_request', { message: `a prefix that is cached needs at least ${cachedTokensMin} tokens, and this has about ${tokens}`, field: 'input' });
}
