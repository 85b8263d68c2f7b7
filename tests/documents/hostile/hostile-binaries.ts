import { deflateSync } from 'node:zlib';
import type { HostileFile } from './hostile-file.ts';
import { docxOf, odfContent, odfOf, epubOf, chapter, paragraph, wordDocument } from './office-parts.ts';
import { rawCompound } from './raw-compound.ts';
import { onePage, rawPdf, shortContent } from './raw-pdf.ts';

const zeros = new Uint8Array(8192);

/** A record of Excel 97: type, length, content. */
function record(type: number, content: Uint8Array, claimedBytes = content.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(type, 0);
  head.writeUInt16LE(claimedBytes, 2);
  return Buffer.concat([head, content]);
}

/** A record of PowerPoint 97 that holds others, as many levels deep as asked for. */
function containers(levels: number): Buffer {
  const heads = Buffer.alloc(levels * 8);
  for (let level = 0; level < levels; level += 1) {
    heads.writeUInt16LE(0x000f, level * 8);
    heads.writeUInt16LE(0x03e8, level * 8 + 2);
    heads.writeUInt32LE((levels - level - 1) * 8, level * 8 + 4);
  }
  return heads;
}

const beginOfSheet = record(0x0809, Buffer.from('0006050000000000', 'hex'));

/** Compound files: Word, Excel and PowerPoint of old, and what encrypted new ones lie in. */
export const hostileCompounds: readonly HostileFile[] = [
  { filename: 'password.docx', attack: 'encrypted by its office program', outcome: 'refused', because: /encrypt|password/i, make: () => rawCompound([{ name: 'EncryptionInfo', data: zeros }, { name: 'EncryptedPackage', data: zeros }]) },
  { filename: 'password.xlsx', attack: 'encrypted by its office program', outcome: 'refused', because: /encrypt|password/i, make: () => rawCompound([{ name: 'EncryptedPackage', data: zeros }, { name: 'EncryptionInfo', data: zeros }]) },
  { filename: 'circle.doc', attack: 'a chain of sectors that is a circle', outcome: 'refused', make: () => rawCompound([{ name: 'WordDocument', data: zeros }], (fat) => { fat[2] = 1; }) },
  { filename: 'directory-circle.doc', attack: 'a directory that is a circle', outcome: 'refused', make: () => rawCompound([{ name: 'WordDocument', data: zeros }], (fat) => { fat[0] = 0; }) },
  { filename: 'outside.xls', attack: 'a chain of sectors that leads out of the file', outcome: 'refused', make: () => rawCompound([{ name: 'Workbook', data: zeros }], (fat) => { fat[1] = 0x7fffffff; }) },
  { filename: 'zeros.doc', attack: 'a Word document of zeros', outcome: 'refused', make: () => rawCompound([{ name: 'WordDocument', data: zeros }, { name: '1Table', data: zeros }]) },
  { filename: 'noise.xls', attack: 'records of noise', outcome: 'harmless', make: (random) => rawCompound([{ name: 'Workbook', data: Buffer.concat([beginOfSheet, Buffer.from(Array.from({ length: 60_000 }, () => random.between(0, 255)))]) }]) },
  { filename: 'strings.xls', attack: 'claims four billion strings', outcome: 'harmless', make: () => rawCompound([{ name: 'Workbook', data: Buffer.concat([beginOfSheet, record(0x00fc, Buffer.from('ffffffffffffffffffff7f00', 'hex'))]) }]) },
  { filename: 'row-lies.xls', attack: 'records that claim more than there is', outcome: 'harmless', make: () => rawCompound([{ name: 'Workbook', data: Buffer.concat([beginOfSheet, record(0x0208, Buffer.alloc(16, 0xff), 0xffff)]) }]) },
  { filename: 'deep.ppt', attack: '100,000 nested records', outcome: 'harmless', make: () => rawCompound([{ name: 'PowerPoint Document', data: containers(100_000) }, { name: 'Current User', data: zeros }]) },
  { filename: 'nothing.doc', attack: 'a compound file without streams', outcome: 'refused', make: () => rawCompound([]) },
  { filename: 'head.doc', attack: 'a compound file that ends after its header', outcome: 'refused', make: () => rawCompound([{ name: 'WordDocument', data: zeros }]).subarray(0, 512) },
];

const encryptedManifest = `<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml" manifest:size="999"><manifest:encryption-data manifest:checksum="AA=="><manifest:algorithm manifest:algorithm-name="http://www.w3.org/2001/04/xmlenc#aes256-cbc" manifest:initialisation-vector="AA=="/></manifest:encryption-data></manifest:file-entry></manifest:manifest>`;
const rights = '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/><CipherData><CipherReference URI="OEBPS/a.xhtml"/></CipherData></EncryptedData></encryption>';

/** Documents that only their owner can read. */
export const hostileSecrets: readonly HostileFile[] = [
  { filename: 'password.odt', attack: 'an encrypted OpenDocument', outcome: 'refused', because: /encrypt|password/i, make: (random) => odfOf('text', { name: 'content.xml', data: Buffer.from(Array.from({ length: 4000 }, () => random.between(0, 255))), stored: true }, [{ name: 'META-INF/manifest.xml', data: encryptedManifest }]) },
  { filename: 'rights.epub', attack: 'a book under digital rights management', outcome: 'refused', because: /encrypt|password|protect|rights/i, make: (random) => epubOf({ items: [['a', 'a.xhtml']], spine: ['a'], entries: [{ name: 'OEBPS/a.xhtml', data: Buffer.from(Array.from({ length: 4000 }, () => random.between(0, 255))), stored: true }, { name: 'META-INF/encryption.xml', data: rights }, { name: 'META-INF/rights.xml', data: '<rights/>' }] }) },
];

function pngChunk(type: string, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, data, Buffer.alloc(4)]);
}

function png(width: number, height: number, ...chunks: readonly Buffer[]): Buffer {
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  size.writeUInt8(8, 8);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), pngChunk('IHDR', size), ...chunks, pngChunk('IEND', new Uint8Array(0))]);
}

/** A TIFF whose directory says these entries: tag, type, count, value. */
function tiff(entries: readonly (readonly [number, number, number, number])[], next: number): Buffer {
  const directory = Buffer.alloc(2 + entries.length * 12 + 4);
  directory.writeUInt16LE(entries.length, 0);
  for (const [index, [tag, type, count, value]] of entries.entries()) {
    directory.writeUInt16LE(tag, 2 + index * 12);
    directory.writeUInt16LE(type, 4 + index * 12);
    directory.writeUInt32LE(count, 6 + index * 12);
    directory.writeUInt32LE(value, 10 + index * 12);
  }
  directory.writeUInt32LE(next, directory.length - 4);
  return Buffer.concat([Buffer.from('49492a0008000000', 'hex'), directory]);
}

/** Pictures that are larger than they look, or none. */
export const hostilePictures: readonly HostileFile[] = [
  { filename: 'large.png', attack: '30,000 × 30,000 points in a megabyte', outcome: 'harmless', make: () => png(30_000, 30_000, pngChunk('IDAT', deflateSync(Buffer.alloc(100_000_000)))) },
  { filename: 'larger.png', attack: '2^31 × 2^31 points', outcome: 'harmless', make: () => png(0x7fffffff, 0x7fffffff) },
  { filename: 'text-bomb.png', attack: '100 MB of comment', outcome: 'harmless', make: () => png(10, 10, pngChunk('zTXt', Buffer.concat([Buffer.from('a\0\0'), deflateSync(Buffer.alloc(100_000_000))]))) },
  { filename: 'chunk.png', attack: 'a chunk that claims 4 GB', outcome: 'harmless', make: () => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('ffffffff49484452', 'hex')]) },
  { filename: 'circle.tiff', attack: 'a directory that follows itself', outcome: 'harmless', make: () => tiff([[256, 4, 1, 100], [257, 4, 1, 100]], 8) },
  { filename: 'counts.tiff', attack: 'counts and offsets of 4 billion', outcome: 'harmless', make: () => tiff([[256, 4, 0xffffffff, 0xffffffff], [257, 4, 0xffffffff, 0xfffffff0], [273, 4, 0xffffffff, 0xffffffff]], 0) },
  { filename: 'lies.webp', attack: 'a size of 4 GB, and a header that is cut', outcome: 'harmless', make: () => Buffer.from('52494646ffffffff5745425056503820', 'hex') },
  { filename: 'extended.webp', attack: '2^24 × 2^24 points, without data', outcome: 'harmless', make: () => Buffer.concat([Buffer.from('52494646160000005745425056503858', 'hex'), Buffer.from('0a00000000000000ffffffffffff', 'hex')]) },
  { filename: 'segments.jpg', attack: 'segments of length zero', outcome: 'harmless', make: () => Buffer.concat([Buffer.from('ffd8', 'hex'), Buffer.from('ffe00000'.repeat(50_000), 'hex')]) },
  { filename: 'large.gif', attack: '65,535 × 65,535 points in 20 bytes', outcome: 'harmless', make: () => Buffer.concat([Buffer.from('GIF89a'), Buffer.from('ffffffff80000000000000000000003b', 'hex')]) },
  { filename: 'cut.avif', attack: 'boxes that claim more than there is', outcome: 'harmless', make: () => Buffer.from('0000001c667479706176696600000000617669666d696631ffffffff6d657461', 'hex') },
  { filename: 'use.svg', attack: 'parts that use parts that use parts, 10^9 altogether', outcome: 'harmless', make: () => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"><defs><text id="u0">ha</text>${Array.from({ length: 9 }, (_unused, index) => `<g id="u${index + 1}">${`<use href="#u${index}"/>`.repeat(10)}</g>`).join('')}</defs><use href="#u9"/></svg>`) },
  { filename: 'deep.svg', attack: 'a million nested groups', outcome: 'harmless', make: () => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${'<g>'.repeat(1_000_000)}`) },
];

const shortPdf = rawPdf(onePage(shortContent));
const shortDocx = docxOf(wordDocument(paragraph('short')));

/** Files that are two things, or not what they are called. */
export const hostileGuises: readonly HostileFile[] = [
  { filename: 'both.pdf', attack: 'a PDF and a zip', outcome: 'harmless', make: () => Buffer.concat([shortPdf, shortDocx]) },
  { filename: 'both.gif', attack: 'a picture and a script', outcome: 'harmless', make: () => Buffer.from('GIF89a=1;/*\0\0\0*/;process.exit(1)//;') },
  { filename: 'late.pdf', attack: 'a PDF that begins after a kilobyte of HTML', outcome: 'harmless', make: () => Buffer.concat([Buffer.from(`<html>${' '.repeat(1000)}`), shortPdf]) },
  { filename: 'pdf.docx', attack: 'a PDF that is called DOCX', outcome: 'harmless', says: 'short', make: () => shortPdf },
  { filename: 'docx.txt', attack: 'a DOCX that is called TXT', outcome: 'harmless', says: 'short', make: () => shortDocx },
  { filename: 'program.docx', attack: 'a program', outcome: 'refused', make: () => Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(5000, 0x90)]) },
  { filename: 'program.pdf', attack: 'a Windows program', outcome: 'refused', make: () => Buffer.concat([Buffer.from('4d5a90000300000004000000ffff', 'hex'), Buffer.alloc(5000)]) },
  { filename: 'bytecode.class', attack: 'bytecode', outcome: 'refused', make: () => Buffer.concat([Buffer.from('cafebabe00000034', 'hex'), Buffer.alloc(500, 1)]) },
  { filename: 'sheet.docx', attack: 'a zip that is no document', outcome: 'refused', make: () => epubOf({ items: [], spine: [], entries: [{ name: 'a', data: chapter('') }] }).subarray(60) },
  { filename: 'odt-without.odt', attack: 'an OpenDocument without content', outcome: 'refused', make: () => odfOf('text', { name: 'other.xml', data: odfContent('text', '') }) },
];
