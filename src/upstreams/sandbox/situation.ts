import type { Message } from '../../dialogue/message.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { contentText, mediaCount } from './prompt-text.ts';

/** The languages that the sandbox speaks. */
export type Language = 'en' | 'pl' | 'ru' | 'zh';

/** What the sandbox has understood of a request. */
export interface Situation {
  /** Text of the last user message, without what a client has put into it; empty when there is none. */
  readonly userText: string;
  readonly language: Language;
  /** Who spoke last, but for the system, which clients let speak anywhere: decides whether tools may be called again. */
  readonly lastRole: Message['role'];
  /** Texts of the tool results that stand at the end of the conversation. */
  readonly toolResults: readonly string[];
  /** Tool calls made so far in the whole conversation: the next call's idx. */
  readonly callCount: number;
  /** What the model is to go on from. */
  readonly prefix: string | undefined;
  readonly messageCount: number;
  readonly mediaCount: number;
}

/** What coding agents put among the user's words: it names every tool, which is no wish to have them called. */
const clientNotes = /<(system-reminder|system|environment_context)>[\s\S]*?<\/\1>/g;

/** Language is told from the first characters only: a megabyte of prompt says no more. */
const languageChars = 4_000;

/** Sums a conversation up. */
export function readSituation(request: DialogueRequest): Situation {
  const { messages } = request;
  const last = messages.at(-1);
  const lastSpeaker = messages.findLast((message) => message.role !== 'system');
  const user = messages.findLast((message) => message.role === 'user');
  const userText = contentText(user?.content).replaceAll(clientNotes, '').trim();
  let callCount = 0;
  let media = 0;
  for (const message of messages) {
    if (message.role === 'assistant') callCount += message.toolCalls?.length ?? 0;
    media += mediaCount(message.content);
  }
  return {
    userText,
    language: languageOf(userText.slice(0, languageChars)),
    lastRole: lastSpeaker?.role ?? 'user',
    toolResults: trailingResults(messages),
    callCount,
    prefix: last?.role === 'assistant' && last.partial === true ? contentText(last.content) : undefined,
    messageCount: messages.length,
    mediaCount: media,
  };
}

const polishLetters = /[ąćęłńśźż]/iu;
const polishWords = /\b(jest|czy|jak|jaka|jaki|dla|prosz[eę]|napisz|powiedz)\b/iu;

/** Chinese and Russian by script, Polish by its own letters and commonest words, English otherwise. */
export function languageOf(text: string): Language {
  const han = count(text, /\p{Script=Han}/gu);
  const cyrillic = count(text, /\p{Script=Cyrillic}/gu);
  if (han > 0 && han >= cyrillic) return 'zh';
  if (cyrillic > 0) return 'ru';
  return polishLetters.test(text) || polishWords.test(text) ? 'pl' : 'en';
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

function trailingResults(messages: readonly Message[]): readonly string[] {
  const results: string[] = [];
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message?.role !== 'tool') break;
    results.unshift(contentText(message.content));
  }
  return results;
}
