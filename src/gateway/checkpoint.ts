/** Places in the life of a call between which a crash means something else for its money. */
export const checkpoints = [
  /** The worst case is held; the upstream has not been asked. */
  'after-hold',
  /** The upstream has begun to answer, and the first of it has been handed on. */
  'first-event',
  /** All has been answered, and nothing of it is booked. */
  'before-settle',
  /** Record and charge are durable; the last byte has not left. */
  'after-settle',
] as const;

export type Checkpoint = (typeof checkpoints)[number];
