import type { HostileFile } from './hostile-file.ts';
import { longDeflate } from './long-deflate.ts';
import { chapter, docxOf, epubOf, odfContent, odfOf, paragraph, wordDocument, worksheet, xlsxOf } from './office-parts.ts';
import { quineZip } from './quine-zip.ts';
import { centralHeader, endRecord, localHeader, rawZip } from './raw-zip.ts';
import { crc32, deflateRawSync } from 'node:zlib';

const mebibyte = 1024 * 1024;
const someParagraphs = paragraph('Nobody is going to read this, and nobody should have to unpack it.').repeat(400);
const documentHead = wordDocument('').replace('</w:body></w:document>', '');
const documentTail = '</w:body></w:document>';

/** An entry that unfolds to 1.5 GB. */
function bombEntry(name: string, head: string, piece: string, tail: string): { name: string; data: string; compressed: Buffer; claimedBytes: number } {
  const times = Math.ceil((1500 * mebibyte) / piece.length);
  return { name, data: '', compressed: longDeflate(head, piece, times, tail), claimedBytes: head.length + piece.length * times + tail.length };
}

/** A zip in a zip in a zip: ten at each of five levels, each of the last a mebibyte of zeros. 42.zip is made so. */
function nestedZips(level: number): Buffer {
  const inner = level === 0 ? Buffer.alloc(mebibyte) : nestedZips(level - 1);
  return rawZip(Array.from({ length: 10 }, (_unused, index) => ({ name: `${index}.${level === 0 ? 'dat' : 'docx'}`, data: inner })));
}

/** A thousand entries that all are the same megabyte. */
function overlapping(): Buffer {
  const data = Buffer.from(chapter(`<p>${'again '.repeat(160_000)}</p>`));
  const body = deflateRawSync(data);
  const fieldsOf = (name: string) => ({ flags: 0, method: 8, crc: crc32(data), compressedBytes: body.length, bytes: data.length, name: Buffer.from(name) });
  const names = Array.from({ length: 1000 }, (_unused, index) => `word/part${String(index).padStart(4, '0')}.xml`);
  const local = localHeader(fieldsOf('word/part0000.xml'), Buffer.alloc(0));
  const directory = Buffer.concat([...names, 'word/document.xml'].map((name) => centralHeader(fieldsOf(name), 0, 0o100644)));
  return Buffer.concat([local, body, directory, endRecord(names.length + 1, directory.length, local.length + body.length)]);
}

function manyEntries(): Buffer {
  return odfOf('text', odfContent('text', '<text:p>short</text:p>'), Array.from({ length: 60_000 }, (_unused, index) => ({ name: `Pictures/${index}.png`, data: '', stored: true })));
}

/** Every field that zip64 would hold elsewhere says so, and there is no elsewhere. */
function zip64Without(): Buffer {
  const zip = docxOf(wordDocument(paragraph('short')));
  const end = zip.length - 22;
  zip.fill(0xff, end + 8, end + 20);
  return zip;
}

const honest = docxOf(wordDocument(someParagraphs));

export const hostileZips: readonly HostileFile[] = [
  { filename: 'bomb.docx', attack: '1.5 GB of paragraphs in one entry', outcome: 'harmless', make: () => docxOf(bombEntry('word/document.xml', documentHead, someParagraphs, documentTail)) },
  { filename: 'spaces.docx', attack: '1.5 GB of spaces in one entry', outcome: 'refused', make: () => docxOf(bombEntry('word/document.xml', documentHead, ' '.repeat(mebibyte), documentTail)) },
  {
    filename: 'bomb.xlsx', attack: '1.5 GB of shared strings', outcome: 'refused',
    make: () => xlsxOf({ sheet: worksheet('<row r="1"><c r="A1" t="s"><v>0</v></c></row>'), strings: bombEntry('xl/sharedStrings.xml', '<sst>', '<si><t>stringstringstring</t></si>'.repeat(4000), '</sst>') }),
  },
  { filename: 'bomb.ods', attack: '1.5 GB of cells', outcome: 'refused', make: () => odfOf('spreadsheet', bombEntry('content.xml', odfContent('spreadsheet', '').split('</office:spreadsheet>')[0] ?? '', '<table:table-row><table:table-cell/></table:table-row>'.repeat(4000), '')) },
  { filename: 'liar.docx', attack: 'claims 100 bytes and unfolds to 1.5 GB', outcome: 'refused', make: () => docxOf({ ...bombEntry('word/document.xml', documentHead, someParagraphs, documentTail), claimedBytes: 100 }) },
  { filename: 'liar-small.docx', attack: 'claims 4 GB and has some paragraphs', outcome: 'refused', make: () => docxOf({ name: 'word/document.xml', data: wordDocument(someParagraphs), claimedBytes: 0xfffffffe }) },
  { filename: 'nested.docx', attack: 'zips in zips in zips, 10^5 MiB altogether', outcome: 'refused', make: () => nestedZips(4) },
  { filename: 'quine.docx', attack: 'a zip whose entry is the zip itself', outcome: 'refused', make: () => quineZip('word/document.xml') },
  { filename: 'overlapping.docx', attack: 'a thousand entries over one megabyte', outcome: 'harmless', make: overlapping },
  { filename: 'entries.odt', attack: '60,000 entries', outcome: 'refused', make: manyEntries },
  { filename: 'zip64.docx', attack: 'counts and offsets of 0xffffffff, and no zip64 record', outcome: 'refused', make: zip64Without },
  { filename: 'encrypted.docx', attack: 'entries with a password', outcome: 'refused', because: /encrypt|password/i, make: () => docxOf({ name: 'word/document.xml', data: wordDocument(someParagraphs), flags: 0x801 }) },
  { filename: 'half.docx', attack: 'cut in the middle', outcome: 'refused', make: () => honest.subarray(0, honest.length / 2) },
  { filename: 'no-end.docx', attack: 'cut before the last record', outcome: 'refused', make: () => honest.subarray(0, honest.length - 22) },
  { filename: 'twice.docx', attack: 'two entries of one name', outcome: 'harmless', make: () => docxOf(wordDocument(paragraph('first')), [{ name: 'word/document.xml', data: wordDocument(paragraph('second')) }]) },
  { filename: 'damaged.docx', attack: 'deflate data that is none', outcome: 'refused', make: (random) => docxOf({ name: 'word/document.xml', data: 'x', compressed: Buffer.from(Array.from({ length: 5000 }, () => random.between(0, 255))), claimedBytes: 100_000 }) },
  { filename: 'comment.docx', attack: 'a comment that looks like the end of a zip', outcome: 'harmless', make: () => docxOf(wordDocument(paragraph('short')), [], `PK\u0005\u0006${'\0'.repeat(18)}`) },
  {
    filename: 'spine.epub', attack: 'one chapter, 100,000 times in the spine', outcome: 'harmless',
    make: () => epubOf({ items: [['a', 'a.xhtml']], spine: Array.from({ length: 100_000 }, () => 'a'), entries: [{ name: 'OEBPS/a.xhtml', data: chapter(`<p>${'again '.repeat(20_000)}</p>`) }] }),
  },
];
