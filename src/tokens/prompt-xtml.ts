import { isJsonObject, type JsonValue } from '../base/json.ts';
import { spokenText } from '../dialogue/document-text.ts';
import type { AssistantMessage, Content, Message } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { Tool, ToolCall } from '../dialogue/tool.ts';
import { imageTokensEstimate, videoTokensEstimate } from './media-allowance.ts';
import { MarkedTextWriter } from './marked-text.ts';
import type { RenderedPrompt } from './rendered-prompt.ts';
import { sortedJson } from './sorted-json.ts';
import { toolsValue } from './tools-value.ts';

type Attributes = readonly (readonly [key: string, value: string])[];

/**
 * The prompt of K3 (moonshot-api.md 5.5): nested tags whose names and attributes are ordinary text between special
 * tokens, each attribute encoded for itself. Of the opening of the answer, Moonshot counts the message's tag and not the
 * channel's: with that, its golden count of one message (2.9) comes out.
 */
export function renderXtml(request: DialogueRequest): RenderedPrompt {
  return new XtmlPrompt(request).render();
}

class XtmlPrompt {
  readonly #request: DialogueRequest;
  readonly #thinks: boolean;
  readonly #out = new MarkedTextWriter();
  #allowance = 0;
  /** Names of the tools that the latest turn called, by call id and in order, for results without a name. */
  #called: readonly ToolCall[] = [];
  #results = 0;
  #unfinished = false;

  constructor(request: DialogueRequest) {
    this.#request = request;
    this.#thinks = request.thinking?.mode !== 'off';
  }

  render(): RenderedPrompt {
    const { tools, thinking, messages } = this.#request;
    if (tools !== undefined && tools.length > 0) {
      this.#declare(tools, '# Tools\nHere are the available tools, described in JSONSchema.');
    }
    if (this.#thinks) {
      this.#notice(
        'thinking-effort',
        '`thinking_effort` guides on how much to think in your thinking channel (not including the response channel), ' +
          'supported values include `low`, `medium`, `high`, and `max`.\n' +
          `Now the system is invoked with \`thinking_effort=${thinking?.effort ?? 'max'}\`.`,
      );
    }
    for (const message of messages) this.#message(message);
    this.#demands();
    if (!this.#unfinished) this.#openTag('message', [['role', 'assistant']]);
    return { marked: this.#out.finish(), allowanceTokens: this.#allowance, exact: false };
  }

  #openTag(tag: string, attributes: Attributes = []): void {
    this.#out.special('<|open|>').text(tag);
    for (const [key, value] of attributes) {
      const escaped = value.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
      this.#out.border().text(` ${key}="${escaped}"`);
    }
    this.#out.special('<|sep|>');
  }

  #closeTag(tag: string): void {
    this.#out.special('<|close|>').text(tag).special('<|sep|>');
  }

  #endMessage(): void {
    this.#closeTag('message');
    this.#out.special('<|end_of_msg|>');
  }

  /** A system message of the platform's own. */
  #notice(type: string, text: string): void {
    this.#openTag('message', [
      ['role', 'system'],
      ['type', type],
    ]);
    this.#out.text(text);
    this.#endMessage();
  }

  #declare(tools: readonly Tool[], heading: string): void {
    this.#notice('tool-declare', `${heading}\n\n\`\`\`json\n${sortedJson(toolsValue(tools))}\n\`\`\``);
  }

  #message(message: Message): void {
    if (message.role === 'assistant') {
      this.#assistant(message);
      return;
    }
    if (message.role === 'system' && message.tools !== undefined && message.tools.length > 0) {
      this.#declare(
        message.tools,
        '## New Tools Available\nThe system dynamically extends the toolset via lazy-loading.\n' +
          'You have access to all existing and extended tools.\nHere are the specs for the extended tools.',
      );
      return;
    }
    const attributes: [string, string][] = [['role', message.role]];
    if (message.role === 'tool') {
      const index = ++this.#results;
      const call = this.#called.find((it) => it.id === message.toolCallId) ?? this.#called[index - 1];
      attributes.push(['tool', call?.name ?? message.name ?? ''], ['index', String(index)]);
    } else if (message.name !== undefined && message.name !== '') {
      attributes.push(['name', message.name]);
    }
    this.#openTag('message', attributes);
    this.#content(message.content);
    this.#endMessage();
  }

  #assistant(message: AssistantMessage): void {
    const calls = message.toolCalls ?? [];
    this.#called = calls;
    this.#results = 0;
    this.#openTag('message', [['role', 'assistant']]);
    if (this.#thinks) {
      this.#openTag('think');
      this.#out.text(message.thinking ?? '');
      this.#closeTag('think');
    }
    this.#openTag('response');
    this.#content(message.content);
    if (message.partial === true) {
      this.#unfinished = true;
      return;
    }
    this.#closeTag('response');
    if (calls.length > 0) {
      this.#openTag('tools');
      for (const [index, call] of calls.entries()) this.#call(call, index + 1);
      this.#closeTag('tools');
    }
    this.#endMessage();
  }

  #call(call: ToolCall, index: number): void {
    this.#openTag('call', [
      ['tool', call.name],
      ['index', String(index)],
    ]);
    const values = argumentsOf(call.argumentsText);
    if (values === undefined) {
      this.#openTag('json', [['type', 'object']]);
      this.#out.text(call.argumentsText);
      this.#closeTag('json');
    } else {
      for (const [key, value] of values) {
        this.#openTag('argument', [
          ['key', key],
          ['type', typeName(value)],
        ]);
        this.#out.text(typeof value === 'string' ? value : sortedJson(value, ', ', ': '));
        this.#closeTag('argument');
      }
    }
    this.#closeTag('call');
  }

  /** What the request insists on, said at the end of the prompt. */
  #demands(): void {
    const { toolChoice, outputFormat } = this.#request;
    if (toolChoice?.type === 'required' || toolChoice?.type === 'none') {
      const demand = toolChoice.type === 'required' ? 'call tools' : 'NOT call any tools';
      const choice = `The system is invoked with \`tool_choice=${toolChoice.type}\`.`;
      this.#notice('tool-choice', `${choice}\nYou MUST ${demand} in the next message.`);
    }
    if (outputFormat === undefined || outputFormat.type === 'text') return;
    const rawOnly =
      'Your response must be raw JSON data without markdown code blocks (```json) or any additional formatting.';
    const kind = outputFormat.type === 'json' ? 'json_object' : 'json_schema';
    const schema =
      outputFormat.type === 'json'
        ? ''
        : `\nThe JSON data must match the following schema:\n\`\`\`json\n${sortedJson(outputFormat.schema)}\n\`\`\``;
    this.#notice('response-format', `The system is invoked with \`response_format=${kind}\`.\n${rawOnly}${schema}`);
  }

  #content(content: Content | undefined): void {
    if (content === undefined || content === null) return;
    if (typeof content === 'string') {
      this.#out.text(content);
      return;
    }
    for (const part of content) {
      const text = spokenText(part);
      if (text !== undefined) this.#out.border().text(text);
      else if (part.type === 'opaque') this.#out.border().text(sortedJson(part.value));
      else this.#allowance += part.type === 'image' ? imageTokensEstimate : videoTokensEstimate;
    }
  }
}

/** The arguments of a call by name, or undefined when the model wrote something else than an object. */
function argumentsOf(text: string): readonly (readonly [string, JsonValue])[] | undefined {
  if (text.trim() === '') return [];
  try {
    const value = JSON.parse(text) as JsonValue;
    return isJsonObject(value) ? Object.entries(value) : undefined;
  } catch {
    return undefined;
  }
}

function typeName(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}
