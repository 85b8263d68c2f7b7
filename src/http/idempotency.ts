import { createHmac } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { GenerationId } from '../base/id.ts';
import { type Log, stackOf } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Sealer } from '../base/sealer.ts';
import type { Claim, EarlierRequest, IdempotencyStore, IdempotentScope } from '../records/idempotency-store.ts';
import { UnknownOutcome } from '../storage/unknown-outcome.ts';
import { callerOf } from './authentication.ts';
import { dressFault } from './fault-dress.ts';
import { type KeptReply, ReplyCopy, type ReplyKeeper } from './reply-copy.ts';

export const idempotencyHeader = 'idempotency-key';

/** For how long a key is remembered (Stripe: at least 24 h; reliability.md 1). */
const keptForMs = 24 * 60 * 60 * 1000;
/** How long a server counts as alive after it last said so. What lapses is never called again, only answered differently. */
const leaseMs = 20_000;
/** How often leases are to be renewed (`renewLeases`). */
export const leaseRenewMs = 5_000;
/** How often `sweep` is to be called. */
export const idempotencySweepMs = 5 * 60_000;
/** Replies are large: so many are removed in one transaction. */
const sweepBatch = 100;
/** How long a twin is told to wait. */
const twinRetryMs = 1_000;

/** Printable ASCII, as Stripe's limit of 255 characters has it. */
const keyForm = /^[\x20-\x7e]{1,255}$/;

/** Answers one request: `copy` is to be given all of the reply; absent: nobody asked for it to be kept. */
export type Answer = (copy?: ReplyCopy) => Promise<FastifyReply>;

export interface IdempotencyDeps {
  readonly store: IdempotencyStore;
  /** `RootSecret.derive('encryption', 1)`. */
  readonly encryptionKey: Buffer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * `Idempotency-Key` (docs/decisions/0014): the first reply under a key is kept for 24 h and given to every later request with the same
 * path and body, whatever it said, once a call had begun. Nobody is ever called twice for one key.
 */
export class Idempotency {
  readonly #deps: IdempotencyDeps;
  readonly #sealer: Sealer;
  readonly #fingerprintKey: Buffer;
  /** Of this process, in the rows that it answers. */
  readonly #owner: string;
  #openCount = 0;
  /** Claims of which only the news was lost, if they were made at all: nobody answers them. */
  readonly #doubtful = new Set<Claim>();

  constructor(deps: IdempotencyDeps) {
    this.#deps = deps;
    this.#sealer = new Sealer(deps.encryptionKey, deps.random);
    this.#fingerprintKey = createHmac('sha256', deps.encryptionKey).update('moongate/idempotency/fingerprint').digest();
    this.#owner = deps.random.bytes(16).toString('hex');
  }

  /**
   * What a billable surface runs in place of `answer`, once its request is decoded: `answer` itself when the request has no
   * `Idempotency-Key`. Otherwise throws `invalid_request` (a key of the wrong form, or used for something else),
   * `request_in_progress`, `conflict` (the first one's outcome is not known), or what `answer` throws.
   */
  once(request: FastifyRequest, reply: FastifyReply, generationId: GenerationId, answer: Answer): Answer {
    if (request.headers[idempotencyHeader] === undefined) return answer;
    return () => this.#answerOnce(request, reply, generationId, answer);
  }

  /** To be called every `leaseRenewMs`: tells the replicas that what is under way here still is, and gives up what nobody answers. */
  async renewLeases(): Promise<void> {
    const { store, clock } = this.#deps;
    if (this.#openCount > 0) await store.renew(this.#owner, clock.nowMs() + leaseMs);
    for (const claim of this.#doubtful) {
      await store.release(claim);
      this.#doubtful.delete(claim);
    }
  }

  /** To be called every `idempotencySweepMs`: removes the keys whose 24 h are over. */
  async sweep(): Promise<void> {
    const { store, clock } = this.#deps;
    const nowMs = clock.nowMs();
    while ((await store.removeExpired(nowMs, sweepBatch)) === sweepBatch);
  }

  async #answerOnce(request: FastifyRequest, reply: FastifyReply, generationId: GenerationId, answer: Answer): Promise<FastifyReply> {
    const { store, clock } = this.#deps;
    const { tenantId, mode } = callerOf(request);
    const nowMs = clock.nowMs();
    const claim: Claim = {
      tenantId, mode, key: keyOf(request), generationId, fingerprint: this.#fingerprint(request), owner: this.#owner,
      nowMs, leaseMs: nowMs + leaseMs, expiresMs: nowMs + keptForMs,
    };
    const earlier = await store.claim(claim).catch((thrown: unknown) => {
      if (thrown instanceof Fault && thrown.cause instanceof UnknownOutcome) this.#doubtful.add(claim);
      throw thrown;
    });
    if (earlier === undefined) return this.#answerFirst(request, claim, answer);
    if (earlier === 'unsettled') throw new Fault('request_in_progress', { retryAfterMs: twinRetryMs });
    // What has none of its own is no generation, and the id only that of its claim.
    if (request.generationId !== undefined) {
      request.generationId = earlier.generationId;
      reply.header('x-generation-id', earlier.generationId);
    }
    return this.#answerAgain(reply, claim, earlier);
  }

  async #answerFirst(request: FastifyRequest, claim: Claim, answer: Answer): Promise<FastifyReply> {
    const copy = new ReplyCopy(this.#keeperOf(request, claim));
    this.#openCount += 1;
    try {
      return await answer(copy);
    } catch (thrown) {
      if (!copy.settled) {
        // As `sendFault` is about to send it.
        const fault = toFault(thrown);
        const { status, body } = dressFault(fault, request.url, request.id);
        const headers = { 'content-type': 'application/json; charset=utf-8', 'x-generation-id': claim.generationId };
        await copy.fail(fault, { status, headers }, JSON.stringify(body));
      }
      throw thrown;
    } finally {
      this.#openCount -= 1;
    }
  }

  #keeperOf(request: FastifyRequest, claim: Claim): ReplyKeeper {
    const { store, log } = this.#deps;
    return {
      keep: (reply) => reply === undefined ? store.close(claim, 'too-large') : store.keep(claim, this.#sealer.seal(textOf(reply), contextOf(claim))),
      release: () => store.release(claim),
      cut: () => store.close(claim, 'cut'),
      lost(cause) {
        const stack = stackOf(cause);
        log.write('warn', 'how an idempotent request ended was not kept', { requestId: request.id, ...(stack === undefined ? {} : { stack }) });
      },
    };
  }

  #answerAgain(reply: FastifyReply, claim: Claim, earlier: EarlierRequest): FastifyReply {
    const { generationId, fingerprint, state, reply: sealed } = earlier;
    if (fingerprint !== claim.fingerprint) {
      throw new Fault('invalid_request', {
        message: 'Invalid request: this Idempotency-Key was used before with another body or path; use a new key for a new request',
        field: 'Idempotency-Key',
      });
    }
    if (sealed !== undefined) return sendAgain(reply, keptOf(this.#sealer.open(sealed, contextOf(claim))));
    if (state === 'open' && earlier.leaseMs > claim.nowMs) throw new Fault('request_in_progress', { retryAfterMs: twinRetryMs });
    const what = state === 'too-large' ? 'was answered, and its reply is too large to be sent again' : unknownOutcome;
    throw new Fault('conflict', { message: `the first request with this Idempotency-Key (${generationId}) ${what}; it is not run again: use a new key` });
  }

  /** Of path and body as we understood it. Keyed, so that a stolen database cannot be asked whether somebody sent a certain prompt. */
  #fingerprint(request: FastifyRequest): string {
    const path = (request.url.split('?', 1)[0] ?? '').replace(/\/$/, '');
    return createHmac('sha256', this.#fingerprintKey).update(`${request.method} ${path}\n`).update(JSON.stringify(request.body)).digest('hex');
  }
}

const unknownOutcome = 'was broken off, and how far it had come is not known';

/** The key of a request that has the header. Throws `invalid_request` for one of the wrong form. */
function keyOf(request: FastifyRequest): string {
  const key = request.headers[idempotencyHeader];
  if (typeof key === 'string' && keyForm.test(key)) return key;
  throw new Fault('invalid_request', {
    message: 'Invalid request: the header Idempotency-Key must be 1 to 255 printable ASCII characters',
    field: 'Idempotency-Key',
  });
}

/** With the headers that the surface has set for this request beside those of the first reply. */
function sendAgain(reply: FastifyReply, kept: KeptReply): FastifyReply {
  const body = Buffer.from(kept.body);
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) reply.raw.setHeader(name, value);
  reply.hijack();
  reply.raw
    .writeHead(kept.status, {
      ...kept.headers,
      'idempotent-replayed': 'true',
      // The SDKs would ask for the same failure again and again.
      ...(kept.status >= 400 ? { 'x-should-retry': 'false' } : {}),
      'content-length': body.length,
    })
    .end(body);
  return reply;
}

function contextOf({ tenantId, mode, key }: IdempotentScope): string {
  return `idempotency\n${tenantId}\n${mode}\n${key}`;
}

/** Head and body apart, so that a long body is not escaped and parsed again. */
function textOf({ body, ...head }: KeptReply): string {
  return `${JSON.stringify(head)}\n${body}`;
}

function keptOf(text: string): KeptReply {
  const end = text.indexOf('\n');
  const head = JSON.parse(text.slice(0, end)) as Omit<KeptReply, 'body'>;
  return { ...head, body: text.slice(end + 1) };
}
