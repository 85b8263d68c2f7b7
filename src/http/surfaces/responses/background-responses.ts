import type { FastifyReply, FastifyRequest } from 'fastify';
import { Fault } from '../../../base/fault.ts';
import { newId } from '../../../base/id.ts';
import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import { modelNotFound } from '../../../routing/plan.ts';
import { StatementError } from '../../../storage/statement-error.ts';
import type { ResponseEvent } from '../../../threads/response-event-store.ts';
import type { StoredResponse } from '../../../threads/stored-response.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import { ResponsesStreamEncoder } from '../../../wire/openai-responses/stream-encode.ts';
import { idHeaders } from '../../reply-headers.ts';
import { sandboxScriptOf } from '../../sandbox-header.ts';
import { abandonedTopic, type BackgroundDeps, jobOf, responseJobKind, sealedJob } from './background-job.ts';
import type { BackgroundWorker } from './background-worker.ts';
import { forcedEnd } from './forced-end.ts';
import { deleteResponse } from './hold-context.ts';
import { openTurnFacts } from './keep-turn.ts';
import type { Turn } from './open-turn.ts';
import { followResponse, type Following } from './response-follower.ts';
import { styleOf } from './turn-writer.ts';

/** Background responses of one tenant that have not ended. */
const openResponsesMax = 1_000;
/** How often the end of a cancelled response is tried to be put after events that come at the same time. */
const cancelTriesMax = 10;

/**
 * Responses that are made after their request has been answered (`background: true`): accepted by a commit, made by whichever server
 * comes first, followed by whoever asks, and cancelled from anywhere.
 */
export class BackgroundResponses {
  readonly #deps: BackgroundDeps;
  readonly #worker: BackgroundWorker;

  constructor(deps: BackgroundDeps, worker: BackgroundWorker) {
    this.#deps = deps;
    this.#worker = worker;
  }

  /** Accepts a turn, and answers with the response as it waits, or with its stream. Throws `invalid_request` when nothing is to be stored, and `model_not_found`. */
  async begin(request: FastifyRequest, reply: FastifyReply, surface: string, turn: Turn): Promise<FastifyReply> {
    const { body, scope, responseId, request: { model } } = turn;
    if (!body.store) throw new Fault('invalid_request', { message: "'background' needs a response that is stored: leave out 'store', or set it to true.", field: 'store' });
    if (this.#deps.modelIdOf(model) === undefined) throw modelNotFound(model);
    const generationId = newId('gen', this.#deps.clock, this.#deps.random);
    request.generationId = generationId;
    const headers = idHeaders({ requestId: request.id, generationId });
    return this.#deps.idempotency.once(request, reply, generationId, async (copy) => {
      await this.#refuseTooMany(scope);
      const accepted = await this.#accept(request, surface, turn, generationId);
      if (copy !== undefined) {
        // A repetition is told which response it was; its stream is taken up by that.
        await copy.keep({ status: 200, headers: { ...headers, 'content-type': 'application/json; charset=utf-8' } }, JSON.stringify(accepted));
      }
      this.#worker.look().catch(() => undefined);
      if (body.stream) {
        await followResponse(reply, this.#deps, this.#worker, { scope, response: { id: responseId, generationId }, startingAfter: -1 });
        return reply;
      }
      return reply.headers(headers).send(accepted);
    })();
  }

  /** What waits has a bound, as every queue. Some may come through together at its edge. */
  async #refuseTooMany({ tenantId }: TenantScope): Promise<void> {
    if ((await this.#deps.jobs.openCount(responseJobKind, tenantId)) < openResponsesMax) return;
    throw new Fault('rate_limited', { message: `${openResponsesMax} background responses of this account wait or are being made; wait for some of them to end`, retryAfterMs: 10_000 });
  }

  async #accept(request: FastifyRequest, surface: string, turn: Turn, generationId: `gen_${string}`): Promise<JsonObject> {
    const { database, responses, events, jobs, clock } = this.#deps;
    const { scope, responseId, body, caller, input } = turn;
    const first: ResponseEvent[] = [];
    const encoder = new ResponsesStreamEncoder(styleOf(this.#deps, turn, (sequenceNumber, _type, json) => {
      const event: unknown = JSON.parse(json);
      if (isJsonObject(event)) first.push({ sequenceNumber, event });
    }));
    encoder.open('queued');
    const sandboxScript = sandboxScriptOf(request, caller);
    const jobId = jobOf(responseId);
    const wire: unknown = body.wire;
    const payload = sealedJob(this.#deps, jobId, {
      responseId, scope, keyId: caller.keyId, generationId, surface, vendor: body.vendor, wire: isJsonObject(wire) ? wire : {},
      ...(sandboxScript === undefined ? {} : { sandboxScript }),
    });
    const saving = responses.saving(scope, { ...openTurnFacts(this.#deps, turn, generationId), status: 'queued', body: encoder.storedResponse(), input, output: [] });
    await database.commitIf(saving.guards, [
      ...saving.statements,
      events.appending(scope, responseId, first),
      jobs.enqueueing({ id: jobId, kind: responseJobKind, tenantId: scope.tenantId, payload, notBeforeMs: clock.nowMs() }),
    ]);
    return encoder.response();
  }

  /** Streams what is kept of a background response from an event on. Throws `invalid_request` for one that was not made in the background. */
  async resume(reply: FastifyReply, following: Following & { readonly response: StoredResponse }): Promise<FastifyReply> {
    if (!following.response.background) {
      throw new Fault('invalid_request', { message: 'This response cannot be streamed because it was not created with background=true.', field: 'stream' });
    }
    await followResponse(reply, this.#deps, this.#worker, following);
    return reply;
  }

  /** Ends a background response, wherever it is made; one that has ended stays as it is. Returns the response. Throws `not_found` and `invalid_request`. */
  async cancel(scope: TenantScope, id: string): Promise<JsonObject> {
    const { responses, events, database, clock, jobs } = this.#deps;
    for (let tries = 0; tries < cancelTriesMax; tries += 1) {
      const stored = await responses.get(scope, id);
      if (stored === undefined) throw responseNotFound(id);
      if (!stored.background) throw new Fault('invalid_request', { message: 'Cannot cancel a synchronous response.' });
      if (stored.endedMs !== undefined) return stored.body;
      const { body, output, event } = forcedEnd(stored.body, await events.all(scope, id), 'cancelled');
      try {
        const { committed } = await database.commitIf(
          [responses.updating(scope, stored.id, { status: 'cancelled', body, output, endedMs: clock.nowMs() })],
          [events.appending(scope, stored.id, [event]), ...responses.indexing(scope, stored.id, output), jobs.cancelling(jobOf(stored.id)), ...database.announcement(abandonedTopic, id)],
        );
        if (!committed) continue;
        this.#worker.abandon(id);
        return body;
      } catch (thrown) {
        // More was kept meanwhile.
        if (!(thrown instanceof StatementError)) throw thrown;
      }
    }
    throw new Fault('conflict', { message: `Response '${id}' could not be cancelled while it is written so fast; try again.` });
  }

  /** Removes a response; one that is being made is made no further, wherever that is. False: there was none. */
  async delete(scope: TenantScope, id: string): Promise<boolean> {
    const { jobs, database } = this.#deps;
    const deleted = await deleteResponse(this.#deps, scope, id, [jobs.cancelling(jobOf(id)), ...database.announcement(abandonedTopic, id)]);
    if (deleted) this.#worker.abandon(id);
    return deleted;
  }
}

/** The answer for a response that is not there, or another tenant's. */
export function responseNotFound(id: string): Fault {
  return new Fault('not_found', { message: `Response with id '${id.slice(0, 128).toWellFormed()}' not found.` });
}

