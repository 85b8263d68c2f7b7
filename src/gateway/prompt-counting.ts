import type { TenantScope } from '../base/tenant-scope.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { TokenCount, TokenCounter } from '../tokens/token-counter.ts';
import { type FileParts, needsFiles } from './file-parts.ts';

export interface PromptCountingDeps {
  readonly files: Pick<FileParts, 'resolve'>;
  readonly counter: Pick<TokenCounter, 'countRequest' | 'estimateRequest'>;
}

/** Counts prompts that are not sent, as they would be sent: with what the files say that they name. */
export class PromptCounting {
  readonly #deps: PromptCountingDeps;

  constructor(deps: PromptCountingDeps) {
    this.#deps = deps;
  }

  /** The tokens of a prompt, or an upper bound that says that it is one. Throws what `FileParts` throws. */
  async count(scope: TenantScope, request: DialogueRequest, modelId: string, signal?: AbortSignal): Promise<TokenCount> {
    return this.#deps.counter.countRequest(await this.#whole(scope, request, signal), modelId);
  }

  /** The best figure there is for the tokens of a prompt. Throws what `FileParts` throws. */
  async estimate(scope: TenantScope, request: DialogueRequest, modelId: string, signal?: AbortSignal): Promise<number> {
    return this.#deps.counter.estimateRequest(await this.#whole(scope, request, signal), modelId);
  }

  #whole(scope: TenantScope, request: DialogueRequest, signal: AbortSignal | undefined): DialogueRequest | Promise<DialogueRequest> {
    return needsFiles(request) ? this.#deps.files.resolve(scope, request, 'some', signal) : request;
  }
}
