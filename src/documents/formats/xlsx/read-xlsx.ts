import type { FormatReader } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import { readDrawnParts } from '../ooxml/drawn-parts.ts';
import type { OoxmlPackage } from '../ooxml/ooxml-package.ts';
import { openOoxml } from '../ooxml/ooxml-package.ts';
import { SheetCells, cellPlace } from '../spreadsheet/sheet-cells.ts';
import type { XmlHandler } from '../xml-events.ts';
import { DrawingText } from './drawing-text.ts';
import { SharedStrings } from './shared-strings.ts';
import { SheetComments } from './sheet-comments.ts';
import type { Workbook } from './sheet-reader.ts';
import { SheetReader } from './sheet-reader.ts';
import { WorkbookStyles } from './workbook-styles.ts';

interface Sheet {
  readonly name: string;
  readonly relationship: string;
  readonly isHidden: boolean;
}

const sheetsMax = 2_000;

/**
 * Reads a workbook (XLSX, XLSM, XLTX): each sheet under its name, as a table of what its cells show; hidden sheets are marked, hidden rows
 * are there and noted, comments stand at the end. Formulas show their kept result. Throws `UnreadableDocument`.
 */
export const readXlsx: FormatReader = async (input) => {
  const document = await openOoxml(input);
  const main = (await document.parts('', 'officeDocument'))[0] ?? 'xl/workbook.xml';
  if (/\.bin$/i.test(main)) throw new UnreadableDocument('unsupported', 'binary workbooks (XLSB) cannot be read; save it as XLSX');
  if (!document.zip.has(main)) throw new UnreadableDocument('damaged', 'the document is damaged: it has no workbook part; save it anew and send it again');
  const writer = new MarkdownWriter(input.limits.textCharsMax);
  const { sheets, isDate1904 } = await readSheetList(document, main);
  const strings = new SharedStrings();
  await document.read((await document.parts(main, 'sharedStrings'))[0], strings);
  const styles = new WorkbookStyles();
  await document.read((await document.parts(main, 'styles'))[0], styles);
  const workbook: Workbook = { strings: strings.texts, styles, isDate1904 };
  const relationships = await document.relationships(main);
  const notes = strings.isDone() ? ['The workbook has more texts than can be shown; cells that refer to the rest of them are empty.'] : [];
  let noteCount = 0;
  for (const [index, sheet] of sheets.entries()) {
    if (writer.isFull) break;
    const part = relationships.get(sheet.relationship);
    if (part === undefined || part.isExternal) continue;
    writer.paragraph(sheet.isHidden ? `${sheet.name} (hidden)` : sheet.name, { kind: 'heading', level: 2 });
    const read = await readSheet(document, part.target, workbook, writer, { charsMax: input.limits.textCharsMax, noteCount });
    noteCount = read.noteCount;
    if (read.isCut) notes.push(`Sheet ${index + 1} is larger than can be shown; the rest of it is left out.`);
    if (read.hiddenRowCount > 0) notes.push(`Sheet ${index + 1} has ${read.hiddenRowCount} hidden rows; they are included.`);
  }
  const { text, notes: writerNotes } = writer.finish();
  const title = await document.title();
  return { ...(title === undefined ? {} : { title }), text, pageCount: sheets.length, notes: [...writerNotes, ...notes, ...document.faultNotes()] };
};

async function readSheetList(document: OoxmlPackage, main: string): Promise<{ sheets: readonly Sheet[]; isDate1904: boolean }> {
  const sheets: Sheet[] = [];
  let isDate1904 = false;
  const handler: XmlHandler = {
    open: (name, attributes) => {
      if (name === 'workbookPr') isDate1904 = ['1', 'true', 'on'].includes(attributes['date1904'] ?? '');
      if (name !== 'sheet' || sheets.length >= sheetsMax) return;
      const state = attributes['state'] ?? 'visible';
      sheets.push({ name: attributes['name'] ?? '', relationship: attributes['r:id'] ?? '', isHidden: state !== 'visible' });
    },
    close: () => {},
    text: () => {},
  };
  await document.read(main, handler);
  return { sheets, isDate1904 };
}

/** Writes one sheet with its links and comments, and what is drawn upon it. Notes count on from `noteCount`. */
async function readSheet(
  document: OoxmlPackage, part: string, workbook: Workbook, writer: MarkdownWriter, so: { readonly charsMax: number; readonly noteCount: number },
): Promise<{ readonly noteCount: number; readonly hiddenRowCount: number; readonly isCut: boolean }> {
  const cells = new SheetCells(so.charsMax);
  const reader = new SheetReader(workbook, cells);
  await document.read(part, reader);
  const relationships = await document.relationships(part);
  for (const [name, id] of reader.links) {
    const place = cellPlace(name);
    const target = relationships.get(id);
    const text = place === undefined ? undefined : cells.get(place.row, place.column)?.trim();
    if (place === undefined || text === undefined || target?.isExternal !== true || target.target === text || !/^(https?|mailto):[^\s()]{1,2000}$/i.test(target.target)) continue;
    cells.set(place.row, place.column, `[${text}](${target.target})`);
  }
  const comments = new SheetComments();
  for (const commentsPart of await document.parts(part, 'comments')) await document.read(commentsPart, comments);
  let noteCount = so.noteCount;
  for (const { name, text } of comments.comments) {
    const place = cellPlace(name);
    if (place === undefined || text === '') continue;
    noteCount += 1;
    cells.set(place.row, place.column, `${cells.get(place.row, place.column) ?? ''}[^${noteCount}]`);
    writer.openNote(String(noteCount));
    writer.text(text);
    writer.closeNote();
  }
  cells.write(writer);
  for (const drawing of await document.parts(part, 'drawing')) {
    await document.read(drawing, new DrawingText(writer, await readDrawnParts(document, drawing)));
  }
  return { noteCount, hiddenRowCount: reader.hiddenRowCount, isCut: cells.isFull };
}
