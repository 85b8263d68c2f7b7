import type { Ending } from './reading-process.ts';
import type { DocumentFacts, ReadingFailure, ReadingRequest } from './reading-frame.ts';

/** What the thread is started with. */
export interface ReadingThreadData {
  /** Program and arguments of a reading process. */
  readonly command: readonly [string, ...string[]];
  readonly spares: number;
  /** Where the kernel does not limit memory: `ps`, and at how many mebibytes a process is ended. */
  readonly watch?: { readonly ps: string; readonly memoryMb: number };
}

/** To the thread. Those of one document have its number. */
export type ReadingOrder =
  | { readonly kind: 'open'; readonly id: number; readonly request: ReadingRequest }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'close' };

/** From the thread. */
export type ReadingReport =
  /** A piece has been handed on; there is room for another. */
  | { readonly kind: 'more'; readonly id: number }
  /** The text travels as bytes that are handed over, not copied. */
  | { readonly kind: 'text'; readonly id: number; readonly facts: DocumentFacts; readonly text: Uint8Array; readonly encoding: 'latin1' | 'utf16le' }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: ReadingFailure }
  | { readonly kind: 'ended'; readonly id: number; readonly ending: Ending }
  /** The document did not arrive as announced, or no process could be started: our fault, not its. */
  | { readonly kind: 'broken'; readonly id: number; readonly message: string };
