import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RandomStream } from '../../sim/random-stream.ts';
import type { Extractor } from '../../src/documents/extraction.ts';
import type { Confinement } from '../../src/documents/reading/confinement.ts';
import { confinedExtractor } from './confined-extractor.ts';
import { corpusFiles } from './corpus-files.ts';
import { HostileBait } from './hostile/hostile-bait.ts';
import { hostileCorpus } from './hostile/hostile-corpus.ts';
import type { HostileFile } from './hostile/hostile-file.ts';
import { type HostileResult, runHostile } from './hostile/hostile-run.ts';
import { mutantsOf } from './hostile/mutants.ts';

/** One of each kind, and quick ones: `npm run documents:hostile` has them all. */
const chosen = [
  'liar.docx', 'quine.docx', 'encrypted.docx', 'slip.epub', 'symlink.docx', 'CON', 'laughs.odt', 'deep.docx', 'note-circle.docx', 'dims.xlsx', 'groups.pptx', 'bomb.pdf', 'page-circle.pdf', 'garbage.pdf', 'encrypted.pdf',
  'deep.html', 'binary.rtf', 'nul.txt', 'password.xlsx', 'circle.doc', 'noise.xls', 'rights.epub', 'larger.png', 'program.docx',
];
/** What reaches outside, once in each format that can. */
const reaching = ['links.docx', 'links.odt', 'links.html', 'links.epub', 'links.svg', 'links.rtf', 'reach.pdf', 'outside.pdf', 'xxe-host.docx', 'xxe.xlsx', 'xxe.odt', 'xxe.epub'];
const limits = { timeMsMax: 32_000, peakBytesMax: 900 * 2 ** 20 };

function problemsOf(results: readonly HostileResult[]): string[] {
  return results.flatMap(({ file, problems }) => problems.map((problem) => `${file.filename} (${file.attack}): ${problem}`));
}

describe('hostile documents', () => {
  let bait: HostileBait;
  const held: { readonly extractor: Extractor; readonly confinement: Confinement }[] = [];
  beforeAll(async () => {
    bait = await HostileBait.lay();
    // The second is not held back by anything but its readers: what they reach for can be reached.
    held.push(await confinedExtractor(3), await confinedExtractor(3, ['none']));
  });
  afterAll(async () => {
    for (const { extractor } of held) await extractor[Symbol.asyncDispose]();
    await bait[Symbol.asyncDispose]();
  });

  function run(files: readonly HostileFile[], extractor: Extractor | undefined): Promise<HostileResult[]> {
    if (extractor === undefined) throw new Error('the extractors are made before the first test');
    return runHostile(files, { extractor, bait, seed: 1, limits, concurrency: 3 });
  }

  it('one of each kind gives harmless text or a clear error, in bounded time and memory, and leaves nothing', { timeout: 90_000 }, async () => {
    const all = hostileCorpus(bait.bait);
    const files = all.filter(({ filename }) => chosen.includes(filename));
    expect(files).toHaveLength(chosen.length);
    expect(problemsOf(await run(files, held[0]?.extractor))).toEqual([]);
  });

  it('what they name elsewhere is never asked for, even where it could be reached', { timeout: 90_000 }, async () => {
    const files = hostileCorpus(bait.bait).filter(({ filename }) => reaching.includes(filename));
    expect(files).toHaveLength(reaching.length);
    expect(problemsOf(await run(files, held[1]?.extractor))).toEqual([]);
    expect(bait.connections).toBe(0);
  });

  it('the bait catches who bites: the listener counts a call, and the file holds the secret', async () => {
    const own = await HostileBait.lay();
    const greedy: Extractor = {
      version: 'greedy',
      extract: async () => ({ format: 'text', mimeType: 'text/plain', text: await (await fetch(own.bait.hostUrl)).text(), notes: [] }),
      [Symbol.asyncDispose]: async () => undefined,
    };
    const [file] = mutantsOf(corpusFiles(), 1, new RandomStream(1));
    if (file === undefined) throw new Error('no file was made');
    const [result] = await runHostile([file], { extractor: greedy, bait: own, seed: 1, limits, concurrency: 1 });
    expect(result?.problems).toEqual(['brought the secret home', 'called the listener']);
    await own[Symbol.asyncDispose]();
  });
});
