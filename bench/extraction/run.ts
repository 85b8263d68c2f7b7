/**
 * `npm run bench:documents [-- --rounds N --format PART --dry]`: how fast our readers and those of others read the corpus, and how much of
 * it they find. The libraries are installed into a temporary folder, each runs in a process of its own, and all read each file in turns,
 * so that a noisy machine is noisy for all. Writes the section "Documents" of bench/RESULTS.md, unless told `--dry`.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CorpusFile, corpusFiles } from '../../tests/documents/corpus-files.ts';
import { measureText, type TextMeasure, wordsOf } from '../../tests/documents/measure-text.ts';
import { median } from '../load.ts';
import { writeDocumentResults } from '../results-file.ts';
import { peerVersions, readersByFormat } from './peer-list.ts';
import { ReaderProcess } from './reader-process.ts';
import { measureServer } from './server-delay.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, format: { type: 'string', default: '' }, dry: { type: 'boolean', default: false } } });
const rounds = Number(values.rounds);
const timeMsMax = 30_000;
/** How long a server is given documents. */
const serverMs = 20_000;
/** What counts as a page: so many words of the expected text, or characters where words have no spaces between them. */
const wordsPerPage = 400;
const corpusFolder = join(import.meta.dirname, '../../tests/documents/corpus');

interface FileResult {
  readonly pages: number;
  readonly ms: number;
  /** Undefined: it was not read. */
  readonly measure: TextMeasure | undefined;
}

function installPeers(folder: string): void {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const packages = Object.entries(peerVersions).map(([name, version]) => `${name}@${version}`);
  process.stderr.write(`installing ${packages.join(', ')}\n`);
  execFileSync('npm', ['install', '--prefix', folder, ...packages, '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: ['ignore', 'ignore', 'ignore'] });
  copyFileSync(join(import.meta.dirname, 'peer-process.mjs'), join(folder, 'peer-process.mjs'));
}

function startReader(name: string, folder: string): Promise<ReaderProcess> {
  return name === 'Moongate' ? ReaderProcess.start(join(import.meta.dirname, 'own-process.ts'), []) : ReaderProcess.start(join(folder, 'peer-process.mjs'), [name]);
}

/** All readers of a format over one file, in turns; the first round warms up and is thrown away. */
async function measureFile(file: CorpusFile, readers: ReadonlyMap<string, ReaderProcess>): Promise<Map<string, FileResult>> {
  const times = new Map<string, number[]>();
  const texts = new Map<string, string | undefined>();
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, reader] of readers) {
      const { text, ms } = await reader.read(join(corpusFolder, file.file), timeMsMax);
      texts.set(name, text);
      if (round > 0) times.set(name, [...(times.get(name) ?? []), ms]);
    }
  }
  const pages = wordsOf(file.expected.text).length / wordsPerPage;
  return new Map([...readers.keys()].map((name) => {
    const text = texts.get(name);
    return [name, { pages, ms: median(times.get(name) ?? []), measure: text === undefined ? undefined : measureText(file.expected, text) }];
  }));
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** One row of the table: a reader over all files of a format. */
function row(format: string, name: string, results: readonly FileResult[], peakBytes: number): string {
  const read = results.flatMap(({ measure }) => (measure === undefined ? [] : [measure]));
  const sum = (of: (result: FileResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  const mean = (of: (measure: TextMeasure) => number): string => (read.length === 0 ? '–' : percent(read.reduce((total, measure) => total + of(measure), 0) / read.length));
  const lowest = read.length === 0 ? '–' : percent(Math.min(...read.map(({ words }) => words)));
  const pagesPerSecond = read.length === 0 ? '–' : ((1000 * sum(({ pages }) => pages)) / sum(({ ms }) => ms)).toFixed(0);
  const cells = [format, name, `${read.length} of ${results.length}`, pagesPerSecond, mean(({ words }) => words), lowest, mean(({ rows }) => rows), mean(({ headings }) => headings), (peakBytes / 2 ** 20).toFixed(0)];
  return `| ${cells.join(' | ')} |`;
}

async function measureFormat(format: string, names: readonly string[], folder: string): Promise<string[]> {
  const files = corpusFiles().filter((file) => file.format === format && file.file !== 'lost-umbrella.pillow.pdf');
  const readers = new Map<string, ReaderProcess>();
  try {
    for (const name of names) readers.set(name, await startReader(name, folder));
    const results = new Map<string, FileResult[]>();
    for (const file of files) {
      for (const [name, result] of await measureFile(file, readers)) results.set(name, [...(results.get(name) ?? []), result]);
    }
    process.stderr.write(`${format} done\n`);
    return [...readers].map(([name, reader]) => row(format.toUpperCase(), name, results.get(name) ?? [], reader.peakBytes));
  } finally {
    for (const reader of readers.values()) reader[Symbol.dispose]();
  }
}

async function serverText(): Promise<string> {
  const burden = await measureServer(serverMs);
  return `A running server that was given ${burden.documents} documents, eight at a time, for ${serverMs / 1000} s (${burden.documentsPerSecond.toFixed(1)} documents a second, each in a process of its own):
its event loop was held up by at most ${burden.busyMsMax.toFixed(0)} ms, by more than 50 ms in ${burden.overLimit} of ${burden.moments} quarters of a second; with nothing to do by at most ${burden.idleMsMax.toFixed(0)} ms. Its memory
was ${burden.residentMiBBefore.toFixed(0)} MiB before, and ${burden.residentMiBMax.toFixed(0)} MiB at most.`;
}

const [loadBefore = 0] = loadavg();
const folder = mkdtempSync(join(tmpdir(), 'moongate-peers-'));
try {
  installPeers(folder);
  const rows: string[] = [];
  for (const [format, names] of Object.entries(readersByFormat)) {
    if (format.includes(values.format)) rows.push(...(await measureFormat(format, names, folder)));
  }
  const text = `${new Date().toISOString().slice(0, 10)}; ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}; ${rounds} rounds, medians. Load average before it began: ${loadBefore.toFixed(1)}; trust the ratios within a format.
Every library reads each file of [tests/documents/corpus](../tests/documents/corpus) in turns with ours, in a process of its own, and is asked for Markdown where it has it. A page is ${wordsPerPage} words
(characters, where words have no spaces between them). *Words* is the share of expected words that are found, over the files that the library reads at all: on average, and in
its worst file; *rows* the share of rows of tables whose cells stand next to each other on one line; *headings* those that are one in Markdown. Memory is the process's peak. Ours are measured without
the process of their own that each document is given in a server. \`npm run bench:documents\` writes this section.

| format | library | files read | pages/s | words | worst file | rows | headings | MiB |
|---|---|---|---|---|---|---|---|---|
${rows.join('\n')}

${await serverText()}

Versions: ${Object.entries(peerVersions).map(([name, version]) => `${name} ${version}`).join(', ')}.
`;
  if (!values.dry) writeDocumentResults(text);
  process.stdout.write(text);
} finally {
  rmSync(folder, { recursive: true });
}
