import type { FormatLimits } from '../formats/format-reader.ts';

/** What the reading of one document may take. */
export interface ReadingLimits {
  /** Of the process's data, in mebibytes, some 550 of which Node takes by itself. */
  readonly memoryMb: number;
  /** From the document handed over to its text received. */
  readonly timeMs: number;
  readonly format: FormatLimits;
}

/** How many documents are read at a time, and what each may take. */
export interface ReadingSettings {
  /** Documents under way, from 1 to 8. */
  readonly concurrency: number;
  /** Processes that are kept ready for the next documents, once there was one. */
  readonly spares: number;
  /** Documents that may wait for their turn; one more is refused. */
  readonly waitingMax: number;
  readonly limits: ReadingLimits;
}

/** Under this, Node 24 with PDFium in it does not start: V8 reserves 512 MiB for code, and Linux counts them as data. */
export const memoryMbMin = 640;
const memoryMbDefault = 768;
const timeMsDefault = 30_000;
export const concurrencyMax = 8;

/** Of text, in UTF-16 units: some twenty megabytes. */
const textCharsMaxDefault = 20 * 1024 * 1024;

/** What an operator may say of them. */
export interface StatedReadingSettings {
  readonly concurrency?: number;
  readonly spares?: number;
  readonly waitingMax?: number;
  readonly memoryMb?: number;
  readonly timeMs?: number;
  readonly textCharsMax?: number;
}

/**
 * The settings for a machine of `cores` processors, with what the operator says in their place. As many documents at a time as
 * there are processors, but two at the least: a long one must not hold up all others.
 */
export function readingSettings(cores: number, stated: StatedReadingSettings): ReadingSettings {
  const concurrency = stated.concurrency ?? Math.min(concurrencyMax, Math.max(2, cores));
  return {
    concurrency,
    spares: stated.spares ?? Math.min(2, concurrency),
    waitingMax: stated.waitingMax ?? 100,
    limits: {
      memoryMb: stated.memoryMb ?? memoryMbDefault,
      timeMs: stated.timeMs ?? timeMsDefault,
      format: {
        textCharsMax: stated.textCharsMax ?? textCharsMaxDefault,
        unpackedBytesMax: 256 * 1024 * 1024,
        entriesMax: 10_000,
        depthMax: 256,
      },
    },
  };
}
