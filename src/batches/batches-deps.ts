import type { Caller } from '../access/caller.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Database } from '../storage/database.ts';
import type { BatchCheckpoint } from './batch-checkpoint.ts';
import type { BatchFiles } from './batch-files.ts';
import type { BatchJobs } from './batch-job.ts';
import type { BatchStore } from './batch-store.ts';
import type { HandoverParts } from './handover-parts.ts';
import type { LineProtocols } from './line-protocol.ts';
import type { OutcomeStore } from './outcome-store.ts';
import type { InputLimits } from './validate-input.ts';

export interface BatchLimits extends InputLimits {
  /** Of an input file. */
  readonly fileBytesMax: number;
  /** Batches of a tenant that have not ended. */
  readonly openBatchesMax: number;
}

/** What batches are made of. */
export interface BatchesDeps {
  readonly database: Pick<Database, 'commitIf' | 'announcement'>;
  readonly store: BatchStore;
  readonly outcomes: OutcomeStore;
  readonly jobs: BatchJobs;
  readonly files: BatchFiles;
  readonly protocols: LineProtocols;
  readonly gateway: Pick<Gateway, 'generate'>;
  readonly limits: BatchLimits;
  readonly clock: Clock;
  readonly random: Random;
  /** The caller of a key by its id; undefined when the key is not usable any more. */
  callerOfKey(keyId: string): Promise<Caller | undefined>;
  /** How batches are handed over; absent: they are not. */
  readonly handover?: HandoverParts | undefined;
  /** Told of the places that each batch passes. */
  readonly onCheckpoint?: ((passed: BatchCheckpoint) => void) | undefined;
}
