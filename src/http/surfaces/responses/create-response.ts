import type { FastifyInstance } from 'fastify';
import { newId } from '../../../base/id.ts';
import { parseResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { answerGeneration } from '../../generation-exchange.ts';
import type { BackgroundResponses } from './background-responses.ts';
import { openTurn } from './open-turn.ts';
import type { ResponsesDeps } from './responses-deps.ts';
import { TurnWriter } from './turn-writer.ts';

/** `POST {base}/responses`: streamed, whole, or in the background. */
export function registerCreateResponse(app: FastifyInstance, base: BasePath, deps: ResponsesDeps, background: BackgroundResponses): void {
  const surface = `${base.path}/responses`;
  app.post(surface, async (httpRequest, reply) => {
    const body = parseResponsesBody(httpRequest.body, base.vendor === 'ark' ? 'ark' : 'openai');
    const turn = await openTurn(deps, callerOf(httpRequest), body);
    if (body.background) return background.begin(httpRequest, reply, surface, turn);
    const generationId = newId('gen', deps.clock, deps.random);
    return answerGeneration(httpRequest, reply, deps, { surface, request: turn.request, generationId, writer: new TurnWriter(deps, turn, generationId) });
  });
}
