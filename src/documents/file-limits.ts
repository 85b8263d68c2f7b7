import { Fault } from '../base/fault.ts';
import type { FilePurpose } from './stored-file.ts';

/** How much a tenant may have, in each mode. */
export interface FileLimits {
  readonly filesMax: number;
  /** Of one file. */
  readonly fileBytesMax: number;
  /** Of one file of purpose `batch`. */
  readonly batchFileBytesMax: number;
  /** Of all files together. */
  readonly totalBytesMax: number;
}

const mib = 1024 * 1024;

/**
 * Moonshot's figures (moonshot-api.md 1.4: 1,000 files, 100 MB each, 10 GB), and OpenAI's for the input of a batch (200 MB). The "MB" are
 * taken for the larger unit that they can mean, so that no file is refused here that is taken there.
 */
export const fileLimitsDefault: FileLimits = { filesMax: 1_000, fileBytesMax: 100 * mib, batchFileBytesMax: 200 * mib, totalBytesMax: 10 * 1024 * mib };

/** How large a file for `purpose` may be; undefined: for whatever it turns out to be. */
export function fileBytesMax({ fileBytesMax: ordinary, batchFileBytesMax }: FileLimits, purpose?: FilePurpose): number {
  if (purpose === 'batch') return batchFileBytesMax;
  return purpose === undefined ? Math.max(ordinary, batchFileBytesMax) : ordinary;
}

/** Moonshot's refusal of a file that is too large (moonshot-api.md 3.2). */
export function fileTooLarge(bytesMax: number): Fault {
  return new Fault('invalid_request', { message: `File size is too large, max file size is ${sizeText(bytesMax)}, please confirm and re-upload the file`, field: 'file' });
}

/** Moonshot's refusal of a file without a byte. */
export function fileEmpty(): Fault {
  return new Fault('invalid_request', { message: 'File size is zero, please confirm and re-upload the file', field: 'file' });
}

/** Moonshot's refusal of one file more than a tenant may have. */
export function tooManyFiles({ filesMax }: FileLimits): Fault {
  return new Fault('invalid_request', {
    message: `The number of files you have uploaded exceeded the max file count ${filesMax}, please delete previous uploaded files`,
  });
}

/** In Moonshot's manner: of the total, its table says nothing. */
export function tooManyBytes({ totalBytesMax }: FileLimits): Fault {
  return new Fault('invalid_request', {
    message: `The size of all files you have uploaded exceeded the max total size ${sizeText(totalBytesMax)}, please delete previous uploaded files`,
  });
}

/** In whole units, as Moonshot writes them: `100MB`. */
function sizeText(bytes: number): string {
  for (const [unit, name] of [[1024 * mib, 'GB'], [mib, 'MB'], [1024, 'KB']] as const) {
    if (bytes >= unit && bytes % unit === 0) return `${bytes / unit}${name}`;
  }
  return `${bytes}B`;
}
