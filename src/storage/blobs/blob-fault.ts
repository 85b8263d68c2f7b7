import { Fault } from '../../base/fault.ts';

/** What a blob store throws when it cannot be asked, or refuses: a full disk, a bucket that is not reachable. */
export function blobsUnavailable(cause: unknown): Fault {
  return new Fault('storage_unavailable', { message: 'the store of files is not available; try again later', cause });
}

/** What a blob store throws when there is nothing under a key. */
export function blobNotFound(cause?: unknown): Fault {
  return new Fault('not_found', { message: 'the content of this file is gone', ...(cause === undefined ? {} : { cause }) });
}
