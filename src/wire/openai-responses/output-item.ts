import type { JsonObject } from '../../base/json.ts';

export type ItemStatus = 'completed' | 'incomplete';

/** An item of the output while it is written. What it writes is whole events. */
export interface OutputItem {
  readonly outputIndex: number;
  /** Ends it: what is left to write. Once. */
  close(status: ItemStatus): string;
  /** The item as it is stored; before `close`, as far as it has come. */
  item(): JsonObject;
}
