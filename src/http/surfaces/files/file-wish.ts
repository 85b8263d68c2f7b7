import { Fault } from '../../../base/fault.ts';
import { uploadPurposes, type FileWish, type UploadPurpose } from '../../../documents/stored-file.ts';

const dayMs = 86_400_000;
/** OpenAI's bounds for `expires_after[seconds]`, and how long it keeps the files of batches (responses-ark-anthropic-batch.md 4.1). */
const lifeSecondsMin = 3_600;
const lifeSecondsMax = 2_592_000;
const batchFileLifeMs = 30 * dayMs;

/** The purpose that a caller states. Throws Moonshot's refusal (moonshot-api.md 3.2). */
export function wishedPurpose(purpose: unknown): UploadPurpose {
  if (purpose === undefined || purpose === '') throw new Fault('invalid_request', { message: 'Invalid request: "purpose" is required', field: 'purpose' });
  const known = uploadPurposes.find((one) => one === purpose);
  if (known !== undefined) return known;
  const [first, ...others] = uploadPurposes.map((one) => `'${one}'`);
  throw new Fault('invalid_request', { message: `Invalid purpose: only ${first}, ${others.join(', ')} accepted`, field: 'purpose' });
}

/** How long a file is to live, in milliseconds from its making; undefined: it stays. Throws `invalid_request` naming the field. */
export function wishedLifeMs(purpose: UploadPurpose, anchor: unknown, seconds: unknown): number | undefined {
  if (anchor === undefined && seconds === undefined) return purpose === 'batch' ? batchFileLifeMs : undefined;
  if (anchor !== 'created_at') throw invalid('expires_after[anchor]', "expected 'created_at'");
  const count = typeof seconds === 'string' && /^\d{1,9}$/.test(seconds) ? Number(seconds) : seconds;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < lifeSecondsMin || count > lifeSecondsMax) {
    throw invalid('expires_after[seconds]', `expected a whole number from ${lifeSecondsMin} to ${lifeSecondsMax}`);
  }
  return count * 1000;
}

/** The wish for a file that is made now. Throws OpenAI's refusal of the input of a batch that is not called so. */
export function fileWish(filename: string, purpose: UploadPurpose, lifeMs: number | undefined, nowMs: number): FileWish {
  checkBatchName(filename, purpose);
  return { filename, purpose, ...(lifeMs === undefined ? {} : { expiresMs: nowMs + lifeMs }) };
}

/** Throws `invalid_request` (responses-ark-anthropic-batch.md 4.2). */
export function checkBatchName(filename: string, purpose: UploadPurpose): void {
  if (purpose !== 'batch' || filename.toLowerCase().endsWith('.jsonl')) return;
  throw new Fault('invalid_request', { message: 'Invalid file format for Batch API. Must be .jsonl', field: 'file' });
}

function invalid(field: string, detail: string): Fault {
  return new Fault('invalid_request', { message: `Invalid request: ${field}: ${detail}`, field });
}
