import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { invalidRequest, schemaFault } from './responses-fault.ts';

/** What a client says over a WebSocket (responses-ark-anthropic-batch.md 1.8; openai 7.57, `ResponsesClientEvent`). */
export type SocketEvent = SocketCreate | SocketSteer;

/** `response.create`. */
export interface SocketCreate {
  readonly type: 'response.create';
  /** Those with the same name are answered one after another. */
  readonly streamId?: string;
  /** False: the request is only to be prepared, to be gone on from. */
  readonly generate: boolean;
  readonly previousResponseId?: string;
  /** The body that the same request would have as a POST with `stream`. Not checked. */
  readonly body: JsonObject;
}

/** `response.steer`: more input for a response that is under way. */
export interface SocketSteer {
  readonly type: 'response.steer';
  readonly previousResponseId: string;
  readonly input: JsonValue;
}

const streamId = z.string().max(256).regex(/^[A-Za-z0-9_.-]+$/, { error: 'expected letters, digits, underscores, dots and hyphens' });

const kind = z.looseObject({ type: z.enum(['response.create', 'response.steer']) });
const create = z.looseObject({ stream_id: streamId.nullish(), generate: z.boolean().nullish(), stream: z.boolean().nullish(), background: z.boolean().nullish() });
const steer = z.looseObject({ previous_response_id: z.string().min(1), input: z.union([z.string(), z.array(z.unknown())], { error: 'a string or an array of messages' }) });

/** Throws `invalid_request` for what is no event, or holds what has no place here. */
export function parseSocketEvent(value: unknown): SocketEvent {
  const known = kind.safeParse(value);
  if (!known.success) throw schemaFault(known.error.issues[0], value);
  if (known.data.type === 'response.steer') {
    const result = steer.safeParse(value);
    if (!result.success) throw schemaFault(result.error.issues[0], value);
    const { input = null } = isJsonObject(value) ? value : {};
    return { type: 'response.steer', previousResponseId: result.data.previous_response_id, input };
  }
  const result = create.safeParse(value);
  if (!result.success) throw schemaFault(result.error.issues[0], value);
  const { type: _type, stream_id: ownStreamId, generate, stream, background, ...body } = result.data;
  // OpenAI's types say that it should not be sent; Codex and the Agents SDK send `true`.
  if (stream === false) throw invalidRequest('stream', "Invalid value: 'false'. Over a WebSocket every response is streamed: leave out 'stream'.");
  if (background === true) throw invalidRequest('background', "'background' is not supported over a WebSocket: leave it out, or send the request to POST /v1/responses.");
  const previous = body['previous_response_id'];
  return {
    type: 'response.create',
    ...(typeof ownStreamId === 'string' ? { streamId: ownStreamId } : {}),
    generate: generate ?? true,
    ...(typeof previous === 'string' ? { previousResponseId: previous } : {}),
    body: { ...body, stream: true },
  };
}

/** The stream that an event means which may be wrong in every other way: an error is to be told there. */
export function streamIdOf(value: unknown): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const result = streamId.safeParse(value['stream_id']);
  return result.success ? result.data : undefined;
}

/** The answer to `steer` where nothing can be steered: its input is given back, to be sent with a new response. */
export function encodeSteerFailed({ previousResponseId, input }: SocketSteer): JsonObject {
  return {
    type: 'response.steer.failed',
    sequence_number: 0,
    steer: { previous_response_id: previousResponseId, input },
    error: {
      type: 'invalid_request_error',
      code: 'steering_not_supported',
      message: 'No upstream takes more input while it answers: wait for the response to end, and send the input with the next response.create.',
    },
  };
}
