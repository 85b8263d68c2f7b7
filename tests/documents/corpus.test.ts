import { describe, expect, it } from 'vitest';
import { findOcr } from '../../src/documents/reading/ocr-installation.ts';
import { foldersOfPath } from '../../src/documents/reading/program-search.ts';
import { confinedExtractor } from './confined-extractor.ts';
import { type CorpusFile, corpusFiles } from './corpus-files.ts';
import { measureText, type TextMeasure } from './measure-text.ts';
import { readInProcess } from './read-in-process.ts';

const files = corpusFiles();
const ocr = await findOcr(foldersOfPath(process.env['PATH']));
const pictureFormats = new Set(['png', 'jpg', 'gif', 'webp', 'tiff', 'bmp']);
const isPicture = ({ file, format }: CorpusFile): boolean => pictureFormats.has(format) || file === 'lost-umbrella.pillow.pdf';

/** What is wanted of a file unless it stands below. `extra` bounds what was found and not expected: marks of footnotes, numbers of lists. */
const wanted: TextMeasure = { words: 0.99, order: 0.97, extra: 0.06, rows: 1, headings: 1 };

/** Slides are numbered, and notes are said to be some. */
const slides = { extra: 0.15 };
/** Footnotes stand at the ends of chapters, and are expected at the end of the book. */
const chapters = { order: 0.93 };

/** What single files fall short of, and why. */
const shortfalls: Readonly<Record<string, Partial<TextMeasure>>> = {
  'clockmakers.libreoffice.pdf': slides, 'clockmakers.python-pptx.pptx': slides, 'clockmakers.libreoffice.ppt': slides, 'night-market.libreoffice.odp': slides, 'night-market.libreoffice.pptx': slides,
  'night-market.python-pptx.pptx': slides, 'polar-school.libreoffice.ppt': slides, 'polar-school.odfpy.odp': slides, 'polar-school.python-pptx.pptx': slides,
  'library-night.ebooklib.epub': chapters, 'tea-road.ebooklib.epub': chapters,
  // Its size is said before its text.
  'lost-umbrella.by-hand.svg': { extra: 0.2 },
  // Three capitals stand apart from their words: on a turned page, kerning looks like a space.
  'tide-tables.qpdf-rotated.pdf': { words: 0.98 },
};

function named(file: string): CorpusFile {
  const found = files.find((candidate) => candidate.file === file);
  if (found === undefined) throw new Error(`${file} is not in the corpus`);
  return found;
}

function expectToReach(measure: TextMeasure, floor: TextMeasure): void {
  const { words, order, extra, rows, headings } = measure;
  const reached = words >= floor.words && order >= floor.order && extra <= floor.extra && rows >= floor.rows && headings >= floor.headings;
  expect(reached, `measured ${JSON.stringify(measure)}, wanted ${JSON.stringify(floor)}`).toBe(true);
}

describe('each document of the corpus, read in this process', () => {
  it.each(files.filter((file) => !isPicture(file)).map(({ file }) => file))('%s', async (name) => {
    const { expected, bytes } = named(name);
    const { text } = await readInProcess(name, bytes);
    expectToReach(measureText(expected, text), { ...wanted, ...shortfalls[name] });
  });
});

it('the corpus is as large, and in as many languages and formats, as is said of it', () => {
  expect(files.length).toBeGreaterThanOrEqual(48);
  expect(new Set(files.map(({ format }) => format)).size).toBeGreaterThanOrEqual(20);
  const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect(total).toBeLessThan(4 * 2 ** 20);
});

describe('the same by the confined extractor', () => {
  const chosen = ['tide-tables.chromium.pdf', 'tea-road.pandoc.docx', 'kiosk.openpyxl.xlsx', 'polar-school.python-pptx.pptx', 'winter-garden.odfpy.odt', 'library-night.windows-1251.txt'];

  it('a document of each kind gives the same text as here', async () => {
    await using extractor = (await confinedExtractor(2)).extractor;
    const read = chosen.map(async (name) => {
      const { bytes } = named(name);
      const { text } = await extractor.extract({ filename: name, bytes: bytes.length, read: async function* () { yield bytes; } });
      expect(text).toBe((await readInProcess(name, bytes)).text);
    });
    await Promise.all(read);
  });

  describe.skipIf(ocr === undefined)('pictures (needs tesseract)', () => {
    it('a notice in two languages is recognised as a picture and as a scanned page', async () => {
      await using extractor = (await confinedExtractor(2)).extractor;
      const read = ['lost-umbrella.pillow.png', 'lost-umbrella.pillow.pdf'].map(async (name) => {
        const { expected, bytes } = named(name);
        const { text } = await extractor.extract({ filename: name, bytes: bytes.length, read: async function* () { yield bytes; } });
        // Which of the two languages are installed is the machine's business; the letters of one of them are half of the words.
        expect(measureText(expected, text).words).toBeGreaterThanOrEqual(0.45);
      });
      await Promise.all(read);
    });
  });
});
