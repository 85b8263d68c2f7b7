import { CompoundFile } from '../compound-file.ts';
import type { FormatReader } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import { SheetCells } from '../spreadsheet/sheet-cells.ts';
import { readXlsGlobals } from './xls-globals.ts';
import { readXlsSheet } from './xls-sheet.ts';

/** Reads a workbook of Excel 5 to 2003 (XLS, XLT), as `readXlsx` reads later ones. Throws `UnreadableDocument`. */
export const readXls: FormatReader = async ({ bytes, limits }) => {
  const file = new CompoundFile(bytes);
  const stream = file.stream('Workbook') ?? file.stream('Book');
  if (stream === undefined) throw new UnreadableDocument('damaged', 'the document is damaged: it has no workbook part; save it anew and send it again');
  const globals = readXlsGlobals(stream);
  const writer = new MarkdownWriter(limits.textCharsMax);
  const notes: string[] = [];
  let noteCount = 0;
  for (const [index, sheet] of globals.sheets.entries()) {
    if (writer.isFull) break;
    writer.paragraph(sheet.isHidden ? `${sheet.name} (hidden)` : sheet.name, { kind: 'heading', level: 2 });
    const cells = new SheetCells(limits.textCharsMax);
    const extras = readXlsSheet(stream, sheet.at, globals, cells);
    for (const { row, column, author, text } of extras.comments) {
      if (text.trim() === '') continue;
      noteCount += 1;
      cells.set(row, column, `${cells.get(row, column) ?? ''}[^${noteCount}]`);
      writer.openNote(String(noteCount));
      writer.text(author.trim() === '' || text.startsWith(author) ? text : `${author}: ${text}`);
      writer.closeNote();
    }
    cells.write(writer);
    for (const text of extras.textBoxes) writer.paragraph(text);
    if (cells.isFull) notes.push(`Sheet ${index + 1} is larger than can be shown; the rest of it is left out.`);
    if (extras.hiddenRowCount > 0) notes.push(`Sheet ${index + 1} has ${extras.hiddenRowCount} hidden rows; they are included.`);
  }
  const { text, notes: writerNotes } = writer.finish();
  return { text, pageCount: globals.sheets.length, notes: [...writerNotes, ...notes] };
};
