/**
 * `npm run documents:hostile [-- --seed N --mutants N --only PART --concurrency N --confinement bubblewrap|unshare|none | --server]`: has every
 * hostile file read by the confined extractor, or by a real server as uploads, and as many damaged files of the corpus as asked for; prints
 * what became of each, and ends with 1 when anything happened that should not.
 */
import { parseArgs } from 'node:util';
import { RandomStream } from '../../../sim/random-stream.ts';
import type { Extractor } from '../../../src/documents/extraction.ts';
import type { ConfinementKind } from '../../../src/documents/reading/confinement.ts';
import { confinedExtractor } from '../confined-extractor.ts';
import { corpusFiles } from '../corpus-files.ts';
import { ServerExtractor } from '../server-extractor.ts';
import { HostileBait } from './hostile-bait.ts';
import { hostileCorpus } from './hostile-corpus.ts';
import { type HostileResult, runHostile } from './hostile-run.ts';
import { mutantsOf } from './mutants.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' }, mutants: { type: 'string', default: '100' }, only: { type: 'string', default: '' }, concurrency: { type: 'string', default: '1' },
    confinement: { type: 'string' }, server: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const concurrency = Number(values.concurrency);
const kinds = ['bubblewrap', 'unshare', 'none'].filter((kind): kind is ConfinementKind => values.confinement === undefined || kind === values.confinement);
const mebibyte = 2 ** 20;

function line({ file, bytes, outcome, answer, ms, peakBytes, problems }: HostileResult): string {
  const name = JSON.stringify(file.filename).slice(1, -1);
  const shown = name.length > 28 ? `${name.slice(0, 27)}…` : name;
  const figures = `${(bytes / 1000).toFixed(1).padStart(9)} kB ${(ms / 1000).toFixed(1).padStart(5)} s ${(peakBytes / mebibyte).toFixed(0).padStart(4)} MiB`;
  return `${problems.length === 0 ? ' ' : '!'} ${shown.padEnd(28)} ${figures}  ${outcome}: ${answer.slice(0, 140)}${problems.map((problem) => `\n    ! ${problem}`).join('')}`;
}

async function openExtractor(): Promise<{ readonly extractor: Extractor; readonly server?: ServerExtractor; readonly held: string }> {
  if (values.server) {
    const server = await ServerExtractor.start();
    return { extractor: server, server, held: 'a server' };
  }
  const { extractor, confinement } = await confinedExtractor(concurrency, kinds);
  return { extractor, held: confinement.kind };
}

/** What the server itself had to bear, which held nothing of the documents but what went through it. */
function serverLine(server: ServerExtractor): string {
  const moments = server.moments();
  const resident = moments.map(({ residentBytes }) => residentBytes / mebibyte);
  const delays = moments.map(({ delayMsMax }) => delayMsMax).sort((one, other) => one - other);
  return `the server: ${Math.round(resident[0] ?? 0)} MiB at the start, ${Math.round(Math.max(...resident))} at most, ${Math.round(resident.at(-1) ?? 0)} at the end; its event loop held up by ${Math.round(delays.at(-1) ?? 0)} ms at most, ${Math.round(delays[Math.floor(delays.length * 0.99)] ?? 0)} in 99 of 100 quarters of a second`;
}

await using bait = await HostileBait.lay();
const { extractor, server, held } = await openExtractor();
await using closing = extractor;
void closing;
const files = [...hostileCorpus(bait.bait), ...mutantsOf(corpusFiles(), Number(values.mutants), new RandomStream(seed))].filter(({ filename }) => filename.includes(values.only));
console.log(`${files.length} files, seed ${seed}, ${concurrency} at a time, held by ${held}`);
const results = await runHostile(files, {
  extractor, bait, seed, concurrency, limits: { timeMsMax: 32_000, peakBytesMax: 900 * mebibyte }, onResult: (result) => console.log(line(result)),
});
const bad = results.filter(({ problems }) => problems.length > 0);
const most = (of: (result: HostileResult) => number): number => Math.max(0, ...results.map(of));
console.log(`\n${results.length} files: ${results.filter(({ outcome }) => outcome === 'text').length} harmless texts, ${results.filter(({ outcome }) => outcome === 'document_unreadable').length} refused, ${bad.length} with problems`);
console.log(`slowest ${(most(({ ms }) => ms) / 1000).toFixed(1)} s, largest reading process ${Math.round(most(({ peakBytes }) => peakBytes) / mebibyte)} MiB, ${bait.connections} connections, this process ${Math.round(process.memoryUsage().rss / mebibyte)} MiB`);
if (server !== undefined) console.log(serverLine(server));
process.exitCode = bad.length === 0 ? 0 : 1;
