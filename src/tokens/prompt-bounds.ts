import { spokenText } from '../dialogue/document-text.ts';
import type { Content, Message } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { Tool, ToolCall } from '../dialogue/tool.ts';
import { imageTokensMax, videoTokensEstimate } from './media-allowance.ts';
import { templateOf, type PromptTemplate } from './prompt-template.ts';
import { sortedJson } from './sorted-json.ts';
import { declareTools } from './tool-declaration.ts';
import { toolsValue } from './tools-value.ts';

/** Bytes of the longest token of K2's vocabulary (256 blanks); no special token is longer. */
export const k2TokenBytesMax = 256;

/**
 * What a template adds, at most, in tokens (at a byte each for its words, 1 for each special token): to a prompt (default
 * system message or effort notice, headings, demands, opening of the answer), to a message, to a tool call.
 */
const promptOverhead = { im: 96, xtml: 1024 } as const;
const messageOverhead = 112;
const callOverhead = 96;
/** K3 wraps each argument of a call in a tag of its own. */
const argumentOverhead = 64;

/**
 * At most how many prompt tokens `request` has at `modelId`, without counting: every token has at least one byte, so it
 * is the bytes of all text plus what the template adds. Costs one pass over the text. Holds for any text and tools;
 * images are taken at the most that they can cost, videos at an allowance (see `media-allowance.ts`).
 */
export function promptUpperBound(request: DialogueRequest, modelId: string): number {
  const template = templateOf(modelId);
  const imageTokens = template.form === 'xtml' ? imageTokensMax.xtml : imageTokensMax.im;
  let tokens: number = promptOverhead[template.form];
  if (request.tools !== undefined && request.tools.length > 0) tokens += toolsUpperBound(request.tools, template);
  if (request.outputFormat?.type === 'json-schema') tokens += Buffer.byteLength(sortedJson(request.outputFormat.schema));
  if (request.thinking?.effort !== undefined) tokens += Buffer.byteLength(request.thinking.effort);
  for (const message of request.messages) tokens += messageUpperBound(message, template, imageTokens);
  return tokens;
}

/**
 * At least how many prompt tokens `request` has at any model with K2's vocabulary, without counting: no token has more
 * than 256 bytes. Weak (some 60 times below the truth for prose) but certain: it takes only text that every template has
 * in the prompt, message by message, since no token reaches from one to the next.
 */
export function promptLowerBound(request: DialogueRequest): number {
  let tokens = 0;
  for (const message of request.messages) {
    if (message.role === 'system' && message.tools !== undefined) continue;
    let bytes = 0;
    if (typeof message.content === 'string') bytes = Buffer.byteLength(message.content);
    else for (const part of message.content ?? []) if (part.type === 'text') bytes += Buffer.byteLength(part.text);
    tokens += Math.ceil(bytes / k2TokenBytesMax);
  }
  return tokens;
}

/** At most how many tokens `text` has: its bytes in UTF-8. */
export function textUpperBound(text: string): number {
  return Buffer.byteLength(text);
}

function toolsUpperBound(tools: readonly Tool[], template: PromptTemplate): number {
  const json = Buffer.byteLength(JSON.stringify(toolsValue(tools))) + messageOverhead;
  if (template.tools === 'json' && template.exact) return json;
  // A model that is not known may be any, and K3 has the JSON too; only the declaration itself tells how long it is.
  if (template.form === 'xtml') return json;
  const declared = declareTools(tools);
  return declared === undefined ? json : Math.max(json, Buffer.byteLength(declared) + messageOverhead);
}

function messageUpperBound(message: Message, template: PromptTemplate, imageTokens: number): number {
  let tokens = messageOverhead + contentUpperBound(message.content, imageTokens);
  if (message.name !== undefined) tokens += attributeUpperBound(message.name);
  switch (message.role) {
    case 'system':
      if (message.tools !== undefined && message.tools.length > 0) {
        tokens += toolsUpperBound(message.tools, template) + 2 * messageOverhead;
      }
      return tokens;
    case 'user':
      return tokens;
    case 'tool':
      // K3 prints the name of the called tool in place of the id.
      return tokens + Buffer.byteLength(message.toolCallId) + (template.form === 'xtml' ? 6 * toolNameBytesMax : 0);
    case 'assistant':
      if (message.thinking !== undefined) tokens += Buffer.byteLength(message.thinking);
      for (const call of message.toolCalls ?? []) tokens += callUpperBound(call, template);
      return tokens;
  }
}

/** Names of tools that vendors accept have at most 256 characters (moonshot-api.md 2.1). */
const toolNameBytesMax = 256;

function contentUpperBound(content: Content | undefined, imageTokens: number): number {
  if (content === undefined || content === null) return 0;
  if (typeof content === 'string') return Buffer.byteLength(content);
  let tokens = 0;
  for (const part of content) {
    const text = spokenText(part);
    // A document with a text may go to an upstream that looks at its pages: which, is not known yet.
    if (text !== undefined) tokens += Buffer.byteLength(text) + (part.type === 'file' ? videoTokensEstimate : 0);
    else if (part.type === 'opaque') tokens += Buffer.byteLength(JSON.stringify(part.value));
    else tokens += 8 + (part.type === 'image' ? imageTokens : videoTokensEstimate);
  }
  return tokens;
}

function callUpperBound(call: ToolCall, template: PromptTemplate): number {
  const text = Buffer.byteLength(call.argumentsText);
  const base = callOverhead + Buffer.byteLength(call.id) + attributeUpperBound(call.name);
  if (template.form === 'im') return base + text;
  // Every argument has a colon; a nested value gets a blank after each comma and colon; a quote in a key gets escaped.
  return base + 3 * text + argumentOverhead * (call.argumentsText.split(':').length + 1);
}

/** In an attribute of K3's tags, `"` becomes `&quot;`. */
function attributeUpperBound(value: string): number {
  return value.includes('"') || value.includes('&') ? 6 * Buffer.byteLength(value) : Buffer.byteLength(value);
}
