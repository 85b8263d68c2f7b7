import type { JsonObject } from '../base/json.ts';
import type { Extensions } from './extensions.ts';
import type { ContextCache } from './context-cache.ts';
import type { Message } from './message.ts';
import type { Protocol } from './protocol.ts';
import type { Tool, ToolChoice } from './tool.ts';

export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  /** How many answers to give to the one prompt. */
  readonly choiceCount?: number;
  readonly stop?: readonly string[];
}

export interface Thinking {
  readonly mode?: 'on' | 'off' | 'auto';
  /** `all`: the thinking of earlier turns stays in the prompt. */
  readonly keep?: 'all' | null;
  /** How hard to think, in the caller's word (low, medium, high, max …). */
  readonly effort?: string;
  /** How many tokens of thinking to spend at most. */
  readonly tokensMax?: number;
}

export type OutputFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json' }
  | {
      readonly type: 'json-schema';
      readonly name: string;
      readonly schema: JsonObject;
      readonly description?: string;
      readonly strict?: boolean;
    };

/** One turn asked of a model, in nobody's protocol. Absent means "the caller was silent", which is not the default. */
export interface DialogueRequest {
  /** The protocol that it came by. */
  readonly protocol: Protocol;
  /** As the caller named it: alias, slug, variant and case included. */
  readonly model: string;
  readonly messages: readonly Message[];
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly sampling: Sampling;
  readonly thinking?: Thinking;
  readonly outputFormat?: OutputFormat;
  /** Limit on generated tokens, thinking included. */
  readonly outputTokensMax?: number;
  /** Turns with the same key share a prefix; a hint for caches and affinity. */
  readonly cacheKey?: string;
  /** Who answered the turn before, and may still have its prompt in a cache. */
  readonly lastUpstreamId?: string;
  /** What upstreams hold of this conversation, and what they are to hold. */
  readonly contextCache?: ContextCache;
  readonly stream: boolean;
  readonly extensions?: Extensions;
}
