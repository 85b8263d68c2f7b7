import { LRUCache } from 'lru-cache';
import type { TurnEnd } from './turn-end.ts';
import type { Turn } from './open-turn.ts';
import type { ThreadContext } from './thread-context.ts';

/** What can be gone on from on one connection alone. */
export interface RecentResponse {
  readonly context: ThreadContext;
  /** About as much JSON as its history is, in characters. */
  readonly chars: number;
}

interface Held extends RecentResponse {
  readonly connectionId: string;
}

/** Of all connections together: some 64 MiB of JSON, which are about three times as much when they are objects. */
const allCharsMax = 64 * 1024 * 1024;
/** Of one connection. */
const keptStreamsMax = 16;
/** What an entry takes beside its history. */
const entryChars = 1_000;

/**
 * The last response of each stream of each WebSocket that is not stored (responses-ark-anthropic-batch.md 1.8), so that the next one can go
 * on from it. Their sum is bounded: the least used is forgotten first, and its client sends the whole again.
 */
export class RecentResponses {
  readonly #held: LRUCache<string, Held>;
  /** The id of the last response, by connection and stream, the stream that was used last at the end. */
  readonly #last = new Map<string, Map<string, string>>();
  readonly #streamsMax: number;

  constructor(charsMax: number = allCharsMax, streamsMax: number = keptStreamsMax) {
    this.#held = new LRUCache({ maxSize: charsMax, sizeCalculation: ({ chars }) => chars + entryChars });
    this.#streamsMax = streamsMax;
  }

  /** Undefined: there is none, or it is another connection's. */
  get(connectionId: string, responseId: string): RecentResponse | undefined {
    const held = this.#held.get(responseId);
    return held?.connectionId === connectionId ? held : undefined;
  }

  /** Takes the place of the one that its stream had before. */
  keep(connectionId: string, streamId: string, responseId: string, recent: RecentResponse): void {
    const streams = this.#last.get(connectionId) ?? new Map<string, string>();
    this.#last.set(connectionId, streams);
    this.#drop(streams, streamId);
    const [oldest] = streams.keys();
    if (oldest !== undefined && streams.size >= this.#streamsMax) this.#drop(streams, oldest);
    streams.set(streamId, responseId);
    this.#held.set(responseId, { ...recent, connectionId });
  }

  forget(connectionId: string, responseId: string): void {
    if (this.get(connectionId, responseId) !== undefined) this.#held.delete(responseId);
  }

  /** To be called when a connection is closed. */
  forgetAll(connectionId: string): void {
    for (const responseId of this.#last.get(connectionId)?.values() ?? []) this.#held.delete(responseId);
    this.#last.delete(connectionId);
  }

  #drop(streams: Map<string, string>, streamId: string): void {
    const responseId = streams.get(streamId);
    if (responseId !== undefined) this.#held.delete(responseId);
    streams.delete(streamId);
  }
}

/** What can be gone on from when `turn` has ended. `before`: what it went on from itself, if that was held here. */
export function recentAfter({ context, input, responseId }: Turn, { output, attempt }: TurnEnd, before: RecentResponse | undefined): RecentResponse {
  const { history, held, threadKey = responseId } = context;
  const lastUpstreamId = attempt?.offer.upstreamId ?? context.lastUpstreamId;
  return {
    context: { previousId: responseId, history: [...history, ...input, ...output], held, threadKey, ...(lastUpstreamId === undefined ? {} : { lastUpstreamId }) },
    chars: (before?.chars ?? JSON.stringify(history).length) + JSON.stringify(input).length + JSON.stringify(output).length,
  };
}
