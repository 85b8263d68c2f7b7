import type { BatchId, FileId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { Currency, Nanos } from '../base/money.ts';
import type { TenantScope } from '../base/tenant-scope.ts';

/** As vendors name them (responses-ark-anthropic-batch.md 4.2). */
export const batchStatuses = ['validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled'] as const;
export type BatchStatus = (typeof batchStatuses)[number];

/** Those in which a batch has ended. */
export const endedStatuses = ['failed', 'completed', 'expired', 'cancelled'] as const satisfies readonly BatchStatus[];
export type EndedStatus = (typeof endedStatuses)[number];

/** Those from which a batch can be cancelled (moonshot-api.md 1.6). */
export const cancellableStatuses = ['validating', 'in_progress', 'finalizing'] as const satisfies readonly BatchStatus[];
export type CancellableStatus = (typeof cancellableStatuses)[number];

/** What is wrong with an input file, as vendors report it. */
export interface BatchProblem {
  readonly code: 'invalid_json_line' | 'missing_required_parameter' | 'invalid_parameter' | 'duplicate_custom_id' | 'url_mismatch' | 'invalid_method' | 'empty_file' | 'too_many_tasks' | 'line_too_long' | 'file_not_found';
  readonly message: string;
  /** The field of the line. */
  readonly param?: string;
  /** Counted from 1; absent: it is about the whole file. */
  readonly line?: number;
}

/** What lines have come to so far. */
export interface BatchTally {
  /** Lines with an output. */
  readonly completed: number;
  /** Lines with an error. */
  readonly failed: number;
  readonly inputTokens: number;
  /** Of `inputTokens`. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Of `outputTokens`, as far as it is known. */
  readonly reasoningTokens: number;
  /** What was charged, one sum for each currency. */
  readonly charges: readonly { readonly currency: Currency; readonly amountNanos: Nanos }[];
}

/** Many requests in a file, to be answered within a window. Times are Unix time. */
export interface Batch {
  readonly id: BatchId;
  readonly scope: TenantScope;
  /** The key in whose name its lines run. */
  readonly keyId: string;
  readonly status: BatchStatus;
  /** The path that its lines are for, as its caller named it. */
  readonly endpoint: string;
  readonly inputFileId: FileId;
  readonly outputFileId?: FileId;
  readonly errorFileId?: FileId;
  /** As its caller wrote it: `24h`. */
  readonly completionWindow: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly inProgressMs?: number;
  readonly finalizingMs?: number;
  readonly cancellingMs?: number;
  readonly endedMs?: number;
  /** Undefined until it is known. */
  readonly totalLines?: number;
  /** Of all lines; undefined: not known, or not one. */
  readonly model?: string;
  /** Chains of chunks that have not ended. */
  readonly lanesOpen: number;
  /** How long the files that it writes are kept; undefined: as long as such files are. */
  readonly outputKeptS?: number;
  readonly metadata?: JsonObject;
  /** Why it failed. */
  readonly problems: readonly BatchProblem[];
  /** How the sandbox is to behave; of test keys only. */
  readonly sandboxScript?: string;
  /** Of one that has ended. */
  readonly tally?: BatchTally;
}

/** Some lines of a batch that lie side by side. */
export interface Chunk {
  readonly number: number;
  /** Of the first one, from 0. Empty lines of the file count as none. */
  readonly firstLine: number;
  readonly lineCount: number;
  /** In bytes of the input file. */
  readonly start: number;
  readonly end: number;
}

export const emptyTally: BatchTally = { completed: 0, failed: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0, charges: [] };

/** Whether nothing of a batch will change any more. */
export function hasEnded({ status }: Pick<Batch, 'status'>): boolean {
  return endedStatuses.some((ended) => ended === status);
}
