import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/** A batch as a vendor tells of it. */
export interface RemoteBatch {
  readonly id: string;
  readonly state: 'working' | 'completed' | 'failed' | 'expired' | 'cancelled';
  readonly counts: { readonly total: number; readonly completed: number; readonly failed: number } | undefined;
  readonly inputFileId: string;
  readonly outputFileId: string | undefined;
  readonly errorFileId: string | undefined;
  /** Unix time. */
  readonly createdMs: number | undefined;
}

/** Under this name of its metadata a batch carries our reference. */
export const referenceKey = 'moongate_batch';

/** States in which nothing more will happen; `canceled` is how others spell it. Any other word, known or not, is `working`. */
const ended: Readonly<Record<string, RemoteBatch['state']>> = {
  completed: 'completed', failed: 'failed', expired: 'expired', cancelled: 'cancelled', canceled: 'cancelled',
};

/**
 * A batch object, of which only the id must be there (moonshot-api.md 1.6, responses-ark-anthropic-batch.md 4.2); undefined when it is none.
 * A batch in a state that we do not know goes on, as far as we can tell: the window is what ends it.
 */
export function readRemoteBatch(value: unknown): RemoteBatch | undefined {
  if (!isJsonObject(value)) return undefined;
  const id = idOf(value.id);
  if (id === undefined) return undefined;
  const { status, created_at: createdS } = value;
  return {
    id,
    state: (typeof status === 'string' ? ended[status.toLowerCase()] : undefined) ?? 'working',
    counts: countsOf(value.request_counts),
    inputFileId: idOf(value.input_file_id) ?? '',
    outputFileId: idOf(value.output_file_id),
    errorFileId: idOf(value.error_file_id),
    createdMs: typeof createdS === 'number' ? Math.round(createdS * 1000) : undefined,
  };
}

/** The reference that a batch object carries; undefined: none, or the vendor does not give metadata back. */
export function referenceOf(value: JsonObject): string | undefined {
  const { metadata } = value;
  const reference = isJsonObject(metadata) ? metadata[referenceKey] : undefined;
  return typeof reference === 'string' ? reference : undefined;
}

/** An id that can be put into a path. */
function idOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 256 ? value : undefined;
}

function countsOf(value: JsonValue | undefined): RemoteBatch['counts'] {
  if (!isJsonObject(value)) return undefined;
  const { total, completed, failed } = value;
  return isCount(total) && isCount(completed) && isCount(failed) ? { total, completed, failed } : undefined;
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
