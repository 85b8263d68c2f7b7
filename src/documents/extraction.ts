/** What a document is, by its bytes first and its name second. */
export const documentFormats = [
  'pdf', 'docx', 'xlsx', 'pptx', 'doc', 'xls', 'ppt', 'odt', 'ods', 'odp', 'rtf', 'epub', 'html', 'csv', 'tsv', 'markdown', 'text',
  'json', 'yaml', 'code', 'image',
] as const;
export type DocumentFormat = (typeof documentFormats)[number];

/** A document to be turned into text. */
export interface DocumentSource {
  /** As its owner calls it: only the ending is looked at, as a hint. */
  readonly filename: string;
  readonly bytes: number;
  /** On whose behalf it is read: places and the queue are shared out among owners. Absent: one owner of all that are nobody's. */
  readonly owner?: string;
  /** The document, from its beginning; asked for once. */
  read(): AsyncIterable<Uint8Array>;
}

/** What a document says. */
export interface ExtractedText {
  readonly format: DocumentFormat;
  /** `application/pdf` … */
  readonly mimeType: string;
  /** As the document itself states it. */
  readonly title?: string;
  /** Markdown: headings, tables and lists as such. */
  readonly text: string;
  /** Of a PDF, or slides, or sheets. */
  readonly pageCount?: number;
  /** What a reader should know: pages without text, an OCR that is not installed, text that was cut at the cap. For people. */
  readonly notes: readonly string[];
}

/** Turns documents into text, somewhere where they can do no harm. */
export interface Extractor extends AsyncDisposable {
  /** Names what it makes of a document, in `[a-z0-9.-]`: texts that another version has read are read again. */
  readonly version: string;
  /** Throws `document_unreadable`, saying why and what to do, `documents_busy` when too many wait, and `caller_gone` when `signal` aborts it. */
  extract(source: DocumentSource, signal?: AbortSignal): Promise<ExtractedText>;
}
