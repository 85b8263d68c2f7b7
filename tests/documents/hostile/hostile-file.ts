import type { RandomStream } from '../../../sim/random-stream.ts';

/** Where a hostile file tries to reach, and what it would bring home. */
export interface Bait {
  /** A listener on loopback, with a path: nobody may call. */
  readonly url: string;
  /** A name that no resolver knows: nobody may ask for it. */
  readonly hostUrl: string;
  /** A file that exists, readable by all. */
  readonly file: string;
  /** What stands in it, and at the URL. No text may hold it. */
  readonly secret: string;
  /** A path that does not exist, and must not exist afterwards. */
  readonly escapePath: string;
}

/** `refused`: only `document_unreadable` will do. `harmless`: also a text, for the file has some or might have. */
export type HostileOutcome = 'refused' | 'harmless';

export interface HostileFile {
  readonly filename: string;
  /** What is wrong with it. */
  readonly attack: string;
  readonly outcome: HostileOutcome;
  /** Made only when it is its turn: some are large. */
  readonly make: (random: RandomStream) => Uint8Array;
  /** Must stand in the text: the harmless part of the file is to be read. */
  readonly says?: string;
  /** Words of the public message of a refusal. */
  readonly because?: RegExp;
}
