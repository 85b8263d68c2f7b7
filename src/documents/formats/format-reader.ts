/** How much a document may unfold to. */
export interface FormatLimits {
  /** Of the text that comes out, in UTF-16 units; a reader stops there and notes it. */
  readonly textCharsMax: number;
  /** Of everything that is unpacked from one container, together. */
  readonly unpackedBytesMax: number;
  /** Of the entries of a container. */
  readonly entriesMax: number;
  /** Of nested elements, groups or archives. */
  readonly depthMax: number;
}

/** Reads the text of pictures, if there is a program for it. */
export interface PictureReader {
  /** Markdown-free text of a PNG, JPEG, TIFF, BMP, WebP, GIF or PNM; undefined: it failed, or the time for pictures is used up. */
  read(picture: Uint8Array): Promise<string | undefined>;
}

/** A whole document in memory: readers run in a process of their own, with a limit on it. */
export interface FormatInput {
  readonly bytes: Uint8Array;
  readonly filename: string;
  readonly limits: FormatLimits;
  /** Undefined: no such program is installed. */
  readonly pictures?: PictureReader;
  /** True when most of the time is used up: what can stop then should, and note what is missing. Undefined: there is no hurry. */
  readonly outOfTime?: () => boolean;
}

/** What a reader makes of a document. */
export interface FormatText {
  readonly title?: string;
  /** Markdown. */
  readonly text: string;
  readonly pageCount?: number;
  readonly notes?: readonly string[];
}

/** One format's reader. Throws `UnreadableDocument`; anything else that it throws is taken for a damaged document. */
export type FormatReader = (input: FormatInput) => Promise<FormatText>;

export type UnreadableReason = 'encrypted' | 'damaged' | 'too-large' | 'unsupported' | 'needs-program';

/** Why a document gives no text. The message is public, and says what to do; it holds nothing of the document. */
export class UnreadableDocument extends Error {
  readonly reason: UnreadableReason;

  constructor(reason: UnreadableReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'UnreadableDocument';
    this.reason = reason;
  }
}
