import type { FastifyInstance } from 'fastify';
import { Fault } from '../../base/fault.ts';
import type { TenantScope } from '../../base/tenant-scope.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { TokenCount } from '../../tokens/token-counter.ts';
import { decodeChatRequest } from '../../wire/openai-chat/request-decode.ts';
import { callerOf } from '../authentication.ts';
import type { BasePath } from '../base-path.ts';
import { leavingSignal } from '../leaving-signal.ts';

export interface TokenEstimateDeps {
  /** Canonical id of the model that a name means. */
  modelIdOf(name: string): string | undefined;
  /** With what its files say. */
  countRequest(scope: TenantScope, request: DialogueRequest, modelId: string, signal: AbortSignal): Promise<TokenCount>;
}

/**
 * `POST {base}/tokenizers/estimate-token-count`: how many tokens a chat request's prompt has (moonshot-api.md 1.5).
 * `data.estimated` is true when K2's tokenizer is not installed and the figure is an upper bound.
 */
export function registerTokenEstimate(app: FastifyInstance, base: BasePath, deps: TokenEstimateDeps): void {
  app.post(`${base.path}/tokenizers/estimate-token-count`, async (httpRequest, reply) => {
    const { request } = decodeChatRequest(httpRequest.body, base.vendor);
    const modelId = deps.modelIdOf(request.model);
    if (modelId === undefined) {
      throw new Fault('model_not_found', { message: `Not found the model ${request.model.slice(0, 200)} or Permission denied` });
    }
    const { tokens, exact } = await deps.countRequest(callerOf(httpRequest), request, modelId, leavingSignal(reply));
    return { code: 0, data: { total_tokens: tokens, estimated: !exact }, scode: '0x0', status: true };
  });
}
