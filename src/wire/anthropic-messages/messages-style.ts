import type { ThinkingSeals } from '../../dialogue/thinking-seal.ts';

/** How a Messages surface dresses the replies of one call. */
export interface MessagesStyle {
  /** `omitted`: thinking blocks come with an empty text, and the seal holds it (`thinking.display`; responses-ark-anthropic-batch.md 3.2). */
  readonly thinkingDisplay: 'shown' | 'omitted';
  /** Those of the caller's tenant. */
  readonly seals: ThinkingSeals;
}
