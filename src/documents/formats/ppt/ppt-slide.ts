import { UnreadableDocument } from '../format-reader.ts';
import type { MarkdownWriter } from '../markdown-writer.ts';
import type { PptRecord } from './ppt-records.ts';
import { pptRecords, pptTypes } from './ppt-records.ts';
import type { PptText } from './ppt-text.ts';
import { pptTexts } from './ppt-text.ts';

interface Shape {
  readonly texts: readonly PptText[];
  /** What it is a placeholder of ([MS-PPT] 2.13.21): 7 the date, 8 the number, 9 the footer, 10 the header. */
  readonly placeholder: number;
  readonly place: { readonly left: number; readonly top: number } | undefined;
}

/** What a slide or a page of notes shows, in the order of its shapes. */
export type PptBlock =
  | { readonly kind: 'text'; readonly text: PptText; readonly placeholder: number }
  | { readonly kind: 'table'; readonly rows: readonly (readonly string[])[] };

const tableProperty = 0x039f;
const blocksMax = 20_000;

/** The texts and tables of a drawing; `outline` are the texts that its placeholders keep elsewhere. Throws `UnreadableDocument` if it is nested too deeply. */
export function pptBlocks(drawing: Buffer, outline: readonly PptText[], depthMax: number): PptBlock[] {
  const blocks: PptBlock[] = [];
  const visit = (data: Buffer, depth: number): void => {
    if (depth > depthMax) throw new UnreadableDocument('too-large', `the document is nested more than ${depthMax} deep`);
    for (const record of pptRecords(data)) {
      if (blocks.length >= blocksMax) return;
      const rows = record.type === pptTypes.group && isTable(record) ? tableRows(record, outline) : undefined;
      if (rows !== undefined) blocks.push({ kind: 'table', rows });
      else if (record.type === pptTypes.shape) {
        const { texts, placeholder } = readShape(record, outline);
        for (const text of texts) blocks.push({ kind: 'text', text, placeholder });
      } else if (record.isContainer) visit(record.data, depth + 1);
    }
  };
  visit(drawing, 0);
  return blocks;
}

function readShape(shape: PptRecord, outline: readonly PptText[]): Shape {
  let texts: readonly PptText[] = [];
  let placeholder = 0;
  let place: Shape['place'];
  for (const { type, data } of pptRecords(shape.data)) {
    if (type === pptTypes.textBox) texts = boxTexts(data, outline);
    else if (type === pptTypes.childAnchor && data.length >= 16) place = { left: data.readInt32LE(0), top: data.readInt32LE(4) };
    else if (type === pptTypes.clientData) {
      for (const inner of pptRecords(data)) if (inner.type === pptTypes.placeholder) placeholder = inner.data[4] ?? 0;
    }
  }
  return { texts, placeholder, place };
}

function boxTexts(box: Buffer, outline: readonly PptText[]): readonly PptText[] {
  for (const { type, data } of pptRecords(box)) {
    if (type !== pptTypes.outlineText || data.length < 4) continue;
    const text = outline[data.readUInt32LE(0)];
    return text === undefined ? [] : [text];
  }
  return pptTexts(pptRecords(box));
}

/** A table is a group of boxes that says so of itself ([MS-ODRAW] 2.3.4.38). */
function isTable(group: PptRecord): boolean {
  const [first] = pptRecords(group.data);
  if (first?.type !== pptTypes.shape) return false;
  for (const { type, instance, data } of pptRecords(first.data)) {
    if (type !== pptTypes.tertiaryOptions) continue;
    for (let index = 0; index < instance && 6 * index + 6 <= data.length; index++) if ((data.readUInt16LE(6 * index) & 0x3fff) === tableProperty) return true;
  }
  return false;
}

/** Cells by where they are drawn. */
function tableRows(group: PptRecord, outline: readonly PptText[]): string[][] {
  const rows = new Map<number, Map<number, string>>();
  const lefts = new Set<number>();
  for (const record of pptRecords(group.data)) {
    if (record.type !== pptTypes.shape) continue;
    const { texts, place } = readShape(record, outline);
    if (place === undefined || texts.length === 0) continue;
    const row = rows.get(place.top) ?? new Map<number, string>();
    rows.set(place.top, row);
    lefts.add(place.left);
    row.set(place.left, texts.map((text) => text.paragraphs.map((paragraph) => paragraph.text).join('\n')).join('\n'));
  }
  const columns = [...lefts].toSorted((left, right) => left - right);
  return [...rows].toSorted(([left], [right]) => left - right).map(([, row]) => columns.map((left) => row.get(left) ?? ''));
}

/** Writes one text: bodies are lists, unless they say that they are not. */
export function writePptText(writer: MarkdownWriter, text: PptText): void {
  const isBody = text.kind === 1 || text.kind === 7 || text.kind === 8;
  for (const paragraph of text.paragraphs) {
    const hasBullet = paragraph.hasBullet ?? isBody;
    writer.paragraph(paragraph.text, hasBullet ? { kind: 'item', depth: paragraph.level } : { kind: 'paragraph' });
  }
}
