import type { JsonObject } from '../base/json.ts';
import type { Fault } from '../base/fault.ts';
import type { EventBatch } from '../dialogue/event.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { AttemptOpened, GenerationEnd } from '../gateway/gateway.ts';

/** A whole reply, and what came with it. */
export interface WholeEnd extends GenerationEnd {
  readonly reply: DialogueReply;
}

/**
 * How one protocol tells one generation to its client: all that the surfaces differ in once a request is decoded. One per request. What
 * returns a promise may keep the reply somewhere first: the last byte leaves when it has resolved.
 */
export interface ReplyWriter {
  /** Sent after a silence, to keep the connection alive: whole frames. Absent: an SSE comment. */
  readonly keepAlive?: string;
  /** The cost stands in the body, and so in no header. */
  readonly costInBody?: boolean;
  /** Headers that only this protocol has. */
  readonly headers?: Readonly<Record<string, string>>;
  /** An upstream has accepted the request. The last one counts. */
  opened?(opened: AttemptOpened): void;
  /** The text of one socket write, whole frames; empty when there is nothing to say yet. On the hot path. */
  encode(batches: readonly EventBatch[]): string;
  /** The rest of a stream that ended well. */
  finish(end: GenerationEnd): string | Promise<string>;
  /** The rest of a stream that broke after it had begun. */
  fail(fault: Fault): string | Promise<string>;
  /** The body of a reply that was not streamed. */
  whole(end: WholeEnd): JsonObject | Promise<JsonObject>;
}
