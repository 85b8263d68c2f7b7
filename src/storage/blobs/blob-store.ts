/** From `start` to before `end`, in bytes of what was put. `start` lies before the end of the blob; an `end` beyond it means that end. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the bytes of files are kept: a disk, or anything that speaks S3. Keys are ours, never a caller's: segments of `[a-z0-9_-]`, joined
 * by `/`. What a file is, whose, and until when, stands in the database.
 */
export interface BlobStore extends AsyncDisposable {
  /**
   * Keeps what `source` gives under `key`, in place of what was there: all of it, durable when it resolves, or nothing. It is never whole in
   * memory. Rejects with what `source` throws, and with `storage_unavailable`.
   */
  put(key: string, source: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes under `key`, in pieces. Iterating throws `not_found` when nothing is there, and `storage_unavailable`. */
  read(key: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Forgets what is under `key`; that nothing is there is fine. Throws `storage_unavailable`. */
  delete(key: string): Promise<void>;
  /**
   * Removes what a `put` that never ended has left behind, if it began before `beforeMs` (Unix time); nothing of it could ever be read.
   * Resolves with how many there were. Throws `storage_unavailable`.
   */
  sweep(beforeMs: number): Promise<number>;
}
