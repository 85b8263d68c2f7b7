import type { Fault } from '../base/fault.ts';
import type { JsonObject } from '../base/json.ts';
import type { Finish } from './finish.ts';
import type { Protocol } from './protocol.ts';
import type { ThinkingProof } from './thinking-seal.ts';
import type { Usage } from './usage.ts';

/** What happens while a model answers. `choice` counts from 0; `index` counts the tool calls of a choice from 0. */
export type DialogueEvent =
  | {
      readonly type: 'reply-start';
      readonly id: string;
      readonly model: string;
      readonly createdS: number;
      /** Who ran the model, in the word of the reply itself, where it says so. */
      readonly provider?: string;
      /** What the upstream calls the conversation until here, which it holds as it was asked to; see `ContextCache`. */
      readonly contextHandle?: string;
    }
  | { readonly type: 'thinking-delta'; readonly choice: number; readonly text: string }
  /** What the upstream gave beside the thinking so far. */
  | { readonly type: 'thinking-proof'; readonly choice: number; readonly proof: ThinkingProof }
  | { readonly type: 'text-delta'; readonly choice: number; readonly text: string }
  | { readonly type: 'refusal-delta'; readonly choice: number; readonly text: string }
  | {
      readonly type: 'tool-call-start';
      readonly choice: number;
      readonly index: number;
      readonly id: string;
      readonly kind: 'function' | 'builtin';
      readonly name: string;
    }
  | { readonly type: 'tool-call-delta'; readonly choice: number; readonly index: number; readonly argumentsText: string }
  | { readonly type: 'choice-end'; readonly choice: number; readonly finish: Finish }
  | { readonly type: 'usage'; readonly usage: Usage }
  /** The upstream's counts cannot be true, and those that it gave before are not to be believed either. */
  | { readonly type: 'usage-rejected' }
  | { readonly type: 'error'; readonly fault: Fault };

/**
 * The frame that events came from, so that a surface of the same protocol can hand its bytes on. A stage that changes
 * the events of a batch drops its frame.
 */
export interface SourceFrame {
  readonly protocol: Protocol;
  /** The frame's own text (for SSE: the data payload). */
  readonly text: string;
  /** `text` parsed. The encoder that takes the frame may change it. */
  readonly value: JsonObject;
  /** Already in the normal form of its protocol: may be handed on as it is. */
  readonly verbatim: boolean;
}

/** The events of one frame, with the frame. The unit that travels through the stages, in arrays, one array per network read. */
export interface EventBatch {
  readonly events: readonly DialogueEvent[];
  readonly source?: SourceFrame;
}
