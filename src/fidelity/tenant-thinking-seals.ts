import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../base/json.ts';
import type { Sealer } from '../base/sealer.ts';
import type { Protocol } from '../dialogue/protocol.ts';
import type { SealedThinking, ThinkingProof, ThinkingSeals } from '../dialogue/thinking-seal.ts';

const protocols: readonly string[] = ['openai-chat', 'anthropic-messages', 'openai-responses'] satisfies readonly Protocol[];

/** Of a text that a seal vouches for: long enough that nobody finds another text with the same one. */
const digestBytes = 16;

/**
 * Seals of one tenant's thinking, good on every server with the same root secret and for as long as that stands. A short text under
 * AES-256-GCM: of thinking that its client sees, a digest; of thinking that it does not, the thinking itself; and what the upstream
 * gave beside it.
 */
export class TenantThinkingSeals implements ThinkingSeals {
  readonly #sealer: Sealer;
  readonly #context: string;

  /** `sealer` is under `RootSecret.derive('encryption', 1)`. */
  constructor(sealer: Sealer, tenantId: string) {
    this.#sealer = sealer;
    this.#context = `thinking\n${tenantId}`;
  }

  seal({ text, proof }: SealedThinking, shown: boolean): string {
    const content = { ...(shown ? { digest: digestOf(text) } : { text }), ...(proof === undefined ? {} : { proof: { ...proof } }) };
    return this.#sealer.seal(JSON.stringify(content), this.#context);
  }

  open(seal: string, text: string): SealedThinking | undefined {
    const content = this.#contentOf(seal);
    if (content === undefined) return undefined;
    const { text: hidden, digest } = content;
    const proof = proofOf(content['proof']);
    if (typeof hidden !== 'string' && digest !== digestOf(text)) return undefined;
    return { text: typeof hidden === 'string' ? hidden : text, ...(proof === undefined ? {} : { proof }) };
  }

  #contentOf(seal: string): JsonObject | undefined {
    try {
      const content: unknown = JSON.parse(this.#sealer.open(seal, this.#context));
      return isJsonObject(content) ? content : undefined;
    } catch {
      return undefined;
    }
  }
}

function proofOf(value: unknown): ThinkingProof | undefined {
  if (!isJsonObject(value)) return undefined;
  const { protocol, upstreamId, value: proven, hidden } = value;
  if (!isProtocol(protocol) || typeof upstreamId !== 'string' || typeof proven !== 'string') return undefined;
  return { protocol, upstreamId, value: proven, ...(hidden === true ? { hidden } : {}) };
}

function isProtocol(value: unknown): value is Protocol {
  return typeof value === 'string' && protocols.includes(value);
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, digestBytes).toString('base64url');
}
