import type { Log } from '../base/log.ts';
import type { HandedCalls } from '../gateway/handed-calls.ts';
import type { BatchVendor } from './batch-vendor.ts';
import type { HandoverStore } from './handover-store.ts';

/** What batches need to be made by vendors. */
export interface HandoverParts {
  /** Those that make batches by themselves, by the upstream's id. */
  readonly vendors: ReadonlyMap<string, BatchVendor>;
  readonly calls: Pick<HandedCalls, 'modelOf' | 'cheaperPlace' | 'placed' | 'hold' | 'free' | 'settle'>;
  readonly store: HandoverStore;
  /** How often a vendor is asked how far it is. */
  readonly pollMs: number;
  /** How soon a step that has failed is tried again; twice as late after each further failure. */
  readonly retryMs: number;
  readonly log: Pick<Log, 'write'>;
}
