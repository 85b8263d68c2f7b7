import { type RawEntry, rawZip } from './raw-zip.ts';

const xmlHead = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const relationships = 'http://schemas.openxmlformats.org/package/2006/relationships';
const office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const contentTypes = 'application/vnd.openxmlformats-officedocument';

/** What every DOCX of ours has in common. */
export const wordNamespaces = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="${office}"`;
export const sheetNamespaces = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="${office}"`;
export const slideNamespaces = `xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="${office}"`;
export const odfNamespaces =
  'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" ' +
  'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"';

interface Relation {
  readonly id: string;
  readonly type: string;
  readonly target: string;
  readonly external?: boolean;
}

export function relations(all: readonly Relation[]): string {
  const lines = all.map(({ id, type, target, external }) => `<Relationship Id="${id}" Type="${office}/${type}" Target="${target}"${external ? ' TargetMode="External"' : ''}/>`);
  return `${xmlHead}<Relationships xmlns="${relationships}">${lines.join('')}</Relationships>`;
}

function types(overrides: readonly (readonly [part: string, type: string])[]): RawEntry {
  const lines = overrides.map(([part, type]) => `<Override PartName="${part}" ContentType="${contentTypes}.${type}+xml"/>`);
  const defaults = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>';
  return { name: '[Content_Types].xml', data: `${xmlHead}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">${defaults}${lines.join('')}</Types>` };
}

function root(target: string): RawEntry {
  return { name: '_rels/.rels', data: relations([{ id: 'rId1', type: 'officeDocument', target }]) };
}

export function paragraph(text: string): string {
  return `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`;
}

export function wordDocument(body: string, doctype = ''): string {
  return `${xmlHead}${doctype}<w:document ${wordNamespaces}><w:body>${body}</w:body></w:document>`;
}

/** A DOCX around one `word/document.xml`, which may be an entry of any kind. */
export function docxOf(document: string | RawEntry, more: readonly RawEntry[] = [], comment = ''): Buffer {
  const entry = typeof document === 'string' ? { name: 'word/document.xml', data: document } : document;
  return rawZip([types([['/word/document.xml', 'wordprocessingml.document.main']]), root('word/document.xml'), entry, ...more], comment);
}

export function worksheet(rows: string, after = ''): string {
  return `${xmlHead}<worksheet ${sheetNamespaces}><sheetData>${rows}</sheetData>${after}</worksheet>`;
}

interface XlsxParts {
  readonly sheet: string | RawEntry;
  readonly strings?: string | RawEntry;
  /** How often the one sheet is listed. */
  readonly times?: number;
  readonly more?: readonly RawEntry[];
}

export function xlsxOf({ sheet, strings, times = 1, more = [] }: XlsxParts): Buffer {
  const listed = Array.from({ length: times }, (_unused, index) => `<sheet name="Sheet ${index + 1}" sheetId="${index + 1}" r:id="rId1"/>`).join('');
  const sheetEntry = typeof sheet === 'string' ? { name: 'xl/worksheets/sheet1.xml', data: sheet } : sheet;
  const stringsEntry = strings === undefined ? [] : [typeof strings === 'string' ? { name: 'xl/sharedStrings.xml', data: strings } : strings];
  const overrides: [string, string][] = [['/xl/workbook.xml', 'spreadsheetml.sheet.main'], ['/xl/worksheets/sheet1.xml', 'spreadsheetml.worksheet']];
  return rawZip([
    types([...overrides, ...(strings === undefined ? [] : [['/xl/sharedStrings.xml', 'spreadsheetml.sharedStrings'] as const])]),
    root('xl/workbook.xml'),
    { name: 'xl/workbook.xml', data: `${xmlHead}<workbook ${sheetNamespaces}><sheets>${listed}</sheets></workbook>` },
    { name: 'xl/_rels/workbook.xml.rels', data: relations([{ id: 'rId1', type: 'worksheet', target: 'worksheets/sheet1.xml' }, { id: 'rId2', type: 'sharedStrings', target: 'sharedStrings.xml' }]) },
    sheetEntry, ...stringsEntry, ...more,
  ]);
}

export function pptxOf(slide: string, times = 1): Buffer {
  const listed = Array.from({ length: times }, (_unused, index) => `<p:sldId id="${256 + index}" r:id="rId1"/>`).join('');
  return rawZip([
    types([['/ppt/presentation.xml', 'presentationml.presentation.main'], ['/ppt/slides/slide1.xml', 'presentationml.slide']]),
    root('ppt/presentation.xml'),
    { name: 'ppt/presentation.xml', data: `${xmlHead}<p:presentation ${slideNamespaces}><p:sldIdLst>${listed}</p:sldIdLst></p:presentation>` },
    { name: 'ppt/_rels/presentation.xml.rels', data: relations([{ id: 'rId1', type: 'slide', target: 'slides/slide1.xml' }]) },
    { name: 'ppt/slides/slide1.xml', data: slide },
  ]);
}

export function slide(shapes: string): string {
  return `${xmlHead}<p:sld ${slideNamespaces}><p:cSld><p:spTree>${shapes}</p:spTree></p:cSld></p:sld>`;
}

export type OdfKind = 'text' | 'spreadsheet' | 'presentation';

export function odfContent(kind: OdfKind, body: string, doctype = ''): string {
  return `${xmlHead}${doctype}<office:document-content ${odfNamespaces} office:version="1.2"><office:body><office:${kind}>${body}</office:${kind}></office:body></office:document-content>`;
}

export function odfOf(kind: OdfKind, content: string | RawEntry, more: readonly RawEntry[] = []): Buffer {
  const entry = typeof content === 'string' ? { name: 'content.xml', data: content } : content;
  return rawZip([{ name: 'mimetype', data: `application/vnd.oasis.opendocument.${kind}`, stored: true }, entry, ...more]);
}

interface EpubParts {
  /** Manifest: id and path of each chapter; the path may lead anywhere. */
  readonly items: readonly (readonly [id: string, href: string])[];
  readonly spine: readonly string[];
  readonly entries: readonly RawEntry[];
  readonly doctype?: string;
}

export function epubOf({ items, spine, entries, doctype = '' }: EpubParts): Buffer {
  const manifest = items.map(([id, href]) => `<item id="${id}" href="${href}" media-type="application/xhtml+xml"/>`).join('');
  const refs = spine.map((id) => `<itemref idref="${id}"/>`).join('');
  const metadata = '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Hostile</dc:title></metadata>';
  return rawZip([
    { name: 'mimetype', data: 'application/epub+zip', stored: true },
    { name: 'META-INF/container.xml', data: `${xmlHead}<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>` },
    { name: 'OEBPS/book.opf', data: `${xmlHead}${doctype}<package xmlns="http://www.idpf.org/2007/opf" version="3.0">${metadata}<manifest>${manifest}</manifest><spine>${refs}</spine></package>` },
    ...entries,
  ]);
}

export function chapter(body: string, doctype = '<!DOCTYPE html>'): string {
  return `${xmlHead}${doctype}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Chapter</title></head><body>${body}</body></html>`;
}
