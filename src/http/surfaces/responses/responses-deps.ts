import type { Caller } from '../../../access/caller.ts';
import type { DialogueRequest } from '../../../dialogue/request.ts';
import type { ThinkingSeals } from '../../../dialogue/thinking-seal.ts';
import type { ConversationStore } from '../../../threads/conversation-store.ts';
import type { ResponseStore } from '../../../threads/response-store.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import type { StorageBilling } from '../../../gateway/storage-billing.ts';
import type { Database } from '../../../storage/database.ts';
import type { ContextCacheStore } from '../../../threads/context-cache-store.ts';
import type { GenerationDeps } from '../../generation-exchange.ts';

export interface ResponsesDeps extends GenerationDeps {
  readonly responses: ResponseStore;
  readonly conversations: ConversationStore;
  /** Contexts that upstreams hold by name, and what it costs to keep them. */
  readonly caches: ContextCacheStore;
  readonly storage: Pick<StorageBilling, 'opening' | 'end'>;
  /** Tells an upstream to hold a context no longer. Does not throw: it ends by itself, too. */
  dropContext(upstreamId: string, handle: string): void;
  readonly database: Pick<Database, 'commitIf'>;
  /** How long a stored response or conversation is kept after it was last gone on from. */
  readonly keptForMs: number;
  sealsOf(tenantId: string): ThinkingSeals;
  /** Canonical id of the model that a name means. */
  modelIdOf(name: string): string | undefined;
  /** Most tokens that prompt and answer may have together at anybody who serves the model. */
  contextTokensOf(modelId: string): number;
  /** The best figure there is for the tokens of a prompt, with what its files say. */
  estimatePrompt(scope: TenantScope, request: DialogueRequest, modelId: string, signal?: AbortSignal): Promise<number>;
}

/** Whose threads a caller may read: those of its tenant, and of its own mode. */
export function scopeOf({ tenantId, mode }: Caller): TenantScope {
  return { tenantId, mode };
}
