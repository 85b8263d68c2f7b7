import type { JsonObject } from '../base/json.ts';
import type { Finish } from './finish.ts';
import type { ThinkingProof } from './thinking-seal.ts';
import type { ToolCall } from './tool.ts';
import type { Usage } from './usage.ts';

export interface ReplyChoice {
  readonly text?: string;
  readonly thinking?: string;
  readonly thinkingProof?: ThinkingProof;
  readonly refusal?: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finish: Finish;
}

/** A whole answer: what `fold` makes of a stream, and what a non-streamed reply decodes to. */
export interface DialogueReply {
  readonly id: string;
  readonly model: string;
  readonly createdS: number;
  /** Who ran the model, in the word of the reply itself, where it says so. */
  readonly provider?: string;
  /** What the upstream calls the conversation until here, which it holds as it was asked to; see `ContextCache`. */
  readonly contextHandle?: string;
  readonly choices: readonly ReplyChoice[];
  /** Undefined when the upstream sent none that could be believed. */
  readonly usage?: Usage;
  /** It sent some, and they could not be. */
  readonly usageRejected?: true;
  /** The reply as it came, for a surface of the same protocol. */
  readonly source?: { readonly protocol: string; readonly value: JsonObject };
}
