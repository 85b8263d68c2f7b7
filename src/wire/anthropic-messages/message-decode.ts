import type { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { Message, Part, ToolMessage } from '../../dialogue/message.ts';
import { AssistantDraft } from './assistant-draft.ts';
import { CallLedger } from './call-ledger.ts';
import type { MessageScene } from './message-scene.ts';
import { messagesExtensions } from './messages-extensions.ts';
import { invalidRequest, type MessagesMessageBody, messageFields } from './messages-request-schema.ts';
import { decodeContent, decodeParts, requiredText } from './part-decode.ts';

const resultFields: ReadonlySet<string> = new Set(['type', 'tool_use_id', 'content']);
/** `is_error: false` says nothing, and would be declared as lost by every other protocol. */
const successFields: ReadonlySet<string> = new Set([...resultFields, 'is_error']);

/**
 * The messages of a request. Results of tools come to stand right behind the turn that called them, as every other protocol has it,
 * whatever else was said in the same message or before it. Consecutive messages of the assistant are one turn where the first cannot
 * stand alone: it calls tools, whose results must follow, or only thinks. Throws `invalid_request` faults in Anthropic's words.
 */
export function decodeMessages(messages: readonly MessagesMessageBody[], scene: MessageScene): Message[] {
  const reader = new MessageReader(scene);
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index];
    if (message !== undefined) reader.add(message, index);
  }
  return reader.end();
}

class MessageReader {
  readonly #scene: MessageScene;
  readonly #ledger = new CallLedger();
  readonly #messages: Message[] = [];
  #draft: AssistantDraft | undefined;
  /** Where the next result of a tool goes. */
  #resultsAt = 0;

  constructor(scene: MessageScene) {
    this.#scene = scene;
  }

  add(message: MessagesMessageBody, index: number): void {
    const field = `messages.${index}`;
    switch (message.role) {
      case 'assistant':
        this.#assistant(message, index);
        return;
      case 'system':
        this.#closeDraft();
        this.#messages.push({ role: 'system', content: decodeContent(message.content, `${field}.content`), ...messagesExtensions.of(message, messageFields) });
        return;
      case 'user':
        this.#closeDraft();
        this.#user(message, field);
    }
  }

  /** All of them. The assistant's last message, if it comes last, is to be gone on from. */
  end(): Message[] {
    const last = this.#draft;
    this.#closeDraft();
    this.#ledger.settle();
    const message = this.#messages.at(-1);
    // Nothing but empty turns of the assistant, which are left out.
    if (message === undefined) throw invalidRequest('messages', 'at least one message is required');
    if (last !== undefined && message.role === 'assistant') this.#messages[this.#messages.length - 1] = { ...message, partial: true };
    return this.#messages;
  }

  #assistant(message: MessagesMessageBody, index: number): void {
    if (this.#draft?.isComplete === true) this.#closeDraft();
    if (this.#draft === undefined) {
      this.#ledger.settle();
      this.#draft = new AssistantDraft(this.#scene, this.#ledger);
    }
    this.#draft.add(message, index);
  }

  #closeDraft(): void {
    if (this.#draft === undefined) return;
    const message = this.#draft.message();
    this.#draft = undefined;
    if (message === undefined) return;
    this.#messages.push(message);
    this.#resultsAt = this.#messages.length;
  }

  #user(message: MessagesMessageBody, field: string): void {
    const { content } = message;
    const extensions = messagesExtensions.of(message, messageFields);
    if (content.length === 0) throw saysNothing(field);
    if (typeof content === 'string') {
      this.#messages.push({ role: 'user', content, ...extensions });
      return;
    }
    const parts: Part[] = [];
    let hasResults = false;
    for (let index = 0; index < content.length; index += 1) {
      const value: unknown = content[index];
      const at = `${field}.content.${index}`;
      if (isJsonObject(value) && value['type'] === 'tool_result') {
        this.#result(value, at);
        hasResults = true;
      } else for (const part of this.#userParts(value, at)) parts.push(part);
    }
    if (parts.length > 0) this.#messages.push({ role: 'user', content: parts, ...extensions });
    else if (!hasResults) throw saysNothing(field);
  }

  #userParts(value: unknown, field: string): Part[] {
    const citations = isJsonObject(value) && value['type'] === 'text' ? value['citations'] : undefined;
    if (this.#scene.version === '2026-10-21' && Array.isArray(citations) && citations.length > 0) {
      throw invalidRequest(`${field}.text.citations`, 'Extra inputs are not permitted');
    }
    return decodeParts(value, field);
  }

  #result(block: JsonObject, field: string): void {
    const toolCallId = requiredText(block, 'tool_use_id', `${field}.tool_result`);
    this.#ledger.answer(toolCallId, field);
    const { content, is_error: isError } = block;
    const message: ToolMessage = {
      role: 'tool',
      toolCallId,
      content: resultContent(content, `${field}.tool_result.content`),
      ...messagesExtensions.of(block, isError === true ? resultFields : successFields),
    };
    this.#messages.splice(this.#resultsAt, 0, message);
    this.#resultsAt += 1;
  }
}

/** A call may have nothing to say: no content is an empty one. */
function resultContent(content: JsonValue | undefined, field: string): string | Part[] {
  if (content === undefined || content === null || typeof content === 'string') return content ?? '';
  if (!Array.isArray(content)) throw invalidRequest(field, 'Input should be a valid string or a valid list');
  return (content as readonly JsonValue[]).flatMap((each, index) => decodeParts(each, `${field}.${index}`));
}

function saysNothing(field: string): Fault {
  return invalidRequest(field, 'user messages must have non-empty content');
}
