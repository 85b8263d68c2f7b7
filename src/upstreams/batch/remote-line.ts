import { Fault, toFault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { DialogueReply } from '../../dialogue/reply.ts';
import { scrubFault } from '../scrub.ts';
import type { UpstreamCall } from '../upstream.ts';
import type { ReplyCodec, WireProtocol } from '../wire-protocol.ts';

/** The one endpoint that all vendors' batches take (moonshot-api.md 1.6). */
export const batchEndpoint = '/v1/chat/completions';

export interface BatchCall extends Omit<UpstreamCall, 'generationId' | 'sandboxScript'> {
  readonly customId: string;
}

/** A call as a line of the file (responses-ark-anthropic-batch.md 4.2). Throws a fault when the request cannot be said at all. */
export function encodeBatchLine(call: BatchCall, protocol: WireProtocol): { readonly text: string; readonly lossCount: number } {
  const { customId } = call;
  const { body, losses } = protocol.encode({ ...call, generationId: customId });
  return { text: JSON.stringify({ custom_id: customId, method: 'POST', url: batchEndpoint, body }), lossCount: losses.length };
}

export interface BatchLineResult {
  readonly customId: string;
  readonly outcome: DialogueReply | Fault;
}

/** How results are read: whose, and with which codec. */
export interface BatchLineReading {
  readonly upstreamId: string;
  readonly apiKey: string | undefined;
  readonly codec: ReplyCodec;
}

/**
 * A line of an output or error file; undefined when it is none, or does not say whose result it is. A refusal has a `response` with a
 * status (4.2); `error` is what never became a call, and so could be made yet.
 */
export function decodeBatchLine(line: Uint8Array, reading: BatchLineReading): BatchLineResult | undefined {
  const value = parsed(line);
  const customId = value?.custom_id;
  if (value === undefined || typeof customId !== 'string') return undefined;
  return { customId, outcome: outcomeOf(value, reading) };
}

function outcomeOf({ response }: JsonObject, { upstreamId, apiKey, codec }: BatchLineReading): DialogueReply | Fault {
  if (!isJsonObject(response)) {
    return new Fault('upstream_failed', { message: "the upstream's batch ended without this line", upstream: upstreamId });
  }
  const status = typeof response.status_code === 'number' ? response.status_code : 200;
  const body = bodyOf(response.body);
  try {
    if (status >= 400 || body === undefined || codec.isError(body)) return scrubFault(codec.decodeError(status, body).fault, upstreamId, apiKey);
    return codec.decodeReply(body, 0);
  } catch (thrown) {
    return scrubFault(toFault(thrown), upstreamId, apiKey);
  }
}

/** Some write the body as a text that holds JSON. */
function bodyOf(body: JsonValue | undefined): JsonObject | undefined {
  const value: unknown = typeof body === 'string' ? json(body) : body;
  return isJsonObject(value) ? value : undefined;
}

function parsed(line: Uint8Array): JsonObject | undefined {
  const value = json(new TextDecoder().decode(line));
  return isJsonObject(value) ? value : undefined;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
