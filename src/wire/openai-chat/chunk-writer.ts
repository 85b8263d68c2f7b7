import type { DialogueEvent } from '../../dialogue/event.ts';
import type { Finish } from '../../dialogue/finish.ts';
import type { ChatStyle } from './chat-style.ts';
import { encodeFinish } from './finish-reason.ts';
import type { PatchableObject } from '../patchable.ts';

type StartEvent = Extract<DialogueEvent, { type: 'reply-start' }>;
type DeltaEvent = Extract<DialogueEvent, { type: `${string}-delta` | 'tool-call-start' }>;

/**
 * Writes chunks from events that no frame came with, one chunk an event, in Moonshot's normal form (tool-calls.md 2.4). The
 * parts that stay the same throughout a stream are written once, since this runs for every token.
 */
export class ChunkWriter {
  readonly #reasoningAlias: boolean;
  readonly #thinkingShown: boolean;
  /** What follows the choice. */
  readonly #tail: string;
  #envelope: PatchableObject = envelopeOf({ type: 'reply-start', id: '', model: '', createdS: 0 });
  /** What comes before the choice's index. */
  #head = headOf(this.#envelope);

  constructor(style: ChatStyle) {
    this.#reasoningAlias = style.reasoningAlias;
    this.#thinkingShown = style.thinking === 'shown';
    this.#tail = style.includeUsage ? ',"finish_reason":null}],"usage":null}\n\n' : ',"finish_reason":null}]}\n\n';
  }

  /** Takes the id, model, time and provider that all chunks carry. */
  start(event: StartEvent): void {
    this.#envelope = envelopeOf(event);
    this.#head = headOf(this.#envelope);
  }

  /** The fields of a chunk but `choices`. A copy. */
  envelope(): PatchableObject {
    return { ...this.#envelope };
  }

  /** A choice's first chunk. */
  role(choice: number): string {
    return this.#chunk(choice, '{"role":"assistant","content":""}');
  }

  /** One chunk; empty for thinking that is not to be shown. */
  delta(event: DeltaEvent): string {
    switch (event.type) {
      case 'text-delta':
        return this.#chunk(event.choice, `{"content":${JSON.stringify(event.text)}}`);
      case 'thinking-delta': {
        if (!this.#thinkingShown) return '';
        const text = JSON.stringify(event.text);
        const alias = this.#reasoningAlias ? `,"reasoning":${text}` : '';
        return this.#chunk(event.choice, `{"reasoning_content":${text}${alias}}`);
      }
      case 'refusal-delta':
        return this.#chunk(event.choice, `{"refusal":${JSON.stringify(event.text)}}`);
      case 'tool-call-start': {
        const { index, id, kind, name } = event;
        const type = kind === 'builtin' ? 'builtin_function' : 'function';
        return this.#chunk(event.choice, JSON.stringify({ tool_calls: [{ index, id, type, function: { name, arguments: '' } }] }));
      }
      case 'tool-call-delta':
        return this.#chunk(
          event.choice,
          `{"tool_calls":[{"index":${event.index},"function":{"arguments":${JSON.stringify(event.argumentsText)}}}]}`,
        );
    }
  }

  /** The choice of a choice's last chunk. */
  finishing(choice: number, finish: Finish): PatchableObject {
    return { index: choice, delta: {}, finish_reason: encodeFinish(finish) };
  }

  #chunk(choice: number, delta: string): string {
    return `${this.#head}${choice},"delta":${delta}${this.#tail}`;
  }
}

function envelopeOf(event: StartEvent): PatchableObject {
  const { id, createdS, model, provider } = event;
  return {
    id,
    object: 'chat.completion.chunk',
    created: createdS,
    model,
    ...(provider === undefined ? {} : { provider }),
  };
}

function headOf(envelope: PatchableObject): string {
  return `data: ${JSON.stringify(envelope).slice(0, -1)},"choices":[{"index":`;
}
