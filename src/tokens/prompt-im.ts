import { spokenText } from '../dialogue/document-text.ts';
import type { Content, Message } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { Tool, ToolCall } from '../dialogue/tool.ts';
import { imageTokensEstimate, videoTokensEstimate } from './media-allowance.ts';
import { MarkedTextWriter } from './marked-text.ts';
import type { PromptTemplate } from './prompt-template.ts';
import type { RenderedPrompt } from './rendered-prompt.ts';
import { sortedJson } from './sorted-json.ts';
import { declareTools } from './tool-declaration.ts';
import { toolsValue } from './tools-value.ts';

/** The prompt of K2, K2-Thinking and K2.5 to K2.7 (moonshot-api.md 5.1). */
export function renderIm(request: DialogueRequest, template: PromptTemplate): RenderedPrompt {
  return new ImPrompt(request, template).render();
}

const nameAndIndex = /^[^:]+:\d+$/;

class ImPrompt {
  readonly #request: DialogueRequest;
  readonly #template: PromptTemplate;
  readonly #out = new MarkedTextWriter();
  #allowance = 0;
  #exact: boolean;

  constructor(request: DialogueRequest, template: PromptTemplate) {
    this.#request = request;
    this.#template = template;
    this.#exact = template.exact;
  }

  render(): RenderedPrompt {
    const { messages, tools, outputFormat } = this.#request;
    if (tools !== undefined && tools.length > 0) this.#tools(tools);
    const systemDefault = this.#template.systemDefault;
    if (systemDefault !== undefined && messages[0]?.role !== 'system') {
      this.#open('<|im_system|>', 'system').text(systemDefault).special('<|im_end|>');
    }
    const thinkingFrom = this.#thinkingFrom();
    for (const [index, message] of messages.entries()) this.#message(message, index >= thinkingFrom);
    if (outputFormat !== undefined && outputFormat.type !== 'text') {
      // Whether and how a server tells the model of the format is not public. What it would have to say is the schema.
      this.#exact = false;
      if (outputFormat.type === 'json-schema') {
        this.#open('<|im_system|>', 'system').text(sortedJson(outputFormat.schema)).special('<|im_end|>');
      }
    }
    const last = messages.at(-1);
    if (last?.role !== 'assistant' || last.partial !== true) this.#generation();
    return { marked: this.#out.finish(), allowanceTokens: this.#allowance, exact: this.#exact };
  }

  /** The first message whose thinking is in the prompt. */
  #thinkingFrom(): number {
    const { messages, thinking } = this.#request;
    const rule = this.#template.thinking;
    if (rule === 'always' || (rule === 'kept-on-demand' && thinking?.keep === 'all')) return 0;
    return messages.findLastIndex((it) => it.role === 'assistant' && (it.toolCalls ?? []).length === 0) + 1;
  }

  #open(role: string, name: string): MarkedTextWriter {
    return this.#out.special(role).text(name).special('<|im_middle|>');
  }

  #tools(tools: readonly Tool[]): void {
    const declared = this.#template.tools === 'typescript' ? declareTools(tools) : undefined;
    if (tools.some((tool) => tool.kind !== 'function')) this.#exact = false;
    const text = declared ?? sortedJson(toolsValue(tools));
    this.#open('<|im_system|>', 'tool_declare').text(text).special('<|im_end|>');
  }

  #message(message: Message, withThinking: boolean): void {
    const out = this.#out;
    switch (message.role) {
      case 'system':
        if (message.tools !== undefined && message.tools.length > 0) {
          // Only K3 knows tools that come later; how others are served them is not public.
          this.#exact = false;
          this.#tools(message.tools);
          if (message.content === undefined) return;
        }
        this.#open('<|im_system|>', message.name || 'system');
        this.#content(message.content);
        break;
      case 'user':
        this.#open('<|im_user|>', message.name || 'user');
        this.#content(message.content);
        break;
      case 'tool':
        this.#open('<|im_system|>', message.name || 'tool');
        out.text(`## Return of ${this.#printedId(message.toolCallId)}\n`);
        this.#content(message.content);
        break;
      case 'assistant': {
        this.#open('<|im_assistant|>', message.name || 'assistant');
        if (this.#template.thinking !== 'never') {
          out.special('<think>');
          if (withThinking) out.text(message.thinking ?? '');
          out.special('</think>');
        }
        this.#content(message.content);
        if (message.partial === true) {
          this.#exact = false;
          return;
        }
        this.#calls(message.toolCalls ?? []);
        break;
      }
    }
    out.special('<|im_end|>');
  }

  /**
   * The id of a call as the prompt has it. The models are trained on `functions.name:index`; Moonshot puts the
   * `functions.` before an id of the form `name:index`, as the prompt_tokens of recorded exchanges show. What it makes of
   * ids of another form is not known.
   */
  #printedId(id: string): string {
    if (id.startsWith('functions.')) return id;
    if (nameAndIndex.test(id)) return `functions.${id}`;
    this.#exact = false;
    return id;
  }

  #calls(calls: readonly ToolCall[]): void {
    if (calls.length === 0) return;
    const out = this.#out.special('<|tool_calls_section_begin|>');
    for (const call of calls) {
      out.special('<|tool_call_begin|>').text(this.#printedId(call.id)).special('<|tool_call_argument_begin|>');
      out.text(call.argumentsText).special('<|tool_call_end|>');
    }
    out.special('<|tool_calls_section_end|>');
  }

  #content(content: Content | undefined): void {
    if (content === undefined || content === null) return;
    if (typeof content === 'string') {
      this.#out.text(content);
      return;
    }
    for (const part of content) {
      const text = spokenText(part);
      // A document that some upstream reads itself counts there as that upstream sees it.
      this.#exact &&= part.type === 'text';
      if (text !== undefined) {
        this.#out.text(text);
        continue;
      }
      if (part.type === 'opaque') this.#out.text(sortedJson(part.value));
      else this.#media(part.type, part.type === 'image' ? imageTokensEstimate : videoTokensEstimate);
    }
  }

  #media(kind: string, tokens: number): void {
    this.#out.special('<|media_begin|>').text(kind).special('<|media_content|>').special('<|media_end|>');
    this.#allowance += tokens;
  }

  #generation(): void {
    this.#open('<|im_assistant|>', 'assistant');
    if (!this.#template.opensThinking) return;
    this.#out.special('<think>');
    if (this.#request.thinking?.mode === 'off') this.#out.special('</think>');
  }
}
