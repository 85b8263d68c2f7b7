import type { AdminBatchesDeps } from '../../src/http/admin/batches.ts';

function unasked(): never {
  throw new Error('there are no batches here');
}

/** For an admin API behind which there are no batches. */
export const noBatches: Pick<AdminBatchesDeps, 'batches' | 'callerOfKey'> = {
  batches: { create: unasked, find: async () => undefined, list: async () => ({ page: [], hasMore: false }), cancel: unasked, windowMsOf: unasked },
  callerOfKey: async () => undefined,
};
