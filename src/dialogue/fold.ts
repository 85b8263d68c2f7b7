import type { DialogueEvent } from './event.ts';
import type { Finish } from './finish.ts';
import type { DialogueReply, ReplyChoice } from './reply.ts';
import type { ThinkingProof } from './thinking-seal.ts';
import type { ToolCall } from './tool.ts';
import type { Usage } from './usage.ts';

interface OpenCall {
  id: string;
  kind: 'function' | 'builtin';
  name: string;
  argumentsText: string;
}

interface OpenChoice {
  text: string | undefined;
  thinking: string | undefined;
  thinkingProof: ThinkingProof | undefined;
  refusal: string | undefined;
  readonly calls: OpenCall[];
  finish: Finish;
}

/** Builds the whole reply from its events: `fold(stream) = reply`. Throws the fault of an `error` event. */
export class Fold {
  #id = '';
  #model = '';
  #createdS = 0;
  #provider: string | undefined;
  #contextHandle: string | undefined;
  #usage: Usage | 'rejected' | undefined;
  readonly #choices: OpenChoice[] = [];

  add(event: DialogueEvent): void {
    switch (event.type) {
      case 'reply-start':
        this.#id = event.id;
        this.#model = event.model;
        this.#createdS = event.createdS;
        this.#provider = event.provider;
        this.#contextHandle = event.contextHandle;
        return;
      case 'thinking-delta': {
        const choice = this.#choice(event.choice);
        choice.thinking = (choice.thinking ?? '') + event.text;
        return;
      }
      case 'thinking-proof':
        this.#choice(event.choice).thinkingProof = event.proof;
        return;
      case 'text-delta': {
        const choice = this.#choice(event.choice);
        choice.text = (choice.text ?? '') + event.text;
        return;
      }
      case 'refusal-delta': {
        const choice = this.#choice(event.choice);
        choice.refusal = (choice.refusal ?? '') + event.text;
        return;
      }
      case 'tool-call-start':
        this.#choice(event.choice).calls[event.index] = {
          id: event.id,
          kind: event.kind,
          name: event.name,
          argumentsText: '',
        };
        return;
      case 'tool-call-delta': {
        const call = this.#choice(event.choice).calls[event.index];
        if (call !== undefined) call.argumentsText += event.argumentsText;
        return;
      }
      case 'choice-end':
        this.#choice(event.choice).finish = event.finish;
        return;
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'usage-rejected':
        this.#usage = 'rejected';
        return;
      case 'error':
        throw event.fault;
    }
  }

  reply(): DialogueReply {
    return {
      id: this.#id,
      model: this.#model,
      createdS: this.#createdS,
      ...(this.#provider === undefined ? {} : { provider: this.#provider }),
      ...(this.#contextHandle === undefined ? {} : { contextHandle: this.#contextHandle }),
      choices: this.#choices.map(closed),
      ...(this.#usage === undefined ? {} : this.#usage === 'rejected' ? { usageRejected: true } : { usage: this.#usage }),
    };
  }

  #choice(index: number): OpenChoice {
    while (this.#choices.length <= index) {
      this.#choices.push({ text: undefined, thinking: undefined, thinkingProof: undefined, refusal: undefined, calls: [], finish: { reason: 'other' } });
    }
    return this.#choices[index] as OpenChoice;
  }
}

function closed(choice: OpenChoice): ReplyChoice {
  const toolCalls: ToolCall[] = choice.calls.filter((call) => call !== undefined);
  return {
    ...(choice.text === undefined ? {} : { text: choice.text }),
    ...(choice.thinking === undefined ? {} : { thinking: choice.thinking }),
    ...(choice.thinkingProof === undefined ? {} : { thinkingProof: choice.thinkingProof }),
    ...(choice.refusal === undefined ? {} : { refusal: choice.refusal }),
    toolCalls,
    finish: choice.finish,
  };
}
