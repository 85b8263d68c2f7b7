import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { AssistantMessage, Message, SystemMessage, ToolMessage } from '../../dialogue/message.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import type { MessagesDialect } from './messages-dialect.ts';
import { messagesExtensions } from './messages-extensions.ts';
import { encodeContent } from './part-encode.ts';
import { blocksOf } from './thinking-blocks.ts';
import { inputOf } from './tool-input.ts';

/** Where messages go, and what becomes of them there. */
export interface MessageTarget {
  readonly dialect: MessagesDialect;
  /** Whose proofs of thinking are sent back. */
  readonly upstreamId: string;
  /** The model will think. */
  readonly thinks: boolean;
}

/**
 * The messages of a request: those of the system at the start as `system`, results of tools joined with what the user says behind
 * them into one message, as the protocol demands. What cannot be carried is added to `losses`.
 */
export function encodeMessages(messages: readonly Message[], target: MessageTarget, losses: Loss[]): { system?: JsonValue; messages: JsonObject[] } {
  const spoken = messages.findIndex((message) => message.role !== 'system');
  // The protocol demands one message at least.
  const start = spoken === -1 ? Math.max(0, messages.length - 1) : spoken;
  const system = encodeSystem(messages.slice(0, start).filter((message) => message.role === 'system'), target.dialect, losses);
  const writer = new MessageWriter(target, losses);
  for (let index = start; index < messages.length; index += 1) {
    const message = messages[index];
    if (message !== undefined) writer.add(message, `messages.${index}`);
  }
  return { ...(system === undefined ? {} : { system }), messages: writer.end() };
}

/** One text stays one, blocks stay blocks. */
function encodeSystem(messages: readonly SystemMessage[], dialect: MessagesDialect, losses: Loss[]): JsonValue | undefined {
  messages.forEach((message, index) => {
    declareBase(message, `messages.${index}`, losses);
    messagesExtensions.declareHomeless(message.extensions, `messages.${index}`, losses);
  });
  const only = messages.length === 1 ? messages[0]?.content : undefined;
  if (typeof only === 'string') return only === '' ? undefined : only;
  const blocks = messages.flatMap((message, index) => encodeContent(message.content, `messages.${index}`, dialect, losses));
  return blocks.length === 0 ? undefined : blocks;
}

function declareBase(message: Message, field: string, losses: Loss[]): void {
  messagesExtensions.declareForeign(message.extensions, field, losses);
  if (message.name !== undefined) losses.push({ field: `${field}.name`, reason: 'this protocol has no names of speakers' });
  if (message.role === 'system' && message.tools !== undefined) {
    losses.push({ field: `${field}.tools`, reason: 'this protocol knows no tools of messages; they are declared from the start' });
  }
}

class MessageWriter {
  readonly #target: MessageTarget;
  readonly #losses: Loss[];
  readonly #encoded: JsonObject[] = [];
  /** Results of tools that wait for what the user says beside them. */
  #results: JsonObject[] = [];

  constructor(target: MessageTarget, losses: Loss[]) {
    this.#target = target;
    this.#losses = losses;
  }

  add(message: Message, field: string): void {
    const { dialect } = this.#target;
    declareBase(message, field, this.#losses);
    switch (message.role) {
      case 'tool':
        this.#results.push(this.#result(message, field));
        return;
      case 'user': {
        const blocks = encodeContent(message.content, field, dialect, this.#losses);
        const plain = typeof message.content === 'string' && message.content !== '' && this.#results.length === 0;
        this.#user(plain ? message.content : blocks, message);
        return;
      }
      case 'system':
        this.#flush();
        this.#system(message, field);
        return;
      case 'assistant': {
        this.#flush();
        const content = this.#assistant(message, field);
        if (content.length > 0) this.#push('assistant', content, message);
        else this.#losses.push({ field, reason: 'it is empty, which this protocol does not take' });
      }
    }
  }

  end(): JsonObject[] {
    this.#flush();
    return this.#encoded;
  }

  #user(content: JsonValue, message: Message): void {
    const results = this.#results;
    this.#results = [];
    const joined = results.length > 0 && Array.isArray(content) ? [...results, ...(content as readonly JsonValue[])] : content;
    if (Array.isArray(joined) && joined.length === 0) return;
    this.#push('user', joined, message);
  }

  #push(role: string, content: JsonValue, message: Message): void {
    this.#encoded.push(messagesExtensions.joined({ role, content }, message.extensions));
  }

  #flush(): void {
    if (this.#results.length === 0) return;
    this.#encoded.push({ role: 'user', content: this.#results });
    this.#results = [];
  }

  #system(message: SystemMessage, field: string): void {
    const { dialect } = this.#target;
    const blocks = encodeContent(message.content, field, dialect, this.#losses);
    if (blocks.length === 0) return;
    if (!dialect.systemMessages) this.#losses.push({ field: `${field}.role`, reason: 'this upstream has no system messages after the start; sent as the user\'s' });
    const content = typeof message.content === 'string' ? message.content : blocks;
    this.#push(dialect.systemMessages ? 'system' : 'user', content, message);
  }

  #result(message: ToolMessage, field: string): JsonObject {
    const { dialect } = this.#target;
    const { content } = message;
    const said = typeof content === 'string' ? content : encodeContent(content, field, dialect, this.#losses);
    const fields = { type: 'tool_result', tool_use_id: message.toolCallId, content: said.length === 0 ? '' : said };
    return messagesExtensions.joined(fields, message.extensions);
  }

  #assistant(message: AssistantMessage, field: string): JsonObject[] {
    const { dialect } = this.#target;
    const { refusal, toolCalls = [], partial } = message;
    if (partial === true && !dialect.prefill) this.#losses.push({ field: `${field}.partial`, reason: 'this upstream cannot go on from a message' });
    const text = encodeContent(message.content, field, dialect, this.#losses);
    if (refusal !== undefined && refusal !== '') text.push({ type: 'text', text: refusal });
    return [...this.#thinking(message, field), ...text, ...toolCalls.map((call, index) => this.#call(call, `${field}.tool_calls.${index}`))];
  }

  /** Proofs of this same upstream go back as they came; what others thought, as a block without a signature. */
  #thinking(message: AssistantMessage, field: string): JsonObject[] {
    const { dialect, upstreamId, thinks } = this.#target;
    const { thinking, thinkingProof: proof, toolCalls = [] } = message;
    const lose = (reason: string): void => {
      this.#losses.push({ field: `${field}.thinking`, reason });
    };
    if (proof?.protocol === messagesExtensions.protocol && proof.upstreamId === upstreamId) {
      const blocks = blocksOf(proof, thinking ?? '');
      // The hidden part is in the proof, and what could be read is beside it.
      const beside = proof.hidden === true && thinking !== undefined && thinking !== '';
      return beside ? [unsigned(thinking), ...blocks] : [...blocks];
    }
    if (proof?.hidden === true) lose('only the upstream that thought it can read all of it');
    if (thinking !== undefined && thinking !== '') return [unsigned(thinking)];
    if (!thinks || !dialect.thinkingBesideCalls || toolCalls.length === 0) return thinking === '' ? [unsigned('')] : [];
    if (thinking === undefined) lose('the thinking of this turn is missing; an empty one was sent');
    return [unsigned('')];
  }

  #call(call: ToolCall, field: string): JsonObject {
    const { id, name, argumentsText } = call;
    messagesExtensions.declareForeign(call.extensions, field, this.#losses);
    return messagesExtensions.joined({ type: 'tool_use', id, name, input: inputOf(argumentsText) }, call.extensions);
  }
}

function unsigned(thinking: string): JsonObject {
  return { type: 'thinking', thinking, signature: '' };
}
