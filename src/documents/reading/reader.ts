/**
 * What a reading process runs: it says that it is ready, takes one document from its standard input, and answers with its text. It
 * holds no secret, and expects to be killed at any time; whoever takes it over has got nothing but the document.
 */
import { Socket } from 'node:net';
import { systemClock } from '../../base/clock.ts';
import { textPieces } from '../../base/text-pieces.ts';
import { type FormatText, UnreadableDocument } from '../formats/format-reader.ts';
import { formatOf } from '../formats/format-of.ts';
import { readerOf } from '../formats/format-readers.ts';
import { Ocr } from '../formats/ocr.ts';
import { answerDescriptor, decodeRequest, encodeFrame, factsText, type FrameKind, frameKinds, type ReadingFailure, type ReadingRequest } from './reading-frame.ts';

/** Of the time that there is: then readers stop with what they have. */
const hurryShare = 0.8;

const answers = new Socket({ fd: answerDescriptor, readable: false, writable: true });
// The keeper is gone, and so is the reason to go on.
answers.on('error', () => process.exit());

function answer(kind: FrameKind, payload?: string): Promise<void> {
  return new Promise((resolve) => answers.write(encodeFrame(kind, payload), () => resolve()));
}

async function main(): Promise<void> {
  await answer(frameKinds.ready);
  const { request, bytes } = await receive();
  await readDocument(request, bytes).catch(async (thrown: unknown) => answer(frameKinds.failure, JSON.stringify(failureOf(thrown))));
  await answer(frameKinds.done);
  process.exit();
}

/** Ends the process when the input ends before the document does: then the keeper is gone. */
async function receive(): Promise<{ readonly request: ReadingRequest; readonly bytes: Uint8Array }> {
  let head: Buffer = Buffer.alloc(0);
  let request: ReadingRequest | undefined;
  let bytes = new Uint8Array(0);
  let at = 0;
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    let rest = piece;
    if (request === undefined) {
      head = Buffer.concat([head, piece]);
      const decoded = decodeRequest(head);
      if (decoded === undefined) continue;
      request = decoded.request;
      bytes = new Uint8Array(request.bytes);
      rest = head.subarray(decoded.documentAt);
    }
    bytes.set(rest, at);
    at += rest.length;
  }
  if (request === undefined || at < bytes.length) process.exit();
  return { request, bytes };
}

async function readDocument(request: ReadingRequest, bytes: Uint8Array): Promise<void> {
  const { limits, ocr, filename, timeMs } = request;
  const hurryMs = systemClock.monotonicMs() + timeMs * hurryShare;
  const { format, mimeType } = formatOf(bytes, filename);
  const read = await readerOf(format);
  const outOfTime = (): boolean => systemClock.monotonicMs() > hurryMs;
  const found = await read({ bytes, filename, limits, outOfTime, ...(ocr === undefined ? {} : { pictures: new Ocr(ocr, systemClock) }) });
  const { title, pageCount } = found;
  const { text, notes } = capped(found, limits.textCharsMax);
  await answer(frameKinds.facts, factsText({ format, mimeType, notes, ...(title === undefined ? {} : { title }), ...(pageCount === undefined ? {} : { pageCount }) }));
  // In UTF-8 a piece fits into a frame, whatever it is.
  for (const piece of textPieces(text)) await answer(frameKinds.text, piece);
}

/** The text as it may be sent: no more than the cap, and no half characters. */
function capped({ text, notes = [] }: FormatText, charsMax: number): { readonly text: string; readonly notes: readonly string[] } {
  const whole = text.toWellFormed();
  if (whole.length <= charsMax) return { text: whole, notes };
  return { text: whole.slice(0, charsMax).toWellFormed(), notes: [...notes, `the text was cut after ${charsMax} characters`] };
}

/** What refuses memory says so in several ways; all else that is thrown on the way is taken for the document's fault. */
function failureOf(thrown: unknown): ReadingFailure {
  if (thrown instanceof UnreadableDocument) return { reason: thrown.reason, message: thrown.message };
  const text = thrown instanceof Error ? thrown.message : '';
  if (/memory|allocation failed|Invalid (array|string|typed array) length/i.test(text)) return { reason: 'memory', message: '' };
  return { reason: 'damaged', message: 'the document is damaged; save it anew and send it again' };
}

await main();
