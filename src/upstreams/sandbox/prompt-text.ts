import { spokenText } from '../../dialogue/document-text.ts';
import type { Content, Message } from '../../dialogue/message.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { Tool } from '../../dialogue/tool.ts';

/** Tokens that the sandbox reckons for one image or video, whatever its size: it never looks at it. */
const mediaTokens = 1024;

/** The prompt as one text, so that a longer conversation begins with the text of the shorter one. */
export interface PromptText {
  readonly text: string;
  /** Tokens of what is not text. */
  readonly mediaTokens: number;
}

/** The text of a message's content; pieces are joined, what is no text is left out. */
export function contentText(content: Content | undefined): string {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  let text = '';
  for (const part of content) text += spokenText(part) ?? '';
  return text;
}

/** How many images and videos a content holds. */
export function mediaCount(content: Content | undefined): number {
  if (content === undefined || content === null || typeof content === 'string') return 0;
  return content.filter((part) => part.type === 'image' || part.type === 'video').length;
}

/** The tools of a request: those at the top, then those that system messages add (moonshot-api.md 2.8). */
export function offeredTools(request: DialogueRequest): readonly Tool[] {
  const tools = [...(request.tools ?? [])];
  for (const message of request.messages) {
    if (message.role === 'system' && message.tools !== undefined) tools.push(...message.tools);
  }
  return tools;
}

/** Renders what a model would read: tools first, then the messages in order. */
export function promptText(request: DialogueRequest): PromptText {
  let text = request.tools === undefined || request.tools.length === 0 ? '' : `tools:${JSON.stringify(request.tools)}\n`;
  let media = 0;
  for (const message of request.messages) {
    text += messageText(message, request.thinking?.keep === 'all');
    media += mediaCount(message.content) * mediaTokens;
  }
  return { text, mediaTokens: media };
}

function messageText(message: Message, keepThinking: boolean): string {
  let text = `${message.role}:${message.name ?? ''}\n`;
  if (message.role === 'tool') text += `## Return of ${message.toolCallId}\n`;
  if (message.role === 'system' && message.tools !== undefined) text += JSON.stringify(message.tools);
  if (message.role === 'assistant') {
    // K2 reads earlier thinking back only within a run of tool calls, unless it is told to keep all of it.
    if (message.thinking !== undefined && (keepThinking || message.toolCalls !== undefined)) text += message.thinking;
  }
  text += contentText(message.content);
  if (message.role === 'assistant') {
    for (const call of message.toolCalls ?? []) text += `${call.id}${call.argumentsText}`;
  }
  return `${text}\n`;
}
