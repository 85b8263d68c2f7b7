import type { FastifyInstance } from 'fastify';
import type { Caller } from '../../../access/caller.ts';
import type { Clock } from '../../../base/clock.ts';
import { Fault, toFault } from '../../../base/fault.ts';
import { pause } from '../../../base/pause.ts';
import { type CapacityPool, type Demand, type Place, PoolPause } from '../../../batches/capacity-pool.ts';
import type { Gateway } from '../../../gateway/gateway.ts';
import { encodeChatReply } from '../../../wire/openai-chat/reply-encode.ts';
import { decodeChatRequest } from '../../../wire/openai-chat/request-decode.ts';
import type { BasePath } from '../../base-path.ts';
import { answerGeneration, type GenerationDeps } from '../../generation-exchange.ts';
import type { ReplyWriter } from '../../reply-writer.ts';
import { HeldShares } from './held-shares.ts';

export interface HeldChatDeps extends GenerationDeps {
  readonly pool: Pick<CapacityPool, 'enter' | 'refused' | 'passed'>;
  /** The upstream that a model's calls of this caller go to first. */
  upstreamOf(caller: Caller, model: string): string;
}

/** Where the caller names no limit (responses-ark-anthropic-batch.md 2.5). */
const outputTokensDefault = 4_096;

/**
 * Ark's `POST {base}/batch/chat/completions`: a chat completion at the price of a batch, which waits for its place as lines of batches do, for as long as its
 * client does (responses-ark-anthropic-batch.md 2.5).
 */
export function registerHeldChat(app: FastifyInstance, { path, vendor }: BasePath, deps: HeldChatDeps): void {
  const surface = `${path}/batch/chat/completions`;
  const held = new HeldGateway(deps);
  app.post(surface, (httpRequest, reply) => {
    const { request, includeUsage, reasoningAlias, thinking } = decodeChatRequest(httpRequest.body, vendor);
    if (request.stream) throw new Fault('invalid_request', { message: "'stream' must be false under this path", field: 'stream' });
    const style = { vendor, reasoningAlias, thinking, includeUsage };
    const writer: ReplyWriter = { encode: neverStreamed, finish: neverStreamed, fail: neverStreamed, whole: ({ reply: whole, cost }) => encodeChatReply(whole, style, cost) };
    const limited = request.outputTokensMax === undefined ? { ...request, outputTokensMax: outputTokensDefault } : request;
    const bytes = Number(httpRequest.headers['content-length'] ?? JSON.stringify(httpRequest.body).length);
    const gateway: Pick<Gateway, 'generate'> = { generate: (...asked) => held.generate(bytes, ...asked) };
    return answerGeneration(httpRequest, reply, { ...deps, gateway }, { surface, request: limited, writer });
  });
}

/** The gateway by way of the pool. */
class HeldGateway {
  readonly #deps: HeldChatDeps;
  readonly #shares = new HeldShares();

  constructor(deps: HeldChatDeps) {
    this.#deps = deps;
  }

  /** `bytes`: of the body, which is in memory meanwhile. */
  async generate(bytes: number, ...[caller, request, options, sink, signal]: Parameters<Gateway['generate']>): ReturnType<Gateway['generate']> {
    const { gateway, pool, upstreamOf } = this.#deps;
    const demand: Demand = { tenantId: caller.tenantId, group: surfaceGroup, keyId: caller.keyId, upstreamId: upstreamOf(caller, request.model) };
    const leave = this.#shares.enter(caller.keyId, bytes);
    try {
      for (;;) {
        const place = await enter(this.#deps, demand, signal);
        try {
          const end = await gateway.generate(caller, request, { ...options, atBatchRates: true }, sink, signal);
          pool.passed(demand);
          return end;
        } catch (thrown) {
          const fault = toFault(thrown);
          if (fault.code === 'upstream_rate_limited' || fault.code === 'upstream_overloaded') pool.refused(demand, 'upstream', fault.retryAfterMs);
          // Only what the caller's own limits refuse has left no record, so that the same call can be made again; Ark's client repeats the others itself.
          if (fault.code !== 'rate_limited' || !fault.retryable) throw thrown;
          pool.refused(demand, 'key', fault.retryAfterMs);
        } finally {
          place.leave();
        }
      }
    } finally {
      leave();
    }
  }
}

/** Calls of a tenant take turns with its batches. */
const surfaceGroup = 'held';

/** A place, however long that takes. Rejects with `caller_gone` and what else `signal` says. */
async function enter({ pool, clock }: { readonly pool: HeldChatDeps['pool']; readonly clock: Clock }, demand: Demand, signal: AbortSignal): Promise<Place> {
  for (;;) {
    if (signal.aborted) throw signal.reason instanceof Fault ? signal.reason : new Fault('caller_gone');
    try {
      return await pool.enter(demand, signal);
    } catch (thrown) {
      if (signal.aborted) continue;
      if (!(thrown instanceof PoolPause)) throw thrown;
      await pause(clock, thrown.waitMs, signal);
    }
  }
}

function neverStreamed(): never {
  throw new Fault('internal');
}
