import type { JsonObject, JsonValue } from '../base/json.ts';
import type { Fault } from '../base/fault.ts';
import type { EventBatch } from '../dialogue/event.ts';
import type { Loss } from '../dialogue/extensions.ts';
import type { Protocol } from '../dialogue/protocol.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { UpstreamCall } from './upstream.ts';

/** A stream of a protocol, read one event's data at a time. */
export interface StreamDecoder {
  /** The events of one event's data. Throws an `upstream_invalid_reply` fault for what is none of the protocol. */
  push(payload: string): EventBatch;
  /** The protocol's own sign has come that nothing more follows. Some servers omit it. */
  readonly ended: boolean;
}

/** How the replies of a protocol are read, streamed and whole, and what stands in their place. */
export interface ReplyCodec {
  /** `nowS`: when it began, unix seconds, for protocols that do not say. */
  newStreamDecoder(nowS: number): StreamDecoder;
  /** Throws the fault that the reply holds in place of an answer, or an `upstream_invalid_reply` fault. */
  decodeReply(value: JsonObject, nowS: number): DialogueReply;
  /** Is this body an error, whatever the status? */
  isError(value: JsonObject): boolean;
  decodeError(status: number, body: JsonValue | undefined, retryAfterMs?: number): DecodedError;
}

export interface DecodedError {
  readonly fault: Fault;
  /** The upstream does not hold what the request goes on from. */
  readonly previousLost?: true;
}

export interface EncodedRequest {
  readonly body: JsonObject;
  readonly losses: readonly Loss[];
  /** How many of the request's first messages were left out, as the upstream holds them; absent: all were sent. */
  readonly heldMessageCount?: number;
  /** The upstream was told to hold the conversation. */
  readonly keepsContext?: true;
}

/** A protocol as one upstream speaks it: its codec, with that upstream's dialect. */
export interface WireProtocol {
  readonly protocol: Protocol;
  /** Below the base URL: `/chat/completions`. */
  readonly path: string;
  /** Holds conversations when it is told to, so that what is held need not be sent. */
  readonly contextCache: boolean;
  /** Reads documents itself; elsewhere their text is sent. */
  readonly documents: boolean;
  /** Headers beside those of every request, by the upstream's key: name, value, name, value. */
  headers(apiKey: string | undefined): readonly string[];
  /** Throws a fault when the request cannot be said at all. */
  encode(call: UpstreamCall): EncodedRequest;
  /** For the reply to that request. */
  replies(encoded: EncodedRequest): ReplyCodec;
}

/** What an encoder needs to know of a call beside its request. Absent stays absent. */
export function targetOf(call: UpstreamCall) {
  const { upstreamModel, outputTokensMax, outputTokensDefault, modelRules = {} } = call;
  const { thinking, sampling, toolChoice } = modelRules;
  return {
    model: upstreamModel,
    ...(outputTokensMax === undefined ? {} : { outputTokensMax }),
    ...(outputTokensDefault === undefined ? {} : { outputTokensDefault }),
    ...(thinking === undefined ? {} : { thinkingRule: thinking }),
    ...(sampling === undefined ? {} : { samplingRule: sampling }),
    ...(toolChoice === undefined ? {} : { toolChoiceRule: toolChoice }),
  };
}

/** The key as most take it; none: no header. */
export function bearer(apiKey: string | undefined): readonly string[] {
  return apiKey === undefined ? [] : ['authorization', `Bearer ${apiKey}`];
}
