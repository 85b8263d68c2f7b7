import { describe, expect, it } from 'vitest';
import { formatOf } from './format-of.ts';

const told = (content: Buffer | string, name: string): string => formatOf(Buffer.from(content), name).format;
const refused = (content: Buffer | string, name: string): unknown => {
  try {
    return told(content, name);
  } catch (thrown) {
    return thrown;
  }
};
const unreadable = (reason: string, message: RegExp): unknown => expect.objectContaining({ reason, message: expect.stringMatching(message) });

/** A ZIP archive with entries of no content, by their names. */
function zipOf(names: readonly string[], first: string = ''): Buffer {
  const local = Buffer.concat([Buffer.from('504b030414000000000000000000000000000000000000000000', 'hex'), Buffer.from([first === '' ? 1 : 8, 0, 0, 0]), Buffer.from(first === '' ? 'a' : `mimetype${first}`)]);
  const entries = names.map((name) => {
    const head = Buffer.alloc(46);
    head.writeUInt32LE(0x0201_4b50, 0);
    head.writeUInt16LE(Buffer.byteLength(name), 28);
    return Buffer.concat([head, Buffer.from(name)]);
  });
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50, 0);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, ...entries, end]);
}

/** A compound file whose root holds streams of these names, of no content, one below the other. */
function compoundOf(names: readonly string[]): Buffer {
  const file = Buffer.alloc(512 * 4);
  file.write('d0cf11e0a1b11ae1', 'hex');
  file.writeUInt16LE(9, 30);
  file.writeUInt32LE(1, 48);
  file.writeUInt32LE(0, 76);
  // The table: sector 0 is itself, the directory takes 1 and 2.
  for (const [at, next] of [0xffff_fffd, 2, 0xffff_fffe].entries()) file.writeUInt32LE(next, 512 + 4 * at);
  for (const [at, name] of ['Root Entry', ...names].entries()) {
    const entry = file.subarray(1024 + 128 * at, 1152 + 128 * at);
    entry.write(name, 'utf16le');
    entry.writeUInt16LE(2 * name.length + 2, 64);
    entry.writeUInt32LE(0xffff_ffff, 68);
    entry.writeUInt32LE(at > 0 && at < names.length ? at + 1 : 0xffff_ffff, 72);
    entry.writeUInt32LE(at === 0 ? 1 : 0xffff_ffff, 76);
  }
  return file;
}

describe('what a document is', () => {
  it('is told by its bytes, under whatever name', () => {
    const cases: readonly (readonly [Buffer | string, string])[] = [
      ['%PDF-1.4\n', 'pdf'],
      ['\n\n\0garbage %PDF-1.4\n', 'pdf'],
      ['{\\rtf1 a}', 'rtf'],
      ['<!-- a --><!DOCTYPE html><p>a', 'html'],
      ['<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml">', 'html'],
      ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'image'],
      [Buffer.from('89504e470d0a1a0a0000', 'hex'), 'image'],
      [zipOf(['[Content_Types].xml', 'word/document.xml']), 'docx'],
      [zipOf(['[Content_Types].xml', 'xl/workbook.xml', 'xl/embeddings/word/document.xml']), 'xlsx'],
      [zipOf(['ppt/presentation.xml', 'ppt/embeddings/xl/workbook.xml']), 'pptx'],
      [zipOf(['META-INF/container.xml', 'a.xhtml']), 'epub'],
      [zipOf([], 'application/epub+zip'), 'epub'],
      [zipOf([], 'application/vnd.oasis.opendocument.text-template'), 'odt'],
      [zipOf([], 'application/vnd.oasis.opendocument.spreadsheet'), 'ods'],
      [compoundOf(['A', 'WordDocument']), 'doc'],
      [compoundOf(['A', 'B', 'C', 'D', 'Workbook']), 'xls'],
      [compoundOf(['PowerPoint Document']), 'ppt'],
    ];
    for (const [content, format] of cases) expect(told(content, 'wrong.txt'), format).toBe(format);
  });

  it('is told by its ending where bytes do not tell', () => {
    const endings = { csv: 'csv', tsv: 'tsv', md: 'markdown', json: 'json', yml: 'yaml', PY: 'code', xml: 'code', log: 'text', html: 'html', ini: 'code', docx: 'text', pdf: 'text' };
    for (const [ending, format] of Object.entries(endings)) expect(told('a, b\n1, 2\n', `x.${ending}`), ending).toBe(format);
    expect(told('Заметки', 'README')).toBe('text');
  });

  it('is refused with what could be done', () => {
    expect(refused('', 'a.pdf')).toEqual(unreadable('damaged', /empty/));
    expect(refused(zipOf(['a.txt']), 'a.docx')).toEqual(unreadable('unsupported', /archive/));
    expect(refused(zipOf(['xl/workbook.bin']), 'a.xlsb')).toEqual(unreadable('unsupported', /XLSX/));
    expect(refused(zipOf(['word/document.xml']).subarray(0, 60), 'a.docx')).toEqual(unreadable('damaged', /cut short/));
    expect(refused(Buffer.from('1f8b0800', 'hex'), 'a.gz')).toEqual(unreadable('unsupported', /archive/));
    expect(refused(compoundOf(['EncryptionInfo', 'EncryptedPackage']), 'a.docx')).toEqual(unreadable('encrypted', /password/));
    expect(refused(compoundOf(['__substg1.0_0037001F']), 'a.msg')).toEqual(unreadable('unsupported', /no document of Word/));
    expect(refused(Buffer.from([0, 1, 2, 3, 250, 251, 0]), 'a.docx')).toEqual(unreadable('unsupported', /these are: PDF/));
  });

  it('ends with circles, and with tables that lead out of the file', () => {
    const circle = compoundOf(['A', 'B', 'C']);
    circle.writeUInt32LE(1, 512 + 4);
    circle.writeUInt32LE(1, 1024 + 128 * 3 + 72);
    expect(refused(circle, 'a.doc')).toEqual(unreadable('unsupported', /Word/));
    circle.writeUInt32LE(0x7fff_ffff, 76);
    circle.writeUInt32LE(0x00ff_ffff, 48);
    expect(refused(circle, 'a.doc')).toEqual(unreadable('damaged', /damaged/));
    const lost = zipOf(['word/document.xml']);
    lost.writeUInt32LE(0xffff_ffff, lost.length - 6);
    expect(refused(lost, 'a.docx')).toEqual(unreadable('unsupported', /archive/));
  });
});
