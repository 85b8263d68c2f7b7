import { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { Finish } from '../../dialogue/finish.ts';
import type { DialogueReply } from '../../dialogue/reply.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import type { Usage, UsageFlag } from '../../dialogue/usage.ts';
import { invalidReply } from '../upstream-event.ts';
import { decodeResponsesError } from './error-decode.ts';

/** Stands between the texts of two items, or two parts of a summary: glued together they could not be read. */
export const itemBreak = '\n\n';

/** Stands between what several reasoning items hold encrypted, which is base64; it goes back as so many items (`request-encode.ts`). */
export const proofBreak = '\n';

/**
 * A whole response as a reply of one choice, with the value it came from. Its reasoning, from all its items, is the choice's thinking.
 * `keepsContext`: the upstream was told to hold the conversation, and does so by the id of the response. Throws the fault of a failed
 * response, and an `upstream_invalid_reply` fault for one that is not finished or no response.
 */
export function decodeResponsesReply(value: JsonObject, upstreamId: string, keepsContext = false): DialogueReply {
  const { id, model, created_at: created, output, usage: counts } = value;
  const failure = failureOf(value);
  if (failure !== undefined) throw failure;
  if (!Array.isArray(output)) throw invalidReply('a response without output');
  const items = (output as readonly JsonValue[]).map((item) => {
    if (isJsonObject(item)) return item;
    throw invalidReply('an item that is no object');
  });
  const text = joined(items.map(messageText));
  const refusal = joined(items.map(refusalText));
  const thinking = joined(items.map(reasoningText));
  const proofs = items.map(encryptedOf).filter((encrypted) => encrypted !== undefined);
  const toolCalls = items.map(callOf).filter((call) => call !== undefined);
  const usage = decodeResponsesUsage(counts);
  return {
    id: typeof id === 'string' ? id : '',
    model: typeof model === 'string' ? model : '',
    createdS: typeof created === 'number' ? created : 0,
    ...(keepsContext && typeof id === 'string' ? { contextHandle: id } : {}),
    choices: [
      {
        ...(text === '' ? {} : { text }),
        ...(thinking === '' ? {} : { thinking }),
        ...(proofs.length === 0 ? {} : { thinkingProof: proofOf(proofs.join(proofBreak), thinking !== '', upstreamId) }),
        ...(refusal === '' ? {} : { refusal }),
        toolCalls,
        finish: decodeResponsesFinish(value, items),
      },
    ],
    ...(usage === undefined ? {} : usage === 'rejected' ? { usageRejected: true } : { usage }),
    source: { protocol: 'openai-responses', value },
  };
}

/** What a response says that failed, or was cancelled; undefined for every other. */
export function failureOf(value: JsonObject): Fault | undefined {
  const { status, error } = value;
  if (error !== undefined && error !== null) return decodeResponsesError(200, { error }).fault;
  if (status === 'failed' || status === 'cancelled') return new Fault('upstream_failed');
  return undefined;
}

/** How a finished response ended. Throws an `upstream_invalid_reply` fault for one that is still going on. */
export function decodeResponsesFinish(value: JsonObject, items: readonly JsonObject[]): Finish {
  const { status, incomplete_details: details } = value;
  if (status === 'in_progress' || status === 'queued') throw invalidReply('a response that is not finished');
  if (status !== 'incomplete') return { reason: items.some(isCall) ? 'tool-calls' : 'stop' };
  const reason = isJsonObject(details) ? details['reason'] : undefined;
  if (reason === 'max_output_tokens' || reason === 'content_filter') return { reason: reason === 'content_filter' ? 'content-filter' : 'length' };
  return typeof reason === 'string' && reason !== '' ? { reason: 'other', raw: reason } : { reason: 'other' };
}

/** Something that the client has to do and answer, whichever kind of tool it is. */
export function isCall(item: JsonObject): boolean {
  return item['type'] === 'function_call' || item['type'] === 'custom_tool_call';
}

/** The call in a `function_call` item, which stands at `position` of the output: who sends it without an id gets one by that. */
export function callOf(item: JsonObject, position: number): ToolCall | undefined {
  if (item['type'] !== 'function_call') return undefined;
  const { call_id: callId, id, name, arguments: written } = item;
  return {
    id: typeof callId === 'string' && callId !== '' ? callId : typeof id === 'string' && id !== '' ? id : `call_${position}`,
    kind: 'function',
    name: typeof name === 'string' ? name : '',
    argumentsText: typeof written === 'string' ? written : '',
  };
}

/** What a `message` item says; empty for every other. */
export function messageText(item: JsonObject): string {
  return item['type'] === 'message' ? textsOf(item['content'], 'output_text', 'text').join('') : '';
}

/** What a `message` item refuses with; empty where it does not. */
export function refusalText(item: JsonObject): string {
  return item['type'] === 'message' ? textsOf(item['content'], 'refusal', 'refusal').join('') : '';
}

/** The reasoning itself where the server shows it, else its summary: who sends both means the same by them (1.5). */
export function reasoningText(item: JsonObject): string {
  if (item['type'] !== 'reasoning') return '';
  const whole = textsOf(item['content'], 'reasoning_text', 'text').join('');
  return whole === '' ? textsOf(item['summary'], 'summary_text', 'text').join(itemBreak) : whole;
}

/** The `encrypted_content` of a reasoning item, where it has some. */
export function encryptedOf(item: JsonObject): string | undefined {
  const encrypted = item['type'] === 'reasoning' ? item['encrypted_content'] : undefined;
  return typeof encrypted === 'string' && encrypted !== '' ? encrypted : undefined;
}

/** What a reply's reasoning items hold `encrypted`, each apart from the next by `proofBreak`. `shown`: there is something to be read, too. */
export function proofOf(encrypted: string, shown: boolean, upstreamId: string): ThinkingProof {
  return { protocol: 'openai-responses', upstreamId, value: encrypted, ...(shown ? {} : { hidden: true }) };
}

function textsOf(parts: JsonValue | undefined, type: string, field: string): string[] {
  if (!Array.isArray(parts)) return [];
  const texts = (parts as readonly JsonValue[]).map((part) => (isJsonObject(part) && part['type'] === type ? part[field] : undefined));
  return texts.filter((text) => typeof text === 'string' && text !== '') as string[];
}

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(itemBreak);
}

/**
 * A `usage` object as buckets that do not overlap: `input_tokens` includes what was read from a cache and written to one (1.3).
 * Undefined when there is none; `rejected` when a figure cannot be true. What is merely odd is taken as stated, and flagged.
 */
export function decodeResponsesUsage(value: JsonValue | undefined): Usage | 'rejected' | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) return 'rejected';
  const { input_tokens: input, output_tokens: output, total_tokens: total } = value;
  if ((input ?? null) === null && (output ?? null) === null) return undefined;
  const inputDetails = detailsOf(value['input_tokens_details']);
  const cacheRead = inputDetails['cached_tokens'] ?? 0;
  const cacheWrite = inputDetails['cache_write_tokens'] ?? 0;
  const reasoning = detailsOf(value['output_tokens_details'])['reasoning_tokens'] ?? undefined;
  if (!isCount(input) || !isCount(output) || !isCount(cacheRead) || !isCount(cacheWrite)) return 'rejected';
  if (reasoning !== undefined && (!isCount(reasoning) || reasoning > output)) return 'rejected';
  if (cacheRead + cacheWrite > input || !isCount(input + output)) return 'rejected';
  const flags: UsageFlag[] = [];
  if (typeof total === 'number' && total !== input + output) flags.push('total-differs');
  if (input === 0) flags.push('prompt-empty');
  return {
    inputUncached: input - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    output,
    ...(reasoning === undefined ? {} : { reasoning }),
    estimated: value['estimated'] === true,
    ...(flags.length > 0 ? { flags } : {}),
  };
}

function detailsOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** A thousand times the largest window there is: what a reply costs must fit into 64 bits of nano-units, and sums of many too. */
const countMax = 1_000_000_000;

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= countMax;
}
