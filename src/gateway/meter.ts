import type { EventBatch } from '../dialogue/event.ts';
import type { Finish } from '../dialogue/finish.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import { checkedAgainstLimit, type Usage } from '../dialogue/usage.ts';
import { WebSearchCount } from '../dialogue/web-search-count.ts';
import { estimateTokens } from '../tokens/token-estimate.ts';

/** Counts what passes by, so that a reply whose usage never came can be estimated, and remembers what the record needs. */
export class Meter {
  /** What was delivered, thinking and tool arguments included: UTF-16 units, and the bytes that UTF-8 needs beyond them. */
  #units = 0;
  #extraBytes = 0;
  #thinkingUnits = 0;
  /** The upstream sent counts that cannot be true. */
  #rejected = false;
  readonly #webSearches = new WebSearchCount();
  usage: Usage | undefined;
  replyId: string | undefined;
  finish: Finish | undefined;

  /** Tallies the events of one read. On the hot path: once per streamed event. */
  add(batches: readonly EventBatch[]): void {
    for (const batch of batches) {
      for (const event of batch.events) {
        switch (event.type) {
          case 'text-delta':
          case 'refusal-delta':
            this.#count(event.text);
            break;
          case 'thinking-delta':
            this.#thinkingUnits += event.text.length;
            this.#count(event.text);
            break;
          case 'tool-call-delta':
            this.#count(event.argumentsText);
            break;
          case 'tool-call-start':
            this.#webSearches.started(event.choice, event.kind, event.name);
            this.#count(event.name);
            break;
          case 'reply-start':
            this.replyId ??= event.id;
            break;
          case 'choice-end':
            this.#webSearches.ended(event.choice, event.finish);
            this.finish ??= event.finish;
            break;
          case 'usage':
            this.usage = event.usage;
            this.#rejected = false;
            break;
          case 'usage-rejected':
            this.usage = undefined;
            this.#rejected = true;
            break;
          case 'error':
            break;
        }
      }
    }
  }

  /** Tallies a reply that came whole. */
  addReply(reply: DialogueReply): void {
    this.replyId = reply.id;
    this.usage = reply.usage;
    this.#rejected = reply.usageRejected === true;
    this.#webSearches.addReply(reply);
    for (const choice of reply.choices) {
      this.finish ??= choice.finish;
      this.#count(choice.text ?? '');
      this.#count(choice.refusal ?? '');
      this.#count(choice.thinking ?? '');
      this.#thinkingUnits += (choice.thinking ?? '').length;
      for (const call of choice.toolCalls) this.#count(call.name + call.argumentsText);
    }
  }

  /**
   * Usage as the upstream counted it, or as we do when it sent none; `promptTokens` is our count of the prompt,
   * `outputTokensMax` the limit for each of `choiceCount` answers that was sent.
   */
  final(promptTokens: number, outputTokensMax: number | undefined, choiceCount: number): Usage {
    return this.#withSearches(this.usage === undefined ? this.#estimate(promptTokens) : checkedAgainstLimit(this.usage, outputTokensMax, choiceCount));
  }

  /**
   * Usage of a reply that was broken off. What the upstream had counted until then may lack choices that were still going
   * on, so that the larger output counts, and is marked when it is ours.
   */
  partial(promptTokens: number): Usage {
    const estimate = this.#estimate(promptTokens);
    const usage = this.usage === undefined || this.usage.output < estimate.output ? withPromptOf(estimate, this.usage) : this.usage;
    return this.#withSearches(usage);
  }

  #withSearches(usage: Usage): Usage {
    const { count } = this.#webSearches;
    return count === 0 ? usage : { ...usage, webSearches: count };
  }

  #estimate(promptTokens: number): Usage {
    const output = estimateTokens(this.#units, this.#extraBytes);
    const reasoning = this.#units === 0 ? 0 : Math.min(output, Math.round((output * this.#thinkingUnits) / this.#units));
    const estimate = { inputUncached: promptTokens, cacheRead: 0, cacheWrite: 0, output, reasoning, estimated: true } as const;
    return this.#rejected ? { ...estimate, flags: ['rejected'] } : estimate;
  }

  #count(text: string): void {
    this.#units += text.length;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      // Two bytes from U+0080 on, three from U+0800; a pair of surrogates has four for its two units.
      if (unit > 0x7f) this.#extraBytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
    }
  }
}

/** Our estimate, with the upstream's count of the prompt where it gave one. */
function withPromptOf(estimate: Usage, counted: Usage | undefined): Usage {
  if (counted === undefined) return estimate;
  const { inputUncached, cacheRead, cacheWrite, cacheWrite1h } = counted;
  return { ...estimate, inputUncached, cacheRead, cacheWrite, ...(cacheWrite1h === undefined ? {} : { cacheWrite1h }) };
}
