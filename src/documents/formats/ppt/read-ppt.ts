import { CompoundFile } from '../compound-file.ts';
import type { FormatReader } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import type { SlidePage } from '../slide-page.ts';
import { SlidePages } from '../slide-page.ts';
import type { PptRecord } from './ppt-records.ts';
import { pptRecord, pptRecords, pptTypes } from './ppt-records.ts';
import type { PptBlock } from './ppt-slide.ts';
import { pptBlocks, writePptText } from './ppt-slide.ts';
import type { PptText } from './ppt-text.ts';
import { pptTexts } from './ppt-text.ts';

/** An entry of the list of slides, or of pages of notes. */
interface Listed {
  readonly persist: number;
  readonly id: number;
  readonly outline: readonly PptText[];
}

const encryptedToken = 0xf3d1_c4df;
const editsMax = 10_000;
const slidesMax = 10_000;
/** Placeholders that slides repeat: the date, the number, the header. */
const unwanted = new Set([7, 8, 10]);
const footer = 9;

/** Reads a presentation of PowerPoint 97 to 2003 (PPT, PPS, POT), as `readPptx` reads later ones. Throws `UnreadableDocument`. */
export const readPpt: FormatReader = async ({ bytes, limits }) => {
  const file = new CompoundFile(bytes);
  const stream = file.stream('PowerPoint Document');
  const user = file.stream('Current User');
  if (stream === undefined || user === undefined || user.length < 20) {
    throw new UnreadableDocument('damaged', 'the document is damaged, or of PowerPoint 95 or earlier; save it as PPTX');
  }
  if (user.readUInt32LE(12) === encryptedToken || file.has('EncryptedSummary')) {
    throw new UnreadableDocument('encrypted', 'the document is encrypted; save it without a password and send it again');
  }
  const { persisted, document } = readEdits(stream, user.readUInt32LE(16));
  const slides = document === undefined ? [] : listed(document, 0);
  const notesPages = new Map((document === undefined ? [] : listed(document, 2)).map((page) => [page.id, page]));
  const writer = new MarkdownWriter(limits.textCharsMax);
  const pages = new SlidePages(writer);
  for (const [index, slide] of slides.entries()) {
    if (writer.isFull) break;
    const record = recordAt(stream, persisted.get(slide.persist), pptTypes.slide);
    const blocks = record === undefined ? [] : drawnBlocks(record, slide.outline, limits.depthMax);
    const notes = record === undefined ? undefined : notesPages.get(notesIdOf(record));
    const page = recordAt(stream, notes === undefined ? undefined : persisted.get(notes.persist), pptTypes.notes);
    pages.write({
      ...shownParts(blocks, limits.textCharsMax), number: index + 1, isHidden: record !== undefined && isHidden(record), comments: [],
      notes: page === undefined ? '' : notesText(drawnBlocks(page, notes?.outline ?? [], limits.depthMax)),
    });
  }
  const { text, notes } = writer.finish();
  return { text, pageCount: slides.length, notes };
};

/** Where the parts of the document are: each saving lists those that it has changed, and names the saving before ([MS-PPT] 2.1.2). */
function readEdits(stream: Buffer, start: number): { readonly persisted: ReadonlyMap<number, number>; readonly document: PptRecord | undefined } {
  const persisted = new Map<number, number>();
  let documentId: number | undefined;
  const seen = new Set<number>();
  for (let at = start; at > 0 && !seen.has(at) && seen.size < editsMax;) {
    seen.add(at);
    const edit = recordAt(stream, at, pptTypes.userEdit);
    if (edit === undefined || edit.data.length < 20) break;
    documentId ??= edit.data.readUInt32LE(16);
    const directory = recordAt(stream, edit.data.readUInt32LE(12), pptTypes.persistDirectory);
    if (directory !== undefined) readDirectory(directory.data, persisted);
    at = edit.data.readUInt32LE(8);
  }
  return { persisted, document: recordAt(stream, documentId === undefined ? undefined : persisted.get(documentId), pptTypes.document) };
}

function readDirectory(data: Buffer, persisted: Map<number, number>): void {
  for (let at = 0; at + 4 <= data.length;) {
    const entry = data.readUInt32LE(at);
    at += 4;
    for (let index = 0; index < entry >>> 20 && at + 4 <= data.length; index++, at += 4) {
      const id = (entry & 0xf_ffff) + index;
      if (!persisted.has(id)) persisted.set(id, data.readUInt32LE(at));
    }
  }
}

function recordAt(stream: Buffer, at: number | undefined, type: number): PptRecord | undefined {
  const record = at === undefined ? undefined : pptRecord(stream, at);
  return record?.type === type ? record : undefined;
}

/** The slides (0) or pages of notes (2) in their order, with the texts that their placeholders keep here. */
function listed(document: PptRecord, instance: number): Listed[] {
  const found: { persist: number; id: number; records: PptRecord[] }[] = [];
  for (const list of pptRecords(document.data)) {
    if (list.type !== pptTypes.slideList || list.instance !== instance) continue;
    for (const record of pptRecords(list.data)) {
      if (record.type !== pptTypes.slidePersist) found.at(-1)?.records.push(record);
      else if (record.data.length >= 16 && found.length < slidesMax) found.push({ persist: record.data.readUInt32LE(0), id: record.data.readUInt32LE(12), records: [] });
    }
  }
  return found.map(({ persist, id, records }) => ({ persist, id, outline: pptTexts(records) }));
}

function drawnBlocks(slide: PptRecord, outline: readonly PptText[], depthMax: number): PptBlock[] {
  for (const record of pptRecords(slide.data)) if (record.type === pptTypes.drawing) return pptBlocks(record.data, outline, depthMax);
  return outline.map((text) => ({ kind: 'text', text, placeholder: 0 }));
}

function isHidden(slide: PptRecord): boolean {
  for (const { type, data } of pptRecords(slide.data)) if (type === pptTypes.slideShowInfo && data.length >= 12) return (data.readUInt16LE(10) & 4) !== 0;
  return false;
}

function notesIdOf(slide: PptRecord): number {
  for (const { type, data } of pptRecords(slide.data)) if (type === pptTypes.slideAtom && data.length >= 20) return data.readUInt32LE(16);
  return 0;
}

function shownParts(blocks: readonly PptBlock[], charsMax: number): Pick<SlidePage, 'title' | 'text' | 'footer'> {
  const writer = new MarkdownWriter(charsMax);
  const titles: string[] = [];
  const footers: string[] = [];
  for (const block of blocks) {
    if (block.kind === 'table') writer.table(block.rows);
    else if (block.text.kind === 0 || block.text.kind === 6) titles.push(plainText(block.text));
    else if (block.placeholder === footer) footers.push(plainText(block.text));
    else if (!unwanted.has(block.placeholder)) writePptText(writer, block.text);
  }
  return { title: titles.join(' ').trim(), text: writer.finish().text, footer: footers.join(' ').trim() };
}

/** What is written on a page of notes: PowerPoint says of it that it is notes, LibreOffice that it is some text. */
const noteKinds = new Set([2, 4]);
/** Stands where the number of the page is to be. */
const numberMark = '*';

function notesText(blocks: readonly PptBlock[]): string {
  const texts = blocks.flatMap((block) => (block.kind === 'text' && noteKinds.has(block.text.kind) && !unwanted.has(block.placeholder) ? [plainText(block.text).trim()] : []));
  return texts.filter((text) => text !== numberMark).join('\n').trim();
}

function plainText(text: PptText): string {
  return text.paragraphs.map((paragraph) => paragraph.text).join('\n');
}
