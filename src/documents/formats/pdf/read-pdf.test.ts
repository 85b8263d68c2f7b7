import { describe, expect, it } from 'vitest';
import { pdfOfObjects, type PdfLine, smallPdf } from '../../../../tests/doubles/small-pdf.ts';
import type { FormatText, PictureReader } from '../format-reader.ts';
import { PdfDocument } from './pdf-document.ts';
import { Pdfium } from './pdfium.ts';
import { pageSpans } from './page-spans.ts';
import { readPdf } from './read-pdf.ts';

const limits = { textCharsMax: 1_000_000, unpackedBytesMax: 1, entriesMax: 1, depthMax: 1 };
const read = (bytes: Buffer, pictures?: PictureReader, outOfTime: () => boolean = () => false): Promise<FormatText> =>
  readPdf({ bytes, filename: 'a.pdf', limits, outOfTime, ...(pictures === undefined ? {} : { pictures }) });

/** Lines below each other from `y` on, as running text has them. */
const linesAt = (x: number, y: number, texts: readonly string[], size = 11): PdfLine[] => texts.map((text, at) => ({ text, x, y: y - at * size * 1.25, size }));

const left = ['The left column is read first, from', 'its first line down to its last one,', 'and has six lines of running text of', 'which each is about as long as those', 'that stand above and below it, except', 'for the last.'];
const right = ['The right column comes after it and', 'has as many lines, so that both look', 'as columns of a newspaper do when a', 'printer has filled them evenly up to', 'the foot of the page, where they will', 'come to an end.'];

/** Encrypted by qpdf with a password. */
const encrypted = Buffer.from('JVBERi0xLjcKJb/3ov4KMSAwIG9iago8PCAvRXh0ZW5zaW9ucyA8PCAvQURCRSA8PCAvQmFzZVZlcnNpb24gLzEuNyAvRXh0ZW5zaW9uTGV2ZWwgOCA+PiA+PiAvUGFnZXMgMyAwIFIgL1R5cGUgL0NhdGFsb2cgPj4KZW5kb2JqCjIgMCBvYmoKPDwgL1RpdGxlIDxiOGYyOGZmOTgyYTE3NTU4MzEwZDMwNjExNjNjMjVjZjc4ZGEwZDJjYWRlMWRiNmI2MTA5MWJhYzM5MDE0NmMwPiA+PgplbmRvYmoKMyAwIG9iago8PCAvQ291bnQgMSAvS2lkcyBbIDQgMCBSIF0gL1R5cGUgL1BhZ2VzID4+CmVuZG9iago0IDAgb2JqCjw8IC9Db250ZW50cyA1IDAgUiAvTWVkaWFCb3ggWyAwIDAgNTk1IDg0MiBdIC9QYXJlbnQgMyAwIFIgL1Jlc291cmNlcyA8PCAvRm9udCA8PCAvQiA2IDAgUiAvUiA3IDAgUiA+PiA+PiAvUm90YXRlIDAgL1R5cGUgL1BhZ2UgPj4KZW5kb2JqCjUgMCBvYmoKPDwgL0xlbmd0aCA2NCAvRmlsdGVyIC9GbGF0ZURlY29kZSA+PgpzdHJlYW0Kl3MzKBLUWSkIm9O9x9qNKbWpR1MFhvTb8Ae4JXF1R8AF+yM7gOZmx/RnlGveQUvrjpiEY02czBT9U3nAqyrQimVuZHN0cmVhbQplbmRvYmoKNiAwIG9iago8PCAvQmFzZUZvbnQgL0hlbHZldGljYS1Cb2xkIC9FbmNvZGluZyAvV2luQW5zaUVuY29kaW5nIC9TdWJ0eXBlIC9UeXBlMSAvVHlwZSAvRm9udCA+PgplbmRvYmoKNyAwIG9iago8PCAvQmFzZUZvbnQgL0hlbHZldGljYSAvRW5jb2RpbmcgL1dpbkFuc2lFbmNvZGluZyAvU3VidHlwZSAvVHlwZTEgL1R5cGUgL0ZvbnQgPj4KZW5kb2JqCjggMCBvYmoKPDwgL0NGIDw8IC9TdGRDRiA8PCAvQXV0aEV2ZW50IC9Eb2NPcGVuIC9DRk0gL0FFU1YzIC9MZW5ndGggMzIgPj4gPj4gL0ZpbHRlciAvU3RhbmRhcmQgL0xlbmd0aCAyNTYgL08gPDgyNjc4MTY1MDE5Zjg2NzU4NjUyMGY3YWU5ZDM3ZDdiOGNmZjM3MDEzNjVjY2RmYmM4ZjA0ZTFiMzVlOTc2Mjc0NjY2ODJiMGNjYTVhNjEzYTk5MjIxYjBjNWViYWNiYz4gL09FIDwxMzE1OTM2YmI2Mzk1Y2NkMDdmNDMwMjM1N2NiOTdkYWMzYjg4YzhjOGFjMTljNzk5ZjQ5MjgzYzVhNmE5OTBmPiAvUCAtNCAvUGVybXMgPGU0ZWJmYzQ3OGY2MTNjMTVlNzAyYzk5Njc0ZDA0ZDYxPiAvUiA2IC9TdG1GIC9TdGRDRiAvU3RyRiAvU3RkQ0YgL1UgPGFmOGY3MGVlYTBhMjIwZGE2NjZiOGM3NzM2MWMyZWVmYzQ5NzA0MjhkYmM1YTI5ZjkwODJjZTM0ZGE2OTQ1YTFmYzYzOTFhODZiN2UwZjI1OWJiZWU0MGI1NWZiOTYzZT4gL1VFIDw5MTVkYjUxMzE5ODk0MzYxOGEyNTE5NjgyZmI1OTUzOGYxNzljYjAzZTIzNjMzYTdmNDYyYzIwY2Y4ZjViMTI3PiAvViA1ID4+CmVuZG9iagp4cmVmCjAgOQowMDAwMDAwMDAwIDY1NTM1IGYgCjAwMDAwMDAwMTUgMDAwMDAgbiAKMDAwMDAwMDEzMCAwMDAwMCBuIAowMDAwMDAwMjI1IDAwMDAwIG4gCjAwMDAwMDAyODQgMDAwMDAgbiAKMDAwMDAwMDQzMCAwMDAwMCBuIAowMDAwMDAwNTY0IDAwMDAwIG4gCjAwMDAwMDA2NjYgMDAwMDAgbiAKMDAwMDAwMDc2MyAwMDAwMCBuIAp0cmFpbGVyIDw8IC9JbmZvIDIgMCBSIC9Sb290IDEgMCBSIC9TaXplIDkgL0lEIFs8YzlkYjFkODg3ZjI3NDU2NGEwZTEwOGIwNDEwYTlmYzc+PGM5ZGIxZDg4N2YyNzQ1NjRhMGUxMDhiMDQxMGE5ZmM3Pl0gL0VuY3J5cHQgOCAwIFIgPj4Kc3RhcnR4cmVmCjEzMTAKJSVFT0YK', 'base64');

describe('a PDF', () => {
  it('has headings by size, paragraphs joined, and syllables put together', async () => {
    const page = { lines: [
      { text: 'A heading', x: 72, y: 780, size: 20 },
      ...linesAt(72, 740, ['This is a paragraph of several lines, the first of which goes over the whole of the page until it ends in a syl-', 'lable that is divided. The second line ends here.']),
      ...linesAt(72, 690, ['1. An item', '2. Another item']),
      { text: 'A label in bold', x: 72, y: 640, bold: true },
      ...linesAt(72, 620, ['Its text.']),
    ] };
    expect(await read(smallPdf([page, { lines: [{ text: 'Next page', x: 72, y: 780 }] }], 'Of lines'))).toEqual({
      title: 'Of lines', pageCount: 2, notes: [],
      text: '# A heading\n\nThis is a paragraph of several lines, the first of which goes over the whole of the page until it ends in a syllable that is divided. The second line ends here.\n\n'
        + '1. An item\n2. Another item\n\n## A label in bold\n\nIts text.\n\n<!-- page 2 -->\n\nNext page',
    });
  });

  it('has its columns one after the other, below what runs over both', async () => {
    const { text } = await read(smallPdf([{ lines: [{ text: 'A title over both of the columns, and longer than each of them alone', x: 72, y: 790, size: 13 }, ...linesAt(72, 740, left), ...linesAt(320, 740, right)] }]));
    expect(text.replaceAll('\n', ' ')).toMatch(/A title.*The left column.*for the last\. +The right column.*come to an end\.$/);
  });

  it('has tables as tables, by their lines or by how they stand', async () => {
    const cells = [['Place', 'Depth', 'Change'], ['Inner quay', '2.85', '-32 %'], ['Lock', '4.40', '-27 %']];
    const lines = cells.flatMap((row, at) => row.map((text, column) => ({ text, x: 80 + column * 120, y: 700 - at * 20 })));
    const expected = '| Place | Depth | Change |\n| --- | --- | --- |\n| Inner quay | 2.85 | -32 % |\n| Lock | 4.40 | -27 % |';
    expect((await read(smallPdf([{ lines }]))).text).toBe(expected);
    const rules = [0, 1, 2, 3].map((at) => `74 ${716 - at * 20} m 434 ${716 - at * 20} l S ${74 + at * 120} 716 m ${74 + at * 120} 656 l S`).join('\n');
    expect((await read(smallPdf([{ lines, drawing: rules }]))).text).toBe(expected);
    // Within lines a cell may be empty, and a text may wrap.
    const wrapped = [...lines.filter(({ text }) => text !== '4.40'), { text: 'dredged', x: 200, y: 690 }];
    expect((await read(smallPdf([{ lines: wrapped.map((line) => (line.text === 'Depth' ? { ...line, y: 704 } : line)), drawing: rules }]))).text).toContain('| Place | Depth');
    expect((await read(smallPdf([{ lines: wrapped, drawing: rules }]))).text).toContain('| Lock |  | -27 % |');
  });

  it('reads pages that are turned', async () => {
    const lines = linesAt(72, 700, ['Upright as it is written,', 'however the page is turned.']);
    for (const rotate of [0, 90, 180, 270]) expect((await read(smallPdf([{ lines, rotate }]))).text, String(rotate)).toBe('Upright as it is written, however the page is turned.');
  });

  it('tells pages without text, and has pictures of them read if something can', async () => {
    const image = 'q 500 0 0 700 40 60 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \u0000 EI Q';
    const bytes = smallPdf([{ lines: [] }, { lines: [], drawing: image }, { lines: [], drawing: image }]);
    expect((await read(bytes)).notes).toEqual(['pages 2 to 3: no text, only a picture (scanned); the server has no tesseract installed that could recognise it', 'page 1: no text']);
    const sizes: string[] = [];
    const pictures: PictureReader = { read: (picture) => (sizes.push(Buffer.from(picture).toString('latin1', 0, 12)), Promise.resolve(sizes.length === 1 ? 'Recognised' : undefined)) };
    const found = await read(bytes, pictures);
    expect(sizes).toEqual(['P5\n1653 2339', 'P5\n1653 2339']);
    expect(found.text).toBe('<!-- page 2 -->\n\nRecognised\n\n<!-- page 3 -->');
    expect(found.notes?.slice(0, 2)).toEqual(['page 2: the text was recognised in a picture, and may have mistakes', 'page 3: no text, only a picture (scanned); there was not enough time to recognise it']);
  });

  it('stops in time, and says what is missing', async () => {
    let pages = 0;
    const found = await read(smallPdf(Array.from({ length: 9 }, (_, at) => ({ lines: [{ text: `Page ${at + 1}`, x: 72, y: 700 }] }))), undefined, () => (pages += 1) > 3);
    expect(found.notes).toEqual(['only the first 4 of 9 pages were read; send the rest as documents of their own']);
    expect(found.pageCount).toBe(9);
  });

  it('is refused when it is encrypted, or none', async () => {
    await expect(read(encrypted)).rejects.toMatchObject({ reason: 'encrypted', message: 'the document is encrypted; save it without a password and send it again' });
    await expect(read(Buffer.from('%PDF-1.7\nnothing'))).rejects.toMatchObject({ reason: 'damaged' });
    await expect(read(pdfOfObjects(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Count 1 /Kids [2 0 R] >>']))).resolves.toMatchObject({ notes: ['page 1: damaged, and left out'] });
  });

  it('leaves nothing behind in PDFium when it is closed: after the first few documents it takes no more', async () => {
    const pdfium = await Pdfium.load();
    const bytes = smallPdf(Array.from({ length: 3 }, () => ({ lines: linesAt(72, 780, Array.from({ length: 40 }, () => 'A line of a page that is full of lines, each as long as this')) })));
    const readAll = (): void => {
      using document = PdfDocument.open(pdfium, bytes);
      for (let index = 0; index < document.pageCount; index += 1) {
        using page = document.page(index);
        if (page !== undefined) expect(pageSpans(page).spans).toHaveLength(40);
      }
    };
    // Where a large piece finds room: what is left behind pushes it up.
    const freeFrom = (): number => {
      const at = pdfium.allocate(2 * 1024 * 1024);
      pdfium.free(at);
      return at;
    };
    for (let count = 0; count < 2; count += 1) readAll();
    const before = freeFrom();
    for (let count = 0; count < 6; count += 1) readAll();
    expect(freeFrom()).toBe(before);
  });
});
