import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endlessPdf, smallPdf } from '../../../tests/doubles/small-pdf.ts';
import type { DocumentSource, ExtractedText } from '../extraction.ts';
import { ConfinedExtractor } from './confined-extractor.ts';
import { Confinement } from './confinement.ts';
import { readingSettings, type StatedReadingSettings } from './reading-limits.ts';
import { readingProgram } from './reading-program.ts';

const path = process.env['PATH'];
const confinement = Confinement.probe(readingProgram(), path);

/** Numbers that no other test uses, so that its processes are known by them. */
function extractorWith(stated: StatedReadingSettings): ConfinedExtractor {
  return new ConfinedExtractor({ settings: readingSettings(2, stated), confinement });
}

function sourceOf(filename: string, content: Buffer | string, pause: Promise<void> = Promise.resolve()): DocumentSource {
  const bytes = Buffer.from(content);
  return {
    filename,
    bytes: bytes.length,
    async *read() {
      for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
      await pause;
    },
  };
}

/** How many processes hold `mark` in their command lines. */
function processesWith(mark: string): number {
  return execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 }).split('\n').filter((line) => line.includes(mark) && line.includes('--permission')).length;
}

async function eventually(check: () => boolean): Promise<void> {
  for (let count = 0; count < 200 && !check(); count += 1) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(check()).toBe(true);
}

const faultOf = (code: string, message?: RegExp): unknown => expect.objectContaining({ code, ...(message === undefined ? {} : { message: expect.stringMatching(message) }) });

describe('a confined extractor', () => {
  let extractor: ConfinedExtractor;
  beforeAll(() => {
    extractor = extractorWith({ memoryMb: 771, spares: 2, concurrency: 2 });
  });
  afterAll(() => extractor[Symbol.asyncDispose]());

  it('reads documents side by side, each in a process that is gone afterwards', async () => {
    const texts = await Promise.all([
      extractor.extract(sourceOf('a.txt', 'Привет\r\nмир')),
      extractor.extract(sourceOf('b.pdf', smallPdf([{ lines: [{ text: 'On a page', x: 72, y: 700 }] }], 'A title'))),
      extractor.extract(sourceOf('c.csv', 'a;b\n1;2\n')),
    ]);
    expect(texts).toEqual<ExtractedText[]>([
      { format: 'text', mimeType: 'text/plain', text: 'Привет\nмир', notes: [] },
      { format: 'pdf', mimeType: 'application/pdf', title: 'A title', text: 'On a page', pageCount: 1, notes: [] },
      { format: 'csv', mimeType: 'text/csv', text: '| a | b |\n| --- | --- |\n| 1 | 2 |', notes: [] },
    ]);
    // Those that are left are the spares: with bubblewrap two processes each, itself and what it holds.
    await eventually(() => processesWith('=211') <= 2 * 3);
  });

  it('gives long texts back whole', async () => {
    for (const line of ['für alle\n', 'для всех 🌍 都\n']) {
      const long = line.repeat(200_000);
      expect((await extractor.extract(sourceOf('long.txt', long))).text === long).toBe(true);
    }
  });

  it('says what is wrong with a document', async () => {
    const tell = (name: string, content: Buffer | string): Promise<unknown> => extractor.extract(sourceOf(name, content)).catch((fault: unknown) => fault);
    expect(await tell('empty.pdf', '')).toEqual(faultOf('document_unreadable', /empty/));
    expect(await tell('cut.pdf', smallPdf([{ lines: [] }]).subarray(0, 60))).toEqual(faultOf('document_unreadable', /damaged/));
    expect(await tell('x.bin', Buffer.from(Array.from({ length: 999 }, (_, at) => (at * 7) % 256)))).toEqual(faultOf('document_unreadable', /these are: PDF/));
    expect(await tell('x.zip', Buffer.from('504b0506000000000000000000000000000000000000', 'hex'))).toEqual(faultOf('document_unreadable', /archive/));
  });

  it('fails when a source has not the bytes that it says, and passes on what it throws', async () => {
    const short = { ...sourceOf('a.txt', 'four'), bytes: 5 };
    await expect(extractor.extract(short)).rejects.toEqual(faultOf('internal'));
    await expect(extractor.extract({ ...sourceOf('a.txt', 'four'), bytes: 3 })).rejects.toEqual(faultOf('internal'));
    const broken = { filename: 'a.txt', bytes: 4, async *read(): AsyncGenerator<Uint8Array> { throw new Error('the store is gone'); } };
    await expect(extractor.extract(broken)).rejects.toThrow('the store is gone');
    expect((await extractor.extract(sourceOf('a.txt', 'four'))).text).toBe('four');
  });
});

describe('limits', () => {
  it('end what takes too long, and its process', async () => {
    await using extractor = extractorWith({ memoryMb: 2772, timeMs: 1000, spares: 0 });
    await expect(extractor.extract(sourceOf('endless.pdf', endlessPdf(40)))).rejects.toEqual(faultOf('document_unreadable', /within 1 s/));
    await eventually(() => processesWith('=2212') === 0);
  });

  it('end what takes too much memory', async () => {
    await using extractor = extractorWith({ memoryMb: 643, spares: 0 });
    await expect(extractor.extract(sourceOf('large.txt', Buffer.alloc(60_000_000, 'я\r\n')))).rejects.toEqual(faultOf('document_unreadable', /more than 643 MB/));
  });

  it('cut what gives too much text, and note it', async () => {
    await using extractor = extractorWith({ textCharsMax: 1000, spares: 0 });
    const { text, notes } = await extractor.extract(sourceOf('long.md', 'x'.repeat(5000)));
    expect(text).toHaveLength(1000);
    expect(notes).toEqual(['the text was cut after 1000 characters']);
  });
});

describe('a queue', () => {
  it('is bounded, keeps the order, and can be left', async () => {
    await using extractor = extractorWith({ memoryMb: 774, concurrency: 1, waitingMax: 8, spares: 0 });
    const gate = Promise.withResolvers<void>();
    const order: string[] = [];
    const read = (name: string, pause?: Promise<void>, signal?: AbortSignal): Promise<unknown> =>
      extractor.extract(sourceOf(name, name, pause), signal).then(() => order.push(name), (fault: unknown) => order.push(`${name} ${String((fault as { code: string }).code)}`));
    const leaving = new AbortController();
    const all = [read('first', gate.promise), read('second', undefined, leaving.signal), read('third')];
    await read('fourth');
    leaving.abort();
    await Promise.resolve();
    const fifth = read('fifth');
    gate.resolve();
    await Promise.all([...all, fifth]);
    expect(order).toEqual(['fourth documents_busy', 'second caller_gone', 'first', 'third', 'fifth']);
  });

  it('is refused when the server closes; what is under way ends at once', async () => {
    const extractor = extractorWith({ memoryMb: 775, concurrency: 1, spares: 1 });
    const under = extractor.extract(sourceOf('endless.pdf', endlessPdf(40))).catch((fault: unknown) => fault);
    const waiting = extractor.extract(sourceOf('a.txt', 'a')).catch((fault: unknown) => fault);
    await eventually(() => processesWith('=215') > 0);
    await extractor[Symbol.asyncDispose]();
    expect(await under).toEqual(faultOf('shutting_down'));
    expect(await waiting).toEqual(faultOf('shutting_down'));
    await expect(extractor.extract(sourceOf('a.txt', 'a'))).rejects.toEqual(faultOf('shutting_down'));
    expect(processesWith('=215')).toBe(0);
  });

  it('lets go of a document whose caller is gone, also while it is sent', async () => {
    await using extractor = extractorWith({ memoryMb: 776, spares: 0, concurrency: 2 });
    const caller = new AbortController();
    const busy = extractor.extract(sourceOf('endless.pdf', endlessPdf(40)), caller.signal).catch((fault: unknown) => fault);
    const stuck = extractor.extract(sourceOf('a.txt', 'a', new Promise(() => undefined)), caller.signal).catch((fault: unknown) => fault);
    await eventually(() => processesWith('=216') > 0);
    caller.abort();
    expect(await busy).toEqual(faultOf('caller_gone'));
    expect(await stuck).toEqual(faultOf('caller_gone'));
    await eventually(() => processesWith('=216') === 0);
  });
});
