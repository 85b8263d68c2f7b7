import type { DocumentFormat } from '../extraction.ts';
import { type FormatReader, UnreadableDocument } from './format-reader.ts';

/** Who reads which format. Each is loaded when it is needed: a reading process reads one document. */
const readers: Partial<Readonly<Record<DocumentFormat, () => Promise<FormatReader>>>> = {
  docx: async () => (await import('./docx/read-docx.ts')).readDocx,
  xlsx: async () => (await import('./xlsx/read-xlsx.ts')).readXlsx,
  pptx: async () => (await import('./pptx/read-pptx.ts')).readPptx,
  doc: async () => (await import('./doc/read-doc.ts')).readDoc,
  xls: async () => (await import('./xls/read-xls.ts')).readXls,
  ppt: async () => (await import('./ppt/read-ppt.ts')).readPpt,
  odt: async () => (await import('./odf/read-odf.ts')).readOdf,
  ods: async () => (await import('./odf/read-odf.ts')).readOdf,
  odp: async () => (await import('./odf/read-odf.ts')).readOdf,
  rtf: async () => (await import('./rtf/read-rtf.ts')).readRtf,
  epub: async () => (await import('./epub/read-epub.ts')).readEpub,
  html: async () => (await import('./html/read-html.ts')).readHtml,
  pdf: async () => (await import('./pdf/read-pdf.ts')).readPdf,
  image: async () => (await import('./image.ts')).readImage,
  csv: async () => (await import('./delimited-text.ts')).readDelimitedText,
  tsv: async () => (await import('./delimited-text.ts')).readDelimitedText,
  text: async () => (await import('./plain-text.ts')).readPlainText,
  markdown: async () => (await import('./plain-text.ts')).readPlainText,
  json: async () => (await import('./plain-text.ts')).readPlainText,
  yaml: async () => (await import('./plain-text.ts')).readPlainText,
  code: async () => (await import('./plain-text.ts')).readPlainText,
};

/** Throws `UnreadableDocument` when nobody reads that format here. */
export async function readerOf(format: DocumentFormat): Promise<FormatReader> {
  const load = readers[format];
  if (load === undefined) throw new UnreadableDocument('unsupported', `documents of the kind ${format.toUpperCase()} cannot be read here`);
  return load();
}
