import { isJsonObject, type JsonValue } from '../../base/json.ts';
import type { AssistantMessage, Content, Message, Part } from '../../dialogue/message.ts';
import { storedFileUrl } from '../../dialogue/stored-file-url.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import { chatExtensions } from './chat-extensions.ts';
import {
  type ChatCallBody, type ChatMessageBody, type ChatPartBody, invalidRequest, invalidRequestAt, messageFields,
} from './chat-request-schema.ts';
import { thinkingText } from './thinking-text.ts';
import { decodeTools, type ToolNames } from './tool-decode.ts';

const textPartFields: ReadonlySet<string> = new Set(['type', 'text']);
const imagePartFields: ReadonlySet<string> = new Set(['type', 'image_url']);
const videoPartFields: ReadonlySet<string> = new Set(['type', 'video_url']);
const filePartFields: ReadonlySet<string> = new Set(['type', 'file']);
const fileFields: ReadonlySet<string> = new Set(['file_data', 'filename']);
const storedFileFields: ReadonlySet<string> = new Set([...fileFields, 'file_id']);
const imageFields: ReadonlySet<string> = new Set(['url', 'detail']);
const videoFields: ReadonlySet<string> = new Set(['url']);
/** `index` is what some replies carry (OpenRouter); it means nothing in a request. */
const callFields: ReadonlySet<string> = new Set(['id', 'type', 'function', 'index']);
const calledFields: ReadonlySet<string> = new Set(['name', 'arguments']);

/**
 * The messages of a request, with the bookkeeping that Moonshot does: results must belong to calls, calls must have results.
 * Tools that messages declare (moonshot-api.md 2.8) are added to `toolNames`. Throws `invalid_request` faults in Moonshot's
 * words (3.2).
 */
export function decodeMessages(messages: readonly ChatMessageBody[], toolNames: ToolNames): Message[] {
  const ledger = new CallLedger();
  const decoded = messages.map((message, index) => decodeMessage(message, index, ledger, toolNames));
  ledger.settle(messages.length - 1);
  return decoded;
}

/** Which calls have been made and which of them still wait for their result. */
class CallLedger {
  readonly #made = new Map<string, string>();
  readonly #waiting = new Map<string, string>();
  #count = 0;

  make(call: ToolCall): void {
    this.#made.set(call.id, call.name);
    this.#waiting.set(call.id, call.name);
    this.#count += 1;
  }

  /** An id for a call from before calls had ids, in the form in which K2 writes its own: `functions.name:index`. */
  nextId(name: string): string {
    return `functions.${name}:${this.#count}`;
  }

  answer(id: string, index: number): void {
    if (!this.#made.has(id)) throw invalidRequestAt(`messages.${index}.tool_call_id`, `tool_call_id ${shortened(id)} is not found`);
    this.#waiting.delete(id);
  }

  /** The waiting call of the function `name`, which is how results were assigned before calls had ids. */
  answerByName(name: string, index: number): string {
    for (const [id, waiting] of this.#waiting) {
      if (waiting !== name) continue;
      this.#waiting.delete(id);
      return id;
    }
    throw invalidRequestAt(`messages.${index}.name`, `function ${shortened(name)} has not been called`);
  }

  /** To be called before anything but a result: throws when a call has none. `index` is that of the message before. */
  settle(index: number): void {
    if (this.#waiting.size === 0) return;
    throw invalidRequestAt(
      `messages.${index}`,
      "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
        `The following tool_call_ids did not have response messages: ${[...this.#waiting.keys()].slice(0, 16).map(shortened).join(', ')}`,
    );
  }
}

/** Ids and names are the caller's to choose, but not how long our answer is. */
function shortened(text: string): string {
  return text.length <= 128 ? text : `${text.slice(0, 128).toWellFormed()}…`;
}

function decodeMessage(message: ChatMessageBody, index: number, ledger: CallLedger, toolNames: ToolNames): Message {
  const field = `messages.${index}`;
  if (message.role !== 'tool' && message.role !== 'function') ledger.settle(index - 1);
  if (message.tools !== undefined && message.tools !== null && message.role !== 'system' && message.role !== 'developer') {
    throw invalidRequest(`${field}.tools`, 'only a system message may declare tools');
  }
  const base = {
    ...(typeof message.name === 'string' ? { name: message.name } : {}),
    ...chatExtensions.of(message, messageFields),
  };
  switch (message.role) {
    case 'system':
    case 'developer':
      return decodeSystem(message, field, base, toolNames);
    case 'user':
      return { role: 'user', content: requiredContent(message, field), ...base };
    case 'assistant':
      return decodeAssistant(message, field, base, ledger);
    case 'tool': {
      const toolCallId = message.tool_call_id ?? '';
      ledger.answer(toolCallId, index);
      return { role: 'tool', toolCallId, content: requiredContent(message, field), ...base };
    }
    case 'function': {
      if (typeof message.name !== 'string') throw invalidRequest(`${field}.name`, 'a function message needs the name of its function');
      const toolCallId = ledger.answerByName(message.name, index);
      return { role: 'tool', toolCallId, content: requiredContent(message, field), ...base };
    }
  }
}

type MessageBase = Pick<AssistantMessage, 'name' | 'extensions'>;

function decodeSystem(message: ChatMessageBody, field: string, base: MessageBase, toolNames: ToolNames): Message {
  const fromDeveloper = message.role === 'developer' ? { fromDeveloper: true as const } : {};
  if (message.tools === undefined || message.tools === null) {
    return { role: 'system', content: requiredContent(message, field), ...fromDeveloper, ...base };
  }
  const { content } = message;
  if (content !== undefined && content !== null && content.length > 0) {
    throw invalidRequest(`${field}.content`, 'must be empty in a message that declares tools');
  }
  const tools = decodeTools(message.tools, `${field}.tools`, toolNames);
  const empty = content === undefined ? {} : { content: typeof content === 'string' ? '' : null };
  return { role: 'system', ...empty, tools, ...fromDeveloper, ...base };
}

function decodeAssistant(message: ChatMessageBody, field: string, base: MessageBase, ledger: CallLedger): Message {
  const { content } = message;
  const thinking = thinkingOf(message);
  const toolCalls = decodeCalls(message, ledger);
  const refusal = message.refusal ?? undefined;
  const complete = toolCalls.length > 0 || message.partial === true || refusal !== undefined || (thinking ?? '') !== '';
  if ((content === undefined || content === null) && !complete) {
    throw invalidRequest(`${field}.content`, 'must not be empty in an assistant message without tool_calls');
  }
  return {
    role: 'assistant',
    ...(content === undefined ? {} : { content: content === null ? null : decodeContent(content, field) }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(message.partial === true ? { partial: true } : {}),
    ...base,
  };
}

/** `reasoning_content`, also when it is empty; else `reasoning`, else the texts of `reasoning_details`. */
function thinkingOf(message: ChatMessageBody): string | undefined {
  if (typeof message.reasoning_content === 'string') return message.reasoning_content;
  const value: unknown = message;
  return isJsonObject(value) ? thinkingText(value) : undefined;
}

function decodeCalls(message: ChatMessageBody, ledger: CallLedger): ToolCall[] {
  const calls = (message.tool_calls ?? []).map(decodeCall);
  const legacy = message.function_call;
  if (calls.length === 0 && legacy !== undefined && legacy !== null) {
    const { name } = legacy;
    calls.push({ id: ledger.nextId(name), kind: 'function', name, argumentsText: legacy.arguments ?? '{}' });
  }
  for (const call of calls) ledger.make(call);
  return calls;
}

function decodeCall(call: ChatCallBody): ToolCall {
  const { name, arguments: written } = call.function;
  return {
    id: call.id,
    kind: call.type === 'builtin_function' ? 'builtin' : 'function',
    name,
    argumentsText: written ?? '{}',
    ...chatExtensions.of(call, callFields, { function: chatExtensions.unknownIn(call.function, calledFields) }),
  };
}

function requiredContent(message: ChatMessageBody, field: string): Content {
  const { content } = message;
  if (content === undefined || content === null) throw invalidRequest(`${field}.content`, 'must not be empty');
  // Only of the caller's own words: results of tools are often empty, and K3 declares tools beside an empty text (2.1, 2.8).
  if (message.role === 'user' && content.length === 0) {
    throw invalidRequest(`${field}.content`, 'must not be empty');
  }
  return decodeContent(content, field);
}

function decodeContent(content: string | readonly ChatPartBody[], field: string): Content {
  return typeof content === 'string' ? content : content.map((part, index) => decodePart(part, `${field}.content.${index}`));
}

/** One content part (moonshot-api.md 2.1). The URL of an image or a video may stand in an object or by itself. */
function decodePart(part: ChatPartBody, field: string): Part {
  switch (part.type) {
    case 'text': {
      const text = part['text'];
      if (typeof text !== 'string') throw invalidRequest(`${field}.text`, 'expected a string');
      return { type: 'text', text, ...chatExtensions.of(part, textPartFields) };
    }
    case 'image_url': {
      const image = part['image_url'];
      const { url, detail } = mediaOf(image, `${field}.image_url`);
      return {
        type: 'image',
        url,
        ...(detail === undefined ? {} : { detail }),
        ...chatExtensions.of(part, imagePartFields, { image_url: chatExtensions.unknownIn(image, imageFields) }),
      };
    }
    case 'video_url': {
      const video = part['video_url'];
      const { url } = mediaOf(video, `${field}.video_url`);
      return { type: 'video', url, ...chatExtensions.of(part, videoPartFields, { video_url: chatExtensions.unknownIn(video, videoFields) }) };
    }
    case 'file': {
      const { file } = part;
      if (!isJsonObject(file)) throw invalidRequest(`${field}.file`, 'expected an object with file_id, or with filename and file_data');
      const { file_id: id } = file;
      const stored = typeof id === 'string' && id !== '' ? storedFileUrl(id) : undefined;
      const url: unknown = stored ?? file['file_data'];
      if (typeof url !== 'string' || url === '') throw invalidRequest(`${field}.file`, 'expected file_id, the id of an uploaded file, or file_data, the file as base64');
      const filename: unknown = file['filename'];
      return {
        type: 'file',
        url,
        ...(typeof filename === 'string' ? { filename } : {}),
        ...chatExtensions.of(part, filePartFields, { file: chatExtensions.unknownIn(file, stored === undefined ? fileFields : storedFileFields) }),
      };
    }
    default:
      return opaque(part, field);
  }
}

function opaque(part: ChatPartBody, field: string): Part {
  const value: unknown = part;
  if (!isJsonObject(value)) throw invalidRequest(field, 'expected an object');
  return { type: 'opaque', protocol: chatExtensions.protocol, value };
}

function mediaOf(media: unknown, field: string): { url: string; detail?: string } {
  const url: unknown = isJsonObject(media) ? media['url'] : media;
  if (typeof url !== 'string' || url === '') throw invalidRequest(`${field}.url`, 'expected a URL');
  const detail: JsonValue | undefined = isJsonObject(media) ? media['detail'] : undefined;
  if (detail !== undefined && detail !== null && typeof detail !== 'string') {
    throw invalidRequest(`${field}.detail`, 'expected a string');
  }
  return { url, ...(typeof detail === 'string' ? { detail } : {}) };
}
