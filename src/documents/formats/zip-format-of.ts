import { UnreadableDocument } from './format-reader.ts';

type ZipFormat = 'docx' | 'xlsx' | 'pptx' | 'odt' | 'ods' | 'odp' | 'epub';

const endMark = Buffer.from([0x50, 0x4b, 5, 6]);
const entryMark = 0x0201_4b50;
const endBytes = 22;
const commentBytesMax = 65_535;
/** Enough to meet the part that tells what a package is. */
const entriesMax = 10_000;

const byMimeType: readonly (readonly [string, ZipFormat])[] = [
  ['application/epub+zip', 'epub'],
  ['application/vnd.oasis.opendocument.text', 'odt'],
  ['application/vnd.oasis.opendocument.spreadsheet', 'ods'],
  ['application/vnd.oasis.opendocument.presentation', 'odp'],
];

const byEntry: readonly (readonly [RegExp, ZipFormat])[] = [
  [/^word\/document\d*\.xml$/i, 'docx'],
  [/^xl\/workbook\d*\.xml$/i, 'xlsx'],
  [/^ppt\/presentation\d*\.xml$/i, 'pptx'],
  [/^word\//i, 'docx'],
  [/^xl\/worksheets\//i, 'xlsx'],
  [/^ppt\/slides\//i, 'pptx'],
  [/^META-INF\/container\.xml$/i, 'epub'],
];

/**
 * What a ZIP archive is, by the type that its first entry states (OpenDocument, EPUB) or by its entries' names. Throws
 * `UnreadableDocument` for an archive that is no document.
 */
export function zipFormatOf(buffer: Buffer): ZipFormat {
  // Both standards want this entry first, stored without compression, so that it stands at a fixed place.
  const start = buffer.subarray(30, 128).toString('latin1');
  const stated = /^mimetype(application\/[\w.+-]+)/.exec(start)?.[1];
  const byType = stated === undefined ? undefined : byMimeType.find(([type]) => stated.startsWith(type));
  if (byType !== undefined) return byType[1];
  const names = entryNames(buffer);
  if (names === undefined) throw new UnreadableDocument('damaged', 'the document is cut short or damaged: its list of contents is missing; save it anew and send it again');
  if (names.some((name) => /^xl\/workbook\.bin$/i.test(name))) throw new UnreadableDocument('unsupported', 'binary workbooks (XLSB) cannot be read; save it as XLSX');
  for (const [pattern, format] of byEntry) if (names.some((name) => pattern.test(name))) return format;
  throw new UnreadableDocument('unsupported', 'the file is an archive; send what is in it, file by file');
}

/** The names in the central directory; undefined when there is none. Headers are not believed further than the file goes. */
function entryNames(buffer: Buffer): readonly string[] | undefined {
  const end = buffer.lastIndexOf(endMark, buffer.length - endBytes);
  if (end < 0 || end < buffer.length - endBytes - commentBytesMax) return undefined;
  const names: string[] = [];
  let at = buffer.readUInt32LE(end + 16);
  // An archive of more than 4 GB has the place elsewhere, and none is taken here.
  while (names.length < entriesMax && at + 46 <= buffer.length && buffer.readUInt32LE(at) === entryMark) {
    const nameBytes = buffer.readUInt16LE(at + 28);
    names.push(buffer.toString('utf8', at + 46, at + 46 + nameBytes).replaceAll('\\', '/'));
    at += 46 + nameBytes + buffer.readUInt16LE(at + 30) + buffer.readUInt16LE(at + 32);
  }
  return names;
}
