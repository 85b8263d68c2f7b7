import type { ThinkingSeals } from '../../dialogue/thinking-seal.ts';

/** The versions of the protocol that a caller may name (responses-ark-anthropic-batch.md 3.1). */
export type MessagesVersion = '2023-06-01' | '2026-10-21';

/** What decides how a caller's messages are read. */
export interface MessageScene {
  /** Those of the caller's tenant. */
  readonly seals: ThinkingSeals;
  readonly version: MessagesVersion;
}
