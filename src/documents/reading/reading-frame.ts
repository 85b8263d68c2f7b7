/**
 * What a reading process and its keeper say to each other. The keeper writes one request (a length, JSON, the document's bytes) to
 * the process's standard input; the process answers on descriptor 3 in frames: a kind, a length of four bytes, the payload.
 */
import { type DocumentFormat, documentFormats } from '../extraction.ts';
import type { FormatLimits, UnreadableReason } from '../formats/format-reader.ts';
import type { OcrProgram } from '../formats/ocr.ts';

/** The descriptor that answers come by: standard output is for what libraries print, and nobody reads it. */
export const answerDescriptor = 3;

export const frameKinds = { ready: 1, facts: 2, text: 3, failure: 4, done: 5 } as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

/** Of one frame: a piece of text, or facts with their notes. */
export const payloadBytesMax = 256 * 1024;
const headBytes = 5;
const lengthBytes = 4;

/** What the process is asked. The document's bytes follow it. */
export interface ReadingRequest {
  readonly filename: string;
  readonly bytes: number;
  readonly limits: FormatLimits;
  /** After which the process is killed. */
  readonly timeMs: number;
  /** Undefined: there is none on this machine. */
  readonly ocr?: OcrProgram;
}

/** What is known of a document besides its text. */
export interface DocumentFacts {
  readonly format: DocumentFormat;
  readonly mimeType: string;
  readonly title?: string;
  readonly pageCount?: number;
  readonly notes: readonly string[];
}

export interface ReadingFailure {
  readonly reason: UnreadableReason | 'memory';
  readonly message: string;
}

const notesMax = 100;
const factCharsMax = 500;

/** The request's bytes, which the document's are to follow. */
export function encodeRequest(request: ReadingRequest): Buffer {
  const json = Buffer.from(JSON.stringify(request), 'utf8');
  const head = Buffer.alloc(lengthBytes);
  head.writeUInt32BE(json.length);
  return Buffer.concat([head, json]);
}

/** The request at the beginning of `bytes` and where the document begins; undefined while it is not all there. */
export function decodeRequest(bytes: Buffer): { readonly request: ReadingRequest; readonly documentAt: number } | undefined {
  if (bytes.length < lengthBytes) return undefined;
  const documentAt = lengthBytes + bytes.readUInt32BE(0);
  if (bytes.length < documentAt) return undefined;
  return { request: JSON.parse(bytes.toString('utf8', lengthBytes, documentAt)) as ReadingRequest, documentAt };
}

/** A frame's bytes: its kind, and JSON or a piece of text. */
export function encodeFrame(kind: FrameKind, payload: string = ''): Buffer {
  const body = Buffer.from(payload, 'utf8');
  const frame = Buffer.allocUnsafe(headBytes + body.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32BE(body.length, 1);
  body.copy(frame, headBytes);
  return frame;
}

/** Cuts frames out of what is read. What it is given is not to be trusted: it holds at most one frame's bytes. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  /** The frames that `bytes` completes. Throws when they are none that a reading process writes. */
  *take(bytes: Buffer): Generator<{ readonly kind: number; readonly payload: Buffer }> {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    while (this.#held.length >= headBytes) {
      const length = this.#held.readUInt32BE(1);
      if (length > payloadBytesMax) throw new Error(`a frame of ${length} bytes`);
      if (this.#held.length < headBytes + length) return;
      const kind = this.#held.readUInt8(0);
      const payload = this.#held.subarray(headBytes, headBytes + length);
      this.#held = this.#held.subarray(headBytes + length);
      yield { kind, payload };
    }
  }
}

/** Facts as a frame's payload: what is too long of them is cut, so that they always fit. */
export function factsText(facts: DocumentFacts): string {
  const { notes, title, ...others } = facts;
  const shown = notes.slice(0, notesMax).map(line);
  if (notes.length > notesMax) shown.push(`${notes.length - notesMax} more notes are left out`);
  return JSON.stringify({ ...others, ...(title === undefined ? {} : { title: line(title) }), notes: shown });
}

/** Facts from a frame, taken as a stranger's: whatever a process that was taken over may write. Throws when they are none. */
export function parseFacts(payload: Buffer): DocumentFacts {
  const value = objectOf(payload);
  const format = documentFormats.find((one) => one === value['format']);
  const { mimeType, title, pageCount, notes } = value;
  if (format === undefined || typeof mimeType !== 'string' || !Array.isArray(notes)) throw new Error('facts that are none');
  return {
    format,
    mimeType: line(mimeType),
    ...(typeof title === 'string' && title.trim() !== '' ? { title: line(title) } : {}),
    ...(typeof pageCount === 'number' && Number.isSafeInteger(pageCount) && pageCount >= 0 ? { pageCount } : {}),
    notes: notes.slice(0, notesMax + 1).filter((note) => typeof note === 'string').map(line),
  };
}

/** Throws when the payload is no failure. */
export function parseFailure(payload: Buffer): ReadingFailure {
  const { reason, message } = objectOf(payload);
  const known = (['encrypted', 'damaged', 'too-large', 'unsupported', 'needs-program', 'memory'] as const).find((one) => one === reason);
  if (known === undefined || typeof message !== 'string') throw new Error('a failure that is none');
  return { reason: known, message: line(message) };
}

function objectOf(payload: Buffer): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(payload.toString('utf8'));
  if (typeof value !== 'object' || value === null) throw new Error('no object');
  return Object.fromEntries(Object.entries(value));
}

/** One line of at most some hundred characters, without control characters. */
function line(text: string): string {
  const whole = text.slice(0, factCharsMax).replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return text.length > factCharsMax ? `${whole}…` : whole;
}
