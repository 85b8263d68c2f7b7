import type { FormatInput, FormatReader, FormatText } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import type { DrawnPart } from '../ooxml/drawn-parts.ts';
import { readDrawnParts } from '../ooxml/drawn-parts.ts';
import type { OoxmlPackage } from '../ooxml/ooxml-package.ts';
import { openOoxml } from '../ooxml/ooxml-package.ts';
import { readHtml } from '../html/read-html.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';
import type { NoteKind } from './docx-notes.ts';
import { DocxNotes } from './docx-notes.ts';
import { readDocxNumbering } from './docx-numbering.ts';
import { readDocxStyles } from './docx-styles.ts';
import type { DocxContext } from './docx-text.ts';
import { DocxText } from './docx-text.ts';

/** Documents within documents within documents: one level is enough. */
const chunksMax = 50;

/**
 * Reads a Word document (DOCX, DOCM, DOTX). Insertions of tracked changes are shown and deletions are not; hidden text is left out; each
 * header stands once before the text and each footer once after it; notes and comments stand at the end. Throws `UnreadableDocument`.
 */
export const readDocx: FormatReader = (input) => readWord(input, true);

async function readWord(input: FormatInput, withEmbedded: boolean): Promise<FormatText> {
  const document = await openOoxml(input);
  const main = (await document.parts('', 'officeDocument'))[0] ?? 'word/document.xml';
  if (!document.zip.has(main)) throw new UnreadableDocument('damaged', 'the document is damaged: it has no text part; save it anew and send it again');
  const writer = new MarkdownWriter(input.limits.textCharsMax);
  const context: DocxContext = {
    writer, styles: await readDocxStyles(document, main), numbering: await readDocxNumbering(document, main), notes: new DocxNotes(),
    relationships: await document.relationships(main), drawn: await readShownParts(document, main, input, withEmbedded),
  };
  const margins = await readMargins(document, main, context, input.limits.textCharsMax);
  for (const header of margins.headers) writer.paragraph(header);
  await document.read(main, new DocxText(context));
  writer.endParagraph();
  for (const footer of margins.footers) writer.paragraph(footer);
  for (const kind of ['footnotes', 'endnotes', 'comments'] as const) await readNotes(document, main, kind, context);
  const { text, notes } = writer.finish();
  const title = await document.title();
  return { ...(title === undefined ? {} : { title }), text, notes: [...notes, ...document.faultNotes()] };
}

async function readShownParts(document: OoxmlPackage, main: string, input: FormatInput, withEmbedded: boolean): Promise<Map<string, DrawnPart>> {
  const shown = await readDrawnParts(document, main);
  let chunks = 0;
  for (const [id, { type, target, isExternal }] of await document.relationships(main)) {
    if (type !== 'aFChunk' || isExternal || !withEmbedded || chunks >= chunksMax) continue;
    chunks += 1;
    const bytes = await document.zip.bytes(target);
    if (bytes === undefined) continue;
    const { text } = await readChunk({ ...input, bytes, filename: target });
    shown.set(id, (writer) => writer.paragraph(text));
  }
  return shown;
}

/** A document that is embedded whole: another Word document, a web page, or plain text. */
async function readChunk(input: FormatInput): Promise<FormatText> {
  const isZip = input.bytes[0] === 0x50 && input.bytes[1] === 0x4b;
  if (isZip) return await readWord(input, false);
  if (/\.x?html?$/i.test(input.filename)) return await readHtml(input);
  if (/\.txt$/i.test(input.filename)) return { text: new TextDecoder().decode(input.bytes) };
  return { text: '' };
}

/** Headers and footers, each text once; those that hold nothing but page numbers are none. */
async function readMargins(document: OoxmlPackage, main: string, context: DocxContext, charsMax: number): Promise<{ headers: string[]; footers: string[] }> {
  const read = async (type: string): Promise<string[]> => {
    const texts = new Set<string>();
    for (const part of await document.parts(main, type)) {
      const writer = new MarkdownWriter(charsMax);
      await document.read(part, new DocxText({
        ...context, writer, notes: new DocxNotes(), relationships: await document.relationships(part), drawn: new Map(),
      }));
      const { text } = writer.finish();
      if (/\p{L}/u.test(text)) texts.add(text);
    }
    return [...texts];
  };
  return { headers: await read('header'), footers: await read('footer') };
}

/** Writes the notes of one kind that the text has referred to. */
async function readNotes(document: OoxmlPackage, main: string, kind: NoteKind, context: DocxContext): Promise<void> {
  const part = (await document.parts(main, kind))[0];
  if (part === undefined) return;
  const text = new DocxText({ ...context, relationships: await document.relationships(part), drawn: new Map() });
  await document.read(part, new NoteSplitter(kind, context, text));
}

const noteElements: Readonly<Record<NoteKind, string>> = { footnotes: 'w:footnote', endnotes: 'w:endnote', comments: 'w:comment' };

/** Gives each note of a part that is referred to its place, and its content to the reader of texts. */
class NoteSplitter implements XmlHandler {
  readonly #kind: NoteKind;
  readonly #context: DocxContext;
  readonly #text: DocxText;
  #isInNote = false;

  constructor(kind: NoteKind, context: DocxContext, text: DocxText) {
    this.#kind = kind;
    this.#context = context;
    this.#text = text;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (name === noteElements[this.#kind]) {
      const label = this.#context.notes.known(this.#kind, attributes['w:id'] ?? '');
      this.#isInNote = label !== undefined;
      if (label === undefined) return;
      this.#context.writer.openNote(label);
      const author = attributes['w:author'] ?? '';
      if (this.#kind === 'comments' && author !== '') this.#context.writer.text(`${author}: `);
    } else if (this.#isInNote) this.#text.open(name, attributes);
  }

  close(name: string): void {
    if (name !== noteElements[this.#kind]) {
      if (this.#isInNote) this.#text.close(name);
    } else if (this.#isInNote) {
      this.#context.writer.closeNote();
      this.#isInNote = false;
    }
  }

  text(text: string): void {
    if (this.#isInNote) this.#text.text(text);
  }
}
