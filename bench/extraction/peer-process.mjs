/**
 * One library of others, in a process of its own: several bring pdf.js in versions that cannot live together. It is JavaScript and is
 * copied beside the installed packages (reader-process.ts), because only there its imports are found. Reads `{ id, path }` messages,
 * answers `{ id, text, ms }` or `{ id, error, ms }`.
 */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';

/** How each library gives the most of a document: Markdown where it can, else text. */
const readers = {
  async unpdf() {
    const { extractText, getDocumentProxy } = await import('unpdf');
    return async (path) => (await extractText(await getDocumentProxy(new Uint8Array(readFileSync(path))), { mergePages: true })).text;
  },
  async 'pdf-parse'() {
    const { PDFParse } = await import('pdf-parse');
    return async (path) => {
      const parser = new PDFParse({ data: new Uint8Array(readFileSync(path)) });
      try {
        return (await parser.getText()).text;
      } finally {
        await parser.destroy();
      }
    };
  },
  async mammoth() {
    const { default: mammoth } = await import('mammoth');
    return async (path) => (await mammoth.convertToMarkdown({ buffer: readFileSync(path) })).value;
  },
  async officeparser() {
    const { parseOffice } = await import('officeparser');
    return async (path) => (await (await parseOffice(path)).to('md')).value;
  },
  async 'markitdown-ts'() {
    const { MarkItDown } = await import('markitdown-ts');
    const reader = new MarkItDown();
    return async (path) => {
      const read = await reader.convertBuffer(readFileSync(path), { file_extension: extname(path) });
      return read?.markdown ?? '';
    };
  },
  async '@e965/xlsx'() {
    const { default: xlsx } = await import('@e965/xlsx');
    return async (path) => {
      const book = xlsx.read(readFileSync(path));
      return book.SheetNames.map((name) => `## ${name}\n${xlsx.utils.sheet_to_csv(book.Sheets[name], { FS: ' | ' })}`).join('\n');
    };
  },
  async 'word-extractor'() {
    const { default: WordExtractor } = await import('word-extractor');
    return async (path) => {
      const read = await new WordExtractor().extract(readFileSync(path));
      return `${read.getBody()}\n${read.getFootnotes()}`;
    };
  },
  async 'html-to-text'() {
    const { convert } = await import('html-to-text');
    return async (path) => convert(readFileSync(path, 'utf8'));
  },
};

const read = await readers[process.argv[2]]();
// What libraries print is not ours.
console.log = console.warn = console.error = () => undefined;
process.on('message', async ({ id, path }) => {
  const start = performance.now();
  try {
    const text = await read(path);
    process.send({ id, text, ms: performance.now() - start });
  } catch (error) {
    process.send({ id, error: error instanceof Error ? error.message : String(error), ms: performance.now() - start });
  }
});
process.send({ id: 0, text: '', ms: 0 });
