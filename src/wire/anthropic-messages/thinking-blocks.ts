import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';

/**
 * The thinking blocks of one turn as one proof, which is all that the neutral language has room for: the signature, or the hidden
 * thinking, where there is one block; where there are several (thinking between tool calls), all of them, with their texts, as a JSON
 * list. No signature begins with a bracket: Anthropic's are base64.
 */
export class ThinkingBlocks {
  readonly #upstreamId: string;
  readonly #blocks: JsonObject[] = [];

  constructor(upstreamId: string) {
    this.#upstreamId = upstreamId;
  }

  /** A `thinking` or `redacted_thinking` block, whole. The proof of all so far; undefined when none of them has one. */
  add(block: JsonObject): ThinkingProof | undefined {
    this.#blocks.push(block);
    const { protocol, upstreamId } = { protocol: 'anthropic-messages', upstreamId: this.#upstreamId } as const;
    if (this.#blocks.length > 1) {
      return this.#blocks.some((each) => proofOf(each) !== '') ? { protocol, upstreamId, value: JSON.stringify(this.#blocks) } : undefined;
    }
    const value = proofOf(block);
    if (value === '') return undefined;
    return { protocol, upstreamId, value, ...(block['type'] === 'redacted_thinking' ? { hidden: true } : {}) };
  }
}

function proofOf(block: JsonObject): string {
  const value = block['type'] === 'redacted_thinking' ? block['data'] : block['signature'];
  return typeof value === 'string' ? value : '';
}

/** The blocks that a proof of `ThinkingBlocks` was made of. `text`: the thinking beside it. */
export function blocksOf(proof: ThinkingProof, text: string): readonly JsonObject[] {
  if (proof.value.startsWith('[')) return listed(proof.value) ?? [];
  if (proof.hidden === true) return [{ type: 'redacted_thinking', data: proof.value }];
  return [{ type: 'thinking', thinking: text, signature: proof.value }];
}

/** How many blocks `proof` vouches for. */
export function blockCount(proof: ThinkingProof): number {
  return proof.value.startsWith('[') ? (listed(proof.value) ?? []).length : 1;
}

function listed(value: string): readonly JsonObject[] | undefined {
  try {
    const list = JSON.parse(value) as JsonValue;
    return Array.isArray(list) ? (list as readonly JsonValue[]).filter(isJsonObject) : undefined;
  } catch {
    return undefined;
  }
}
