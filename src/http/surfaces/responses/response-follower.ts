import type { ServerResponse } from 'node:http';
import { Fault } from '../../../base/fault.ts';
import { type Log, stackOf } from '../../../base/log.ts';
import type { ResponseEvent, ResponseEventStore } from '../../../threads/response-event-store.ts';
import type { StoredResponse } from '../../../threads/stored-response.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import { eventFrame } from '../../../wire/openai-responses/event-writer.ts';
import { errorObject } from '../../../wire/openai-responses/response-error.ts';
import { streamEnd } from '../../../wire/openai-responses/stream-encode.ts';
import { EventStream } from '../../event-stream.ts';
import { idHeaders } from '../../reply-headers.ts';
import type { BackgroundDeps } from './background-job.ts';
import type { BackgroundWorker } from './background-worker.ts';

/** What another server makes is looked for so often. */
const lookMs = 500;
/** Of a stream that is read again, so many batches at a time. */
const pageBatches = 100;
const terminalTypes: ReadonlySet<unknown> = new Set(['response.completed', 'response.failed', 'response.incomplete']);

/** Whose response is followed, and from which event on. */
export interface Following {
  readonly scope: TenantScope;
  readonly response: Pick<StoredResponse, 'id' | 'endedMs' | 'generationId'>;
  /** The number of the last event that the client has; -1: none. */
  readonly startingAfter: number;
}

type FollowerDeps = Pick<BackgroundDeps, 'clock' | 'timing'> & { readonly events: Pick<ResponseEventStore, 'read' | 'lastSequence'>; readonly log: Pick<Log, 'write'> };

/** What of a Fastify reply is used here. */
interface StreamedReply {
  readonly raw: ServerResponse;
  readonly request: { readonly id: string };
  hijack(): void;
}

/**
 * Streams a background response from what is kept of it: the events after `startingAfter`, and then those that come, until its end. Its
 * making does not depend on who follows it. When the events cannot be read, the stream is cut, so that the client takes it up
 * again. Throws `invalid_request` when its events are not kept any more, or for a place that the stream has not reached.
 */
export async function followResponse(
  reply: StreamedReply,
  deps: FollowerDeps,
  worker: Pick<BackgroundWorker, 'onKept'>,
  following: Following,
): Promise<void> {
  const { id, generationId } = following.response;
  await checkPlace(deps, following);
  const { clock, timing } = deps;
  const stream = new EventStream(reply.raw, { clock, timing, headers: () => idHeaders({ requestId: reply.request.id, generationId }) });
  reply.hijack();
  const pulse = new Pulse(deps);
  const endListening = worker.onKept(id, () => pulse.beat());
  reply.raw.once('close', () => pulse.leave());
  if (reply.raw.destroyed) pulse.leave();
  stream.flow = pulse;
  try {
    stream.end(await follow(deps, stream, pulse, following));
  } catch (thrown) {
    const stack = stackOf(thrown);
    deps.log.write('warn', 'the stream of a background response was cut, since its events could not be read', { requestId: reply.request.id, ...(stack === undefined ? {} : { stack }) });
    stream.close();
    reply.raw.destroy();
  } finally {
    endListening();
  }
}

/** A client has at most the last event that is kept. */
async function checkPlace({ events }: FollowerDeps, { scope, response: { id }, startingAfter }: Following): Promise<void> {
  const last = await events.lastSequence(scope, id);
  if (last === undefined) {
    throw new Fault('invalid_request', { message: `The events of response '${id}' are not kept any more: retrieve it without stream.`, field: 'stream' });
  }
  if (startingAfter > last) {
    throw new Fault('invalid_request', { message: `Invalid 'starting_after': the last event of response '${id}' so far is ${last}.`, field: 'starting_after' });
  }
}

/** Writes what there is and what comes; returns the last words. */
async function follow({ events: store }: FollowerDeps, stream: EventStream, pulse: Pulse, { scope, response: { id, endedMs }, startingAfter }: Following): Promise<string> {
  let after = startingAfter;
  let heard = true;
  while (!pulse.left) {
    // Asked before the events are read, since they may end in between.
    const gone = !heard && (await store.lastSequence(scope, id)) === undefined;
    const events = await store.read(scope, id, after, pageBatches);
    if (gone && events.length === 0) return deletedEnd(id, after + 1);
    stream.write(events.map(sseText).join(''));
    after = events.at(-1)?.sequenceNumber ?? after;
    const over = events.some(({ event }) => terminalTypes.has(event['type']));
    if (over || (events.length === 0 && endedMs !== undefined)) return streamEnd;
    // A full page has a next one.
    heard = events.length >= pageBatches || (await pulse.next());
    await pulse.flowing();
  }
  return '';
}

function sseText({ event }: ResponseEvent): string {
  return eventFrame(String(event['type']), JSON.stringify(event));
}

/** The end of a stream whose response was deleted: it has none of its own. */
function deletedEnd(id: string, sequenceNumber: number): string {
  const error = errorObject(new Fault('not_found', { message: `Response '${id}' was deleted while it was made.` }));
  const { code, message, param } = error;
  return eventFrame('error', JSON.stringify({ type: 'error', sequence_number: sequenceNumber, code, message, param, error })) + streamEnd;
}

/** Waits until there may be more to send (something was kept here, or it is time to look) and until the client reads again. */
class Pulse {
  readonly #clock: FollowerDeps['clock'];
  #beaten = false;
  #left = false;
  #wake: () => void = () => undefined;
  #resume: () => void = () => undefined;
  #paused: Promise<void> | undefined;

  constructor({ clock }: Pick<FollowerDeps, 'clock'>) {
    this.#clock = clock;
  }

  /** The client is gone. */
  get left(): boolean {
    return this.#left;
  }

  beat(): void {
    this.#beaten = true;
    this.#wake();
  }

  leave(): void {
    this.#left = true;
    this.beat();
    this.resume();
  }

  /** False: nothing was heard, and it is time to look. */
  async next(): Promise<boolean> {
    if (!this.#beaten) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(lookMs, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
    const heard = this.#beaten;
    this.#beaten = false;
    return heard;
  }

  async flowing(): Promise<void> {
    await this.#paused;
  }

  pause(): void {
    if (this.#left) return;
    this.#paused ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume();
    this.#paused = undefined;
  }
}
