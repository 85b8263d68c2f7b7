import type { Protocol } from './protocol.ts';

/**
 * What an upstream gave with its thinking, to have it back unchanged: a signature, or the thinking itself where only the
 * upstream can read it. Of use to that one upstream and to no other.
 */
export interface ThinkingProof {
  readonly protocol: Protocol;
  readonly upstreamId: string;
  readonly value: string;
  /** The thinking is in `value` and nowhere else. */
  readonly hidden?: true;
}

/** The thinking of one turn, as it is given to a client to keep. */
export interface SealedThinking {
  /** Empty when only the upstream can read it. */
  readonly text: string;
  readonly proof?: ThinkingProof;
}

/**
 * Turns the thinking of a turn into a text that its client carries and cannot change, and back: what Anthropic calls
 * `signature` and `redacted_thinking.data`, and OpenAI `encrypted_content`. Of one tenant: what another was given does not open.
 */
export interface ThinkingSeals {
  /** `shown`: the client is given the text beside the seal, so that the seal need not hold it and only vouches for it. */
  seal(thinking: SealedThinking, shown: boolean): string;
  /**
   * What was sealed; `text` is what the client says beside it, empty where it says none. Undefined: not sealed here or for this tenant, damaged, or
   * it vouches for another text.
   */
  open(seal: string, text: string): SealedThinking | undefined;
}
