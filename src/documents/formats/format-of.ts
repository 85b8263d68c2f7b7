import { extname } from 'node:path';
import type { DocumentFormat } from '../extraction.ts';
import { textFormatOf, type TextKind } from './text-format-of.ts';
import { UnreadableDocument } from './format-reader.ts';
import { imageKindOf, imageMimeTypes } from './image-kind.ts';
import { compoundFormatOf } from './compound-format-of.ts';
import { zipFormatOf } from './zip-format-of.ts';

export interface DetectedFormat {
  readonly format: DocumentFormat;
  readonly mimeType: string;
}

/** What can be read, for those who have sent something else. */
export const readableFormats =
  'PDF, DOCX, XLSX, PPTX, DOC, XLS, PPT, ODT, ODS, ODP, RTF, EPUB, HTML, CSV, TSV, Markdown, JSON, YAML, XML, plain text, source code, and images';

const mimeTypes: Readonly<Record<Exclude<DocumentFormat, 'image' | 'code' | 'text'>, string>> = {
  pdf: 'application/pdf',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  doc: 'application/msword',
  xls: 'application/vnd.ms-excel',
  ppt: 'application/vnd.ms-powerpoint',
  odt: 'application/vnd.oasis.opendocument.text',
  ods: 'application/vnd.oasis.opendocument.spreadsheet',
  odp: 'application/vnd.oasis.opendocument.presentation',
  rtf: 'application/rtf',
  epub: 'application/epub+zip',
  html: 'text/html',
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  markdown: 'text/markdown',
  json: 'application/json',
  yaml: 'application/yaml',
};

/** Readers of PDF take what stands before the mark for rubbish, up to so much. */
const pdfMarkAtMax = 1024;

/**
 * What a document is: by its bytes, and by its name's ending only among texts, where bytes do not tell. Throws
 * `UnreadableDocument`: `unsupported` when nobody here can read it, `encrypted` when it is an Office document behind a password.
 */
export function formatOf(bytes: Uint8Array, filename: string): DetectedFormat {
  if (bytes.length === 0) throw new UnreadableDocument('damaged', 'the file is empty');
  const ending = extname(filename).slice(1).toLowerCase();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const image = imageKindOf(buffer, ending);
  if (image !== undefined) return { format: 'image', mimeType: imageMimeTypes[image] };
  const format = binaryFormatOf(buffer, ending);
  if (format !== undefined) return { format, mimeType: mimeTypes[format] };
  const text = textFormatOf(bytes, ending);
  if (text === undefined) throw unsupported();
  return { format: text, mimeType: textMimeType(text, ending) };
}

function binaryFormatOf(buffer: Buffer, ending: string): keyof typeof mimeTypes | undefined {
  if (buffer.subarray(0, 8).equals(compoundMark)) return compoundFormatOf(buffer, ending);
  if (isZip(buffer)) return zipFormatOf(buffer);
  if (buffer.subarray(0, pdfMarkAtMax + 5).includes('%PDF-')) return 'pdf';
  if (buffer.subarray(0, 64).toString('latin1').replace(/^[\xef\xbb\xbf\s]+/, '').startsWith('{\\rtf')) return 'rtf';
  if (startsAs(buffer, [0x1f, 0x8b]) || startsAs(buffer, [0x42, 0x5a, 0x68]) || startsAs(buffer, [0x37, 0x7a, 0xbc, 0xaf]) || startsAs(buffer, [0x52, 0x61, 0x72, 0x21])) {
    throw new UnreadableDocument('unsupported', 'the file is an archive; send what is in it, file by file');
  }
  return undefined;
}

const compoundMark = Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);

/** A file's entry, or the end of an archive that holds none. */
function isZip(buffer: Buffer): boolean {
  return startsAs(buffer, [0x50, 0x4b, 3, 4]) || startsAs(buffer, [0x50, 0x4b, 5, 6]);
}

function startsAs(buffer: Buffer, mark: readonly number[]): boolean {
  return mark.every((byte, at) => buffer[at] === byte);
}

function textMimeType(format: TextKind, ending: string): string {
  if (format === 'code') return ending === 'xml' ? 'application/xml' : 'text/plain';
  return format === 'text' ? 'text/plain' : mimeTypes[format];
}

function unsupported(): UnreadableDocument {
  return new UnreadableDocument('unsupported', `the file is of no kind that can be read; these are: ${readableFormats}`);
}
