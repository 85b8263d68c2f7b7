import type { CompiledQuery } from 'kysely';
import { Fault, toFault } from '../../../base/fault.ts';
import { isJsonObject } from '../../../base/json.ts';
import { pause } from '../../../base/pause.ts';
import type { Usage } from '../../../dialogue/usage.ts';
import type { ClaimedJob } from '../../../jobs/job-store.ts';
import type { PlannedAttempt } from '../../../routing/plan.ts';
import type { ResponseEvent } from '../../../threads/response-event-store.ts';
import type { StoredResponse } from '../../../threads/stored-response.ts';
import { parseResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import { ResponsesStreamEncoder } from '../../../wire/openai-responses/stream-encode.ts';
import { type BackgroundDeps, type BackgroundJob, openedJob } from './background-job.ts';
import { forcedEnd } from './forced-end.ts';
import { conversationTurn } from './keep-turn.ts';
import type { TurnEnd } from './turn-end.ts';
import { openTurn, type Turn } from './open-turn.ts';
import { styleOf } from './turn-writer.ts';

/** Events wait so long for company before they are kept, and can be seen. */
const flushMs = 100;
/** How often, and how many times, the end is tried to be kept while the database is away. */
const endRetryMs = 1_000;
const endTriesMax = 30;

/**
 * One background response being made. Its events are kept as they come; its end, the end of its job and its conversation's turn are one
 * commit. What is kept in the name of a claim that is not the last one is refused: then the run is `lost`, and ends.
 */
export class BackgroundRun {
  readonly #deps: BackgroundDeps;
  readonly #claim: ClaimedJob;
  readonly #job: BackgroundJob;
  readonly #abort: AbortController;
  readonly #onKept: (responseId: string) => void;
  #pending: ResponseEvent[] = [];
  #flushing: Promise<void> | undefined;
  #cancelFlush: (() => void) | undefined;

  /** `abort` ends the run: with a `Fault` as its reason when we are closing. `onKept`: more of the response can be seen. Throws when the job cannot be read. */
  constructor(deps: BackgroundDeps, claim: ClaimedJob, abort: AbortController, onKept: (responseId: string) => void) {
    this.#deps = deps;
    this.#claim = claim;
    this.#job = openedJob(deps, claim.id, claim.payload);
    this.#abort = abort;
    this.#onKept = onKept;
  }

  get responseId(): string {
    return this.#job.responseId;
  }

  /** Makes the response, or ends it. Rejects with what keeps its end from being kept: then the job is taken up again when the lease is over. */
  async run(): Promise<void> {
    const { responses, jobs } = this.#deps;
    const { scope, responseId } = this.#job;
    const stored = await responses.get(scope, responseId);
    if (stored === undefined || stored.endedMs !== undefined) {
      await this.#commit([jobs.finishing(this.#claim.id, this.#claim.token)]);
      return;
    }
    // Who had begun it is dead, and what it had cost nobody knows: it is not begun again.
    if (stored.status !== 'queued') return this.#interrupt(stored);
    const encoder = this.#encoderOf(stored);
    if (encoder === undefined) return this.#interrupt(stored);
    // Kept when the response was accepted.
    encoder.open('queued');
    this.#pending = [];
    const turn = await this.#turn(stored).catch(toFault);
    if (turn instanceof Fault) {
      if (turn.code === 'storage_unavailable') throw turn;
      encoder.fail(turn);
      return this.#close(undefined, { body: encoder.storedResponse(), output: encoder.output() });
    }
    encoder.encode([]);
    if (await this.#begin(encoder)) await this.#generate(stored, turn, encoder);
  }

  /** Undefined: another version of this program accepted what this one does not understand. */
  #encoderOf({ createdMs }: StoredResponse): ResponsesStreamEncoder | undefined {
    const { scope, responseId, wire, vendor } = this.#job;
    try {
      const dress = { body: parseResponsesBody(wire, vendor), scope, responseId, createdMs };
      return new ResponsesStreamEncoder(styleOf(this.#deps, dress, (sequenceNumber, _type, json) => this.#take(sequenceNumber, json)));
    } catch (thrown) {
      if (thrown instanceof Fault) return undefined;
      throw thrown;
    }
  }

  async #turn({ input, createdMs }: StoredResponse): Promise<Turn> {
    const { responseId, keyId, wire, vendor } = this.#job;
    const caller = await this.#deps.callerOfKey(keyId);
    if (caller === undefined) throw new Fault('key_rejected', { message: 'The API key of this response has been revoked or has expired' });
    return openTurn(this.#deps, caller, parseResponsesBody(wire, vendor), { responseId, createdMs, input });
  }

  /** From here on the call may cost something: so it is said before it is made. False: the claim is lost. */
  async #begin(encoder: ResponsesStreamEncoder): Promise<boolean> {
    const { jobs, responses, events } = this.#deps;
    const { scope, responseId } = this.#job;
    const batch = this.#takePending();
    return this.#commit([
      jobs.fenced(this.#claim.id, this.#claim.token),
      responses.updating(scope, responseId, { status: 'in_progress', body: encoder.storedResponse() }),
      events.appending(scope, responseId, batch),
    ]);
  }

  async #generate(stored: StoredResponse, turn: Turn, encoder: ResponsesStreamEncoder): Promise<void> {
    const { generationId, surface, sandboxScript } = this.#job;
    let attempt: PlannedAttempt | undefined;
    const ended = (usage?: Usage): TurnEnd => ({
      generationId, body: encoder.storedResponse(), output: encoder.output(),
      ...(usage === undefined ? {} : { usage }),
      ...(attempt === undefined ? {} : { attempt }),
    });
    let usage: Usage | undefined;
    try {
      ({ usage } = await this.#deps.gateway.generate(
        turn.caller,
        { ...turn.request, stream: true },
        { generationId, surface, ...(sandboxScript === undefined ? {} : { sandboxScript }) },
        {
          onOpen: (opened) => {
            attempt = opened.attempt;
          },
          onBatches: (batches) => {
            encoder.encode(batches);
            this.#flushSoon();
          },
        },
        this.#abort.signal,
      ));
      encoder.finish(usage);
    } catch (thrown) {
      if (this.#abort.signal.aborted) return this.#stopped(stored);
      encoder.fail(toFault(thrown));
    }
    await this.#close(turn, ended(usage));
  }

  /** Ended from outside: by us, who are closing, or because somebody else has decided over the response. */
  async #stopped(stored: StoredResponse): Promise<void> {
    if (!(this.#abort.signal.reason instanceof Fault)) return;
    // What is being kept now has its numbers already.
    await this.#stopFlushing();
    await this.#flush();
    await this.#interrupt(stored);
  }

  /** Ends a response with what it has said. */
  async #interrupt(stored: StoredResponse): Promise<void> {
    const { events, jobs, responses, clock } = this.#deps;
    const { scope, responseId } = this.#job;
    const { body, output, event } = forcedEnd(stored.body, await events.all(scope, responseId), 'incomplete');
    await this.#commit([
      jobs.finishing(this.#claim.id, this.#claim.token),
      responses.updating(scope, responseId, { status: 'incomplete', body, output, endedMs: clock.nowMs() }),
      events.appending(scope, responseId, [event]),
    ], responses.indexing(scope, responseId, output));
  }

  /** Keeps the end. An answer that is made, and paid for, is worth some waiting when the database is away. */
  async #close(turn: Turn | undefined, end: Pick<TurnEnd, 'body' | 'output'> & Partial<TurnEnd>): Promise<void> {
    const { clock } = this.#deps;
    await this.#stopFlushing();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#keepEnd(turn, end);
      } catch (thrown) {
        if (toFault(thrown).code !== 'storage_unavailable' || tries === endTriesMax || this.#abort.signal.aborted) throw thrown;
      }
      await pause(clock, endRetryMs, this.#abort.signal);
    }
  }

  /** The end, with the turn of the conversation, if that is still there, in one commit. */
  async #keepEnd(turn: Turn | undefined, end: Pick<TurnEnd, 'body' | 'output'> & Partial<TurnEnd>): Promise<void> {
    const { conversations, jobs, responses, events, clock } = this.#deps;
    const { scope, responseId } = this.#job;
    const { body, output, attempt } = end;
    const batch = this.#pending;
    const guards = [
      jobs.finishing(this.#claim.id, this.#claim.token),
      responses.updating(scope, responseId, {
        status: String(body['status']), body, output, endedMs: clock.nowMs(),
        ...(attempt === undefined ? {} : { upstreamId: attempt.offer.upstreamId }),
      }),
      ...(batch.length === 0 ? [] : [events.appending(scope, responseId, batch)]),
    ];
    const added = turn === undefined ? undefined : conversationTurn(this.#deps, turn, { body, output });
    const appending = added === undefined ? { guards: [], statements: [] } : conversations.appending(scope, added);
    const indexing = responses.indexing(scope, responseId, output);
    if (await this.#commit([...guards, ...appending.guards], [...indexing, ...appending.statements])) return;
    if (added !== undefined) await this.#commit(guards, indexing);
  }

  #take(sequenceNumber: number, json: string): void {
    const event: unknown = JSON.parse(json);
    if (isJsonObject(event)) this.#pending.push({ sequenceNumber, event });
  }

  #takePending(): ResponseEvent[] {
    const batch = this.#pending;
    this.#pending = [];
    return batch;
  }

  #flushSoon(): void {
    this.#cancelFlush ??= this.#deps.clock.after(flushMs, () => {
      this.#cancelFlush = undefined;
      this.#flushing ??= this.#flush().finally(() => {
        this.#flushing = undefined;
        if (this.#pending.length > 0 && !this.#abort.signal.aborted) this.#flushSoon();
      });
    });
  }

  /** Keeps what there is. What cannot be kept now is tried again with what comes after it. */
  async #flush(): Promise<void> {
    const { jobs, events } = this.#deps;
    const { scope, responseId } = this.#job;
    const batch = this.#takePending();
    if (batch.length === 0) return;
    try {
      const kept = await this.#commit([jobs.fenced(this.#claim.id, this.#claim.token), events.appending(scope, responseId, batch)]);
      if (!kept) this.#abort.abort();
    } catch {
      // Maybe it was kept, and only the news is lost.
      const last = await events.lastSequence(scope, responseId).catch(() => undefined);
      this.#pending = [...batch.filter(({ sequenceNumber }) => sequenceNumber > (last ?? -1)), ...this.#pending];
    }
  }

  async #stopFlushing(): Promise<void> {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    await this.#flushing;
  }

  /** False: some guard refused, and so the claim is lost. */
  async #commit(guards: readonly CompiledQuery[], statements: readonly CompiledQuery[] = []): Promise<boolean> {
    const { committed } = await this.#deps.database.commitIf(guards, statements);
    if (committed) this.#onKept(this.#job.responseId);
    return committed;
  }
}
