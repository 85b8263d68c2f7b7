import type { FastifyInstance } from 'fastify';
import type { BasePath } from '../../base-path.ts';
import type { BackgroundResponses } from './background-responses.ts';
import { registerCompaction } from './compaction.ts';
import { registerConversations } from './conversations.ts';
import { registerCreateResponse } from './create-response.ts';
import { registerInputTokens } from './input-tokens.ts';
import { registerResponsesSocket } from './responses-socket.ts';
import type { SocketTurnDeps } from './socket-turn.ts';
import { registerStoredResponses } from './stored-responses.ts';

/** The Responses API under `base`: OpenAI's, and under Ark's path what Ark has of it (responses-ark-anthropic-batch.md 1.1, 2.1). */
export function registerResponses(app: FastifyInstance, base: BasePath, deps: SocketTurnDeps, background: BackgroundResponses): void {
  registerCreateResponse(app, base, deps, background);
  registerStoredResponses(app, base, deps, background);
  if (base.vendor === 'ark') return;
  registerResponsesSocket(app, base, deps);
  registerInputTokens(app, base, deps);
  registerCompaction(app, base, deps);
  registerConversations(app, base, deps);
}
