import { CompoundFile } from '../compound-file.ts';
import type { FormatReader } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import type { DocPart } from './doc-file.ts';
import { DocFile, docTables, plcPositions } from './doc-file.ts';
import { DocLists } from './doc-lists.ts';
import { docRuns } from './doc-properties.ts';
import { DocStyles } from './doc-styles.ts';
import type { DocContext } from './doc-text.ts';
import { DocText } from './doc-text.ts';

interface Note {
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

const notesMax = 20_000;
const commentBytes = 30;

/** Reads a document of Word 97 to 2003 (DOC, DOT), as `readDocx` reads later ones. Throws `UnreadableDocument`. */
export const readDoc: FormatReader = async ({ bytes, limits }) => {
  const container = new CompoundFile(bytes);
  const main = container.stream('WordDocument');
  if (main === undefined) throw new UnreadableDocument('damaged', 'the document is damaged: it has no text part; save it anew and send it again');
  const file = new DocFile(main, (name) => container.stream(name));
  const references = new Map<number, string>();
  const notes = [
    ...noteTexts(file, references, 'footnotes', [docTables.footnoteReferences, 2, docTables.footnoteTexts]),
    ...noteTexts(file, references, 'endnotes', [docTables.endnoteReferences, 2, docTables.endnoteTexts]),
    ...noteTexts(file, references, 'comments', [docTables.commentReferences, commentBytes, docTables.commentTexts]),
  ];
  const context: DocContext = {
    file, styles: new DocStyles(file), lists: new DocLists(file), paragraphs: docRuns(file, 'paragraphs'), characters: docRuns(file, 'characters'), references,
  };
  const writer = new MarkdownWriter(limits.textCharsMax);
  const margins = readMargins(context, limits.textCharsMax);
  for (const header of margins.headers) writer.paragraph(header);
  new DocText(context, writer).write(file.parts.main.start, file.parts.main.end);
  for (const [start, end] of storiesOf(file, 'textBoxes', docTables.textBoxes, 22)) new DocText(context, writer).write(start, end);
  for (const footer of margins.footers) writer.paragraph(footer);
  for (const { label, start, end } of notes) {
    writer.openNote(label);
    new DocText(context, writer).write(start, end);
    writer.closeNote();
  }
  return writer.finish();
};

/** The notes of one kind, with the labels that stand for them put where they are referred to. */
function noteTexts(file: DocFile, references: Map<number, string>, part: DocPart, [from, dataBytes, texts]: readonly [number, number, number]): Note[] {
  const places = plcPositions(file.entry(from), dataBytes).slice(0, -1);
  const stories = storiesOf(file, part, texts, 0);
  const before = [...references.values()].filter((label) => !label.startsWith('comment')).length;
  return places.slice(0, notesMax).flatMap((place, index) => {
    const story = stories[index];
    if (story === undefined) return [];
    const label = part === 'comments' ? `comment-${index + 1}` : String(before + index + 1);
    references.set(place, label);
    return [{ label, start: story[0], end: story[1] }];
  });
}

/** The texts of a part, by where each begins and ends in the whole text. They never overlap. */
function storiesOf(file: DocFile, part: DocPart, table: number, dataBytes: number): [start: number, end: number][] {
  const { start, end } = file.parts[part];
  const positions = plcPositions(file.entry(table), dataBytes);
  const stories: [number, number][] = [];
  let last = start;
  for (let index = 0; index + 1 < positions.length && stories.length < notesMax; index++) {
    const from = Math.max(last, start + (positions[index] ?? 0));
    last = Math.min(end, Math.max(from, start + (positions[index + 1] ?? 0)));
    stories.push([from, last]);
  }
  return stories;
}

/** Headers and footers, each text once. A section has six: even, odd and first ones; the six before them are of notes ([MS-DOC] 2.8.22). */
function readMargins(context: DocContext, charsMax: number): { readonly headers: ReadonlySet<string>; readonly footers: ReadonlySet<string> } {
  const headers = new Set<string>();
  const footers = new Set<string>();
  for (const [index, [start, end]] of storiesOf(context.file, 'headers', docTables.headers, 0).entries()) {
    if (index < 6 || start >= end) continue;
    const writer = new MarkdownWriter(charsMax);
    new DocText(context, writer).write(start, end);
    const { text } = writer.finish();
    // What holds nothing but page numbers is none.
    if (/\p{L}/u.test(text)) ([0, 1, 4].includes(index % 6) ? headers : footers).add(text);
  }
  return { headers, footers };
}
