import type { JsonObject } from '../base/json.ts';
import type { Extensions } from './extensions.ts';
import type { ThinkingProof } from './thinking-seal.ts';
import type { Tool, ToolCall } from './tool.ts';

/**
 * A piece of a message. `opaque` is a piece that only the protocol it came from understands. A `url` may hold the thing whole (`data:`), say where
 * it is to be had (`https:`), or name a file that lies here (`stored-file-url.ts`).
 */
export type Part =
  | { readonly type: 'text'; readonly text: string; readonly extensions?: Extensions }
  | { readonly type: 'image'; readonly url: string; readonly detail?: string; readonly extensions?: Extensions }
  | { readonly type: 'video'; readonly url: string; readonly extensions?: Extensions }
  /** A document. `text`: what it says, for those who read text only; never blank. */
  | { readonly type: 'file'; readonly url: string; readonly filename?: string; readonly text?: string; readonly extensions?: Extensions }
  | { readonly type: 'opaque'; readonly protocol: string; readonly value: JsonObject };

/** Text, pieces, or nothing: `null` and absent differ on the wire, and both differ from `""`. */
export type Content = string | readonly Part[] | null;

interface MessageBase {
  /** The speaker's name, if it is not the role's. */
  readonly name?: string;
  readonly extensions?: Extensions;
}

export interface SystemMessage extends MessageBase {
  readonly role: 'system';
  readonly content?: Content;
  /** Spoken by the application's developer rather than the platform, where a protocol tells them apart. */
  readonly fromDeveloper?: true;
  /** Tools that exist from this message on. */
  readonly tools?: readonly Tool[];
}

export interface UserMessage extends MessageBase {
  readonly role: 'user';
  readonly content: Content;
}

export interface AssistantMessage extends MessageBase {
  readonly role: 'assistant';
  readonly content?: Content;
  /** The thinking of this turn as the model gave it. Empty differs from absent. */
  readonly thinking?: string;
  /** What the upstream that thought it gave beside it. */
  readonly thinkingProof?: ThinkingProof;
  readonly refusal?: string;
  readonly toolCalls?: readonly ToolCall[];
  /** The model is to go on from this message rather than answer it. */
  readonly partial?: true;
}

export interface ToolMessage extends MessageBase {
  readonly role: 'tool';
  /** Which call this is the result of. */
  readonly toolCallId: string;
  readonly content: Content;
}

export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;
