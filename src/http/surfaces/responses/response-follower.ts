import type { FastifyReply } from 'fastify';
import { Fault } from '../../../base/fault.ts';
import type { ResponseEvent } from '../../../threads/response-event-store.ts';
import type { StoredResponse } from '../../../threads/stored-response.ts';
import type { ThreadScope } from '../../../threads/thread-scope.ts';
import { streamEnd } from '../../../wire/openai-responses/stream-encode.ts';
import { EventStream } from '../../event-stream.ts';
import type { BackgroundDeps } from './background-job.ts';
import type { BackgroundWorker } from './background-worker.ts';

/** What another server makes is looked for so often. */
const lookMs = 500;
const terminalTypes: ReadonlySet<unknown> = new Set(['response.completed', 'response.failed', 'response.incomplete']);

/** Whose response is followed, and from which event on. */
export interface Following {
  readonly scope: ThreadScope;
  readonly response: Pick<StoredResponse, 'id' | 'endedMs'>;
  /** The number of the last event that the client has; -1: none. */
  readonly startingAfter: number;
}

/**
 * Streams a background response from what is kept of it: the events after `startingAfter`, and then those that come, until its end. Its
 * making does not depend on who follows it. Throws `invalid_request` when its events are not kept any more.
 */
export async function followResponse(
  reply: FastifyReply,
  deps: BackgroundDeps,
  worker: Pick<BackgroundWorker, 'onKept'>,
  { scope, response: { id, endedMs }, startingAfter }: Following,
): Promise<FastifyReply> {
  let events = await deps.events.read(scope, id, startingAfter);
  if (events.length === 0 && endedMs !== undefined) {
    throw new Fault('invalid_request', { message: `Response '${id}' has ended, and no events after ${startingAfter} are kept (any more): retrieve it without stream.`, field: 'starting_after' });
  }
  const { clock, timing } = deps;
  const stream = new EventStream(reply.raw, { clock, timing, headers: () => ({ 'x-request-id': reply.request.id }) });
  reply.hijack();
  const pulse = new Pulse(deps);
  const endListening = worker.onKept(id, () => pulse.beat());
  reply.raw.once('close', () => pulse.beat());
  stream.flow = pulse;
  let after = startingAfter;
  try {
    while (!reply.raw.destroyed) {
      stream.write(events.map(sseText).join(''));
      after = events.at(-1)?.sequenceNumber ?? after;
      const over = events.some(({ event }) => terminalTypes.has(event['type']));
      if (over || (events.length === 0 && (await isOver(deps, scope, id)))) return reply;
      await pulse.next();
      events = await deps.events.read(scope, id, after);
    }
    return reply;
  } finally {
    endListening();
    stream.end(streamEnd);
  }
}

/** It has ended, or is not there any more, and so nothing will come. */
async function isOver({ responses }: BackgroundDeps, scope: ThreadScope, id: string): Promise<boolean> {
  const response = await responses.get(scope, id);
  return response === undefined || response.endedMs !== undefined;
}

function sseText({ event }: ResponseEvent): string {
  return `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Waits until there may be more to send: something was kept here, or it is time to look; and until the client reads again. */
class Pulse {
  readonly #clock: BackgroundDeps['clock'];
  #beaten = false;
  #wake: () => void = () => undefined;
  #resume: () => void = () => undefined;
  #paused: Promise<void> | undefined;

  constructor({ clock }: Pick<BackgroundDeps, 'clock'>) {
    this.#clock = clock;
  }

  beat(): void {
    this.#beaten = true;
    this.#wake();
    this.#resume();
  }

  async next(): Promise<void> {
    if (!this.#beaten) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(lookMs, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#beaten = false;
    await this.#paused;
  }

  pause(): void {
    this.#paused = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume();
    this.#paused = undefined;
  }
}
