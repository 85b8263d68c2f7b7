import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { spokenText } from '../../dialogue/document-text.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { AssistantMessage, Content, Message, Part } from '../../dialogue/message.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import type { ChatDialect } from './chat-dialect.ts';
import { chatExtensions } from './chat-extensions.ts';
import { encodeTools } from './tool-encode.ts';

const reasoningDetails: ReadonlySet<string> = new Set(['reasoning_details']);

/** The messages of a request as `dialect` takes them; `thinks`: the model will. What it cannot carry is added to `losses`. */
export function encodeMessages(messages: readonly Message[], dialect: ChatDialect, thinks: boolean, losses: Loss[]): JsonObject[] {
  const encoded: JsonObject[] = [];
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index];
    if (message === undefined) continue;
    const complete = dialect.moonshotRules && thinks ? withThinking(message, index, losses) : message;
    const field = `messages.${index}`;
    chatExtensions.declareForeign(message.extensions, field, losses);
    const body = encodeMessage(complete, field, dialect, losses);
    if (body !== undefined) encoded.push(body);
  }
  return encoded;
}

/** With thinking on, Moonshot refuses tool calls beside which there is none, though it may be empty (moonshot-api.md 2.3). */
function withThinking(message: Message, index: number, losses: Loss[]): Message {
  if (message.role !== 'assistant' || message.thinking !== undefined || (message.toolCalls ?? []).length === 0) return message;
  losses.push({ field: `messages.${index}.reasoning_content`, reason: 'the thinking of this turn is missing; an empty one was sent' });
  return { ...message, thinking: '' };
}

/** Does the dialect know messages that declare tools (moonshot-api.md 2.8)? */
export function takesMessageTools(dialect: ChatDialect): boolean {
  return dialect.family === 'moonshot' || dialect.family === 'open-weights';
}

function encodeMessage(message: Message, field: string, dialect: ChatDialect, losses: Loss[]): JsonObject | undefined {
  const name: JsonObject = message.name === undefined ? {} : { name: message.name };
  switch (message.role) {
    case 'system': {
      const role = message.fromDeveloper === true && dialect.developerRole ? 'developer' : 'system';
      const content = contentField(message.content, field, dialect, losses);
      if (message.tools === undefined) return chatExtensions.joined({ role, ...content, ...name }, message.extensions);
      if (takesMessageTools(dialect)) {
        const tools = encodeTools(message.tools, `${field}.tools`, dialect, losses);
        return chatExtensions.joined({ role, ...content, ...name, tools }, message.extensions);
      }
      losses.push({ field: `${field}.tools`, reason: 'this upstream knows no tools of messages; they are declared from the start' });
      return undefined;
    }
    case 'user':
      return chatExtensions.joined({ role: 'user', ...contentField(message.content, field, dialect, losses), ...name }, message.extensions);
    case 'assistant':
      return encodeAssistant(message, field, dialect, name, losses);
    case 'tool': {
      const { toolCallId } = message;
      return chatExtensions.joined(
        { role: 'tool', tool_call_id: toolCallId, ...contentField(message.content, field, dialect, losses), ...name },
        message.extensions,
      );
    }
  }
}

function encodeAssistant(message: AssistantMessage, field: string, dialect: ChatDialect, name: JsonObject, losses: Loss[]): JsonObject {
  const { content, thinking, refusal, toolCalls } = message;
  // Moonshot and others refuse an empty text beside tool calls, and vLLM prints it into the prompt (tool-calls.md F5).
  const blank = toolCalls !== undefined && toolCalls.length > 0 && isBlank(content);
  if (message.partial === true && dialect.partial === undefined) {
    losses.push({ field: `${field}.partial`, reason: 'this upstream cannot go on from a message' });
  }
  if (message.thinkingProof?.hidden === true) {
    losses.push({ field: `${field}.reasoning_content`, reason: 'only the upstream that thought it can read all of it, and not by this protocol' });
  }
  const fields: JsonObject = {
    role: 'assistant',
    ...(blank ? {} : contentField(content, field, dialect, losses)),
    ...name,
    ...(thinking === undefined ? {} : Object.fromEntries(dialect.thinkingFields.map((each) => [each, thinking]))),
    ...(refusal === undefined ? {} : { refusal }),
    ...(toolCalls === undefined || toolCalls.length === 0 ? {} : { tool_calls: toolCalls.map((call, index) => encodeCall(call, `${field}.tool_calls.${index}`, dialect, losses)) }),
    ...(message.partial === true && dialect.partial === 'partial-field' ? { partial: true } : {}),
  };
  const takesDetails = dialect.family === 'openrouter' || dialect.family === 'openai';
  const details = message.extensions?.[chatExtensions.protocol]?.['reasoning_details'];
  if (takesDetails || details === undefined) return chatExtensions.joined(fields, message.extensions);
  // Their text has gone along as thinking. Encrypted thinking is of use to those only who wrote it.
  if (holdsMoreThanText(details)) {
    losses.push({ field: `${field}.reasoning_details`, reason: 'this upstream takes thinking as plain text only' });
  }
  return chatExtensions.joined(fields, message.extensions, reasoningDetails);
}

function holdsMoreThanText(details: JsonValue): boolean {
  if (!Array.isArray(details)) return false;
  const list = details as readonly JsonValue[];
  return list.some((detail) => isJsonObject(detail) && (detail['data'] ?? detail['signature'] ?? null) !== null);
}

function encodeCall(call: ToolCall, field: string, dialect: ChatDialect, losses: Loss[]): JsonObject {
  chatExtensions.declareForeign(call.extensions, field, losses);
  const fields: JsonObject = {
    id: call.id,
    type: call.kind === 'builtin' && dialect.builtinTools ? 'builtin_function' : 'function',
    function: { name: call.name, arguments: call.argumentsText },
  };
  return chatExtensions.joined(fields, call.extensions);
}

function isBlank(content: Content | undefined): boolean {
  if (content === undefined || content === null) return true;
  if (typeof content === 'string') return content.trim() === '';
  return content.every((part) => part.type === 'text' && part.text.trim() === '');
}

function contentField(content: Content | undefined, field: string, dialect: ChatDialect, losses: Loss[]): JsonObject {
  if (content === undefined) return {};
  if (content === null || typeof content === 'string') return { content };
  const parts: JsonObject[] = [];
  for (let index = 0; index < content.length; index += 1) {
    const part = content[index];
    if (part === undefined) continue;
    const at = `${field}.content.${index}`;
    if (part.type !== 'opaque') chatExtensions.declareForeign(part.extensions, at, losses);
    if (part.type === 'file' && !dialect.documents) {
      const text = spokenText(part);
      if (text === undefined) losses.push({ field: at, reason: 'this upstream reads no documents; send the text of it' });
      else {
        chatExtensions.declareHomeless(part.extensions, at, losses);
        parts.push({ type: 'text', text });
      }
      continue;
    }
    const body = encodePart(part);
    if (body !== undefined) parts.push(body);
    else losses.push({ field: at, reason: 'only the protocol that it came by knows this kind of content' });
  }
  // An empty list is refused where an empty text is not.
  return { content: parts.length === 0 && content.length > 0 ? '' : parts };
}

function encodePart(part: Part): JsonObject | undefined {
  switch (part.type) {
    case 'text':
      return chatExtensions.joined({ type: 'text', text: part.text }, part.extensions);
    case 'image': {
      const { url, detail } = part;
      const image = { url, ...(detail === undefined ? {} : { detail }) };
      return chatExtensions.joined({ type: 'image_url', image_url: image }, part.extensions);
    }
    case 'video':
      return chatExtensions.joined({ type: 'video_url', video_url: { url: part.url } }, part.extensions);
    case 'file': {
      const { url, filename } = part;
      const file = { file_data: url, ...(filename === undefined ? {} : { filename }) };
      return chatExtensions.joined({ type: 'file', file }, part.extensions);
    }
    case 'opaque':
      return part.protocol === chatExtensions.protocol ? part.value : undefined;
  }
}
