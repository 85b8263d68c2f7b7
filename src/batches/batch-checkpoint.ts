/** Places in the life of a batch between which a crash means something else for it. */
export const batchCheckpoints = [
  /** The input has been read, and nothing of that is kept. */
  'batch-validated',
  /** A chunk of lines is done, and its end is not kept. */
  'batch-chunk-done',
  /** A vendor has the batch, and that it has it is not kept. */
  'batch-handed',
  /** What the vendor has made is kept and booked, and that this is all is not. */
  'batch-collected',
  /** The files are written, and do not belong to the batch yet. */
  'batch-staged',
  /** The batch has ended; what has come of its lines is still kept. */
  'batch-ended',
] as const;

export type BatchCheckpoint = (typeof batchCheckpoints)[number];
