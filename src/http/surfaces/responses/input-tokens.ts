import type { FastifyInstance } from 'fastify';
import { modelNotFound } from '../../../routing/plan.ts';
import { inputTokensObject } from '../../../wire/openai-responses/response-lists.ts';
import { parseResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { leavingSignal } from '../../leaving-signal.ts';
import { openTurn } from './open-turn.ts';
import type { ResponsesDeps } from './responses-deps.ts';

/** `POST {base}/responses/input_tokens`: how many tokens the prompt of such a request has, with all that it goes on from. */
export function registerInputTokens(app: FastifyInstance, base: BasePath, deps: ResponsesDeps): void {
  app.post(`${base.path}/responses/input_tokens`, async (httpRequest, reply) => {
    const caller = callerOf(httpRequest);
    const { request } = await openTurn(deps, caller, parseResponsesBody(httpRequest.body, 'openai'));
    const modelId = deps.modelIdOf(request.model);
    if (modelId === undefined) throw modelNotFound(request.model);
    return inputTokensObject(await deps.estimatePrompt(caller, request, modelId, leavingSignal(reply)));
  });
}
