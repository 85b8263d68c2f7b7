/**
 * `node tools/corpus/make.ts --python VENV/bin/python`: makes the files of tests/documents/corpus anew, with their expected texts
 * and manifest.json, from tools/corpus/texts. Wants soffice, chromium, pandoc, qpdf and the Python packages of README.md; files
 * that are written by hand stay as they are.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asHtml } from './as-html.ts';
import { asMarkdown } from './as-markdown.ts';
import { conversions, printed, writtenAnew } from './conversions.ts';
import { type Cell, loadBooks, loadDecks, shownCell } from './deck-and-book.ts';
import { encodedFiles } from './encoded-texts.ts';
import { notice, writeManifest } from './manifest.ts';
import { loadTexts, type TextSource } from './source-text.ts';

const { values } = parseArgs({ options: { python: { type: 'string', default: 'python3' } } });
const corpus = join(import.meta.dirname, '../../tests/documents/corpus');
const texts = loadTexts(join(import.meta.dirname, 'texts'));
const decks = loadDecks(join(import.meta.dirname, 'texts'));
const books = loadBooks(join(import.meta.dirname, 'texts'));
const work = mkdtempSync(join(tmpdir(), 'moongate-corpus-'));

/** Chromium complains at length of what a machine without a desktop lacks; what fails says so by its exit code. */
function run(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', program === 'chromium' ? 'ignore' : 'inherit'], timeout: 180_000 });
}

function textNamed(name: string): TextSource {
  const found = texts.find((text) => text.name === name);
  if (found === undefined) throw new Error(`No text is called ${name}`);
  return found;
}

/** Each heading of level 2 begins a chapter. */
function chaptersOf(source: TextSource): { title: string; html: string }[] {
  const starts = source.blocks.flatMap((block, index) => (index === 0 || (block.kind === 'heading' && block.level === 2) ? [index] : []));
  return starts.map((start, index) => {
    const blocks = source.blocks.slice(start, starts[index + 1]);
    const first = blocks[0];
    return { title: first?.kind === 'heading' ? first.text : source.title, html: asHtml({ ...source, blocks }) };
  });
}

function writeSources(): void {
  const cells = books.flatMap(({ sheets }) => sheets.flatMap(({ rows }) => rows.flat()));
  const shown = Object.fromEntries(cells.map((cell: Cell) => [JSON.stringify(cell), shownCell(cell)]));
  const chapters = Object.fromEntries(['library-night', 'tea-road'].map((name) => [name, chaptersOf(textNamed(name))]));
  writeFileSync(join(work, 'sources.json'), JSON.stringify({ texts, decks, books, shown, chapters, notice }));
  writeFileSync(join(work, 'encoded.json'), JSON.stringify(encodedFiles(texts, books)));
  for (const text of texts) {
    writeFileSync(join(work, `${text.name}.html`), asHtml(text));
    writeFileSync(join(work, `${text.name}.md`), asMarkdown(text));
  }
  writeFileSync(join(work, 'winter-garden.hyphens.html'), asHtml(textNamed('winter-garden'), { columns: 2, hyphens: true }));
  writeFileSync(join(work, 'newsletter.two-columns.html'), asHtml(textNamed('newsletter'), { columns: 2 }));
  writeFileSync(join(work, 'newsletter.three-columns.html'), asHtml(textNamed('newsletter'), { columns: 3 }));
  writeFileSync(join(work, 'island-ferry.html'), asHtml(textNamed('island-ferry'), { fonts: '"Noto Serif CJK KR"' }));
}

function convertByPandoc(): void {
  for (const [name, format] of conversions.pandoc) {
    const title = format === 'epub' ? ['--metadata', `title=${textNamed(name).title}`] : ['--metadata', `pagetitle=${textNamed(name).title}`];
    run('pandoc', ['-s', '-f', 'markdown', ...title, '-o', join(corpus, `${name}.pandoc.${format}`), join(work, `${name}.md`)]);
  }
}

/** LibreOffice names what it makes after what it was given; one start for all files of a format. */
function convertByLibreOffice(): void {
  for (const text of texts) run('pandoc', ['-f', 'markdown', '-o', join(work, `${text.name}.docx`), join(work, `${text.name}.md`)]);
  const formats = new Set(conversions.libreOffice.map(([, , format]) => format));
  for (const format of formats) {
    const chosen = conversions.libreOffice.filter(([, , to]) => to === format);
    const folder = join(work, `as-${format}`);
    mkdirSync(folder);
    const inputs = chosen.map(([name, from]) => (from === 'docx' ? join(work, `${name}.docx`) : join(corpus, `${name}.${from}`)));
    run('soffice', [`-env:UserInstallation=file://${work}/profile`, '--headless', '--convert-to', format, '--outdir', folder, ...inputs]);
    for (const [name, from] of chosen) renameSync(join(folder, `${name}${from === 'docx' ? '' : `.${from.split('.')[0]}`}.${format}`), join(corpus, `${name}.libreoffice.${format}`));
  }
}

function printByChromium(): void {
  for (const [page, name] of printed) {
    run('chromium', [
      '--headless', '--no-sandbox', '--disable-gpu', '--no-pdf-header-footer', `--user-data-dir=${join(work, 'chromium')}`,
      `--print-to-pdf=${join(corpus, `${name}.pdf`)}`, join(work, `${page}.html`),
    ]);
  }
}

try {
  mkdirSync(corpus, { recursive: true });
  writeSources();
  run(values.python, [join(import.meta.dirname, 'office_files.py'), join(work, 'sources.json'), corpus]);
  run(values.python, [join(import.meta.dirname, 'page_files.py'), join(work, 'sources.json'), work, corpus]);
  run(values.python, [join(import.meta.dirname, 'encoded_files.py'), join(work, 'encoded.json'), corpus]);
  convertByPandoc();
  convertByLibreOffice();
  printByChromium();
  for (const [from, to, args] of writtenAnew) run('qpdf', [...args, join(corpus, `${from}.pdf`), join(corpus, `${to}.pdf`)]);
  writeFileSync(join(corpus, 'gateway-notes.markdown.md'), readFileSync(join(work, 'gateway-notes.md')));
  writeManifest(corpus, { texts, decks, books });
} finally {
  rmSync(work, { recursive: true });
}
