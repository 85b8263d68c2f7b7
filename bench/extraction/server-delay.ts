import { type CorpusFile, corpusFiles } from '../../tests/documents/corpus-files.ts';
import { type ServerMoment, ServerExtractor } from '../../tests/documents/server-extractor.ts';

/** What a running server bears while documents are read. */
export interface ServerBurden {
  /** Of the event loop, in milliseconds, at most: with nothing to do, and with documents. */
  readonly idleMsMax: number;
  readonly busyMsMax: number;
  /** Quarters of a second in which it was more than 50 ms, of all with documents. */
  readonly overLimit: number;
  readonly moments: number;
  readonly documents: number;
  readonly documentsPerSecond: number;
  readonly residentMiBBefore: number;
  readonly residentMiBMax: number;
}

const atOnce = 8;
const idleMs = 5_000;

/** Has a server read documents of the corpus for `busyMs`, eight at a time, each made different, so that none is known already. */
export async function measureServer(busyMs: number): Promise<ServerBurden> {
  await using server = await ServerExtractor.start();
  const files = corpusFiles().filter(({ format }) => format === 'pdf' || format === 'html' || format === 'rtf');
  await read(server, files, 0);
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const startMs = Date.now();
  let next = 1;
  const client = async (): Promise<void> => {
    while (Date.now() < startMs + busyMs) {
      const mine = next;
      next += 1;
      await read(server, files, mine);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  const endMs = Date.now();
  const moments = server.moments();
  const idle = moments.filter(({ atMs }) => atMs > startMs - idleMs + 500 && atMs <= startMs);
  const busy = moments.filter(({ atMs }) => atMs > startMs && atMs <= endMs);
  const most = (of: (moment: ServerMoment) => number, among: readonly ServerMoment[]): number => Math.max(...among.map(of));
  const delay = ({ delayMsMax }: ServerMoment): number => delayMsMax;
  const resident = ({ residentBytes }: ServerMoment): number => residentBytes / 2 ** 20;
  return {
    idleMsMax: most(delay, idle), busyMsMax: most(delay, busy), overLimit: busy.filter(({ delayMsMax }) => delayMsMax > 50).length, moments: busy.length,
    documents: next - 1, documentsPerSecond: ((next - 1) * 1000) / (endMs - startMs), residentMiBBefore: most(resident, idle), residentMiBMax: most(resident, busy),
  };
}

/** PDF, HTML and RTF may be followed by a line of anything. */
async function read(server: ServerExtractor, files: readonly CorpusFile[], number: number): Promise<void> {
  const file = files[number % files.length];
  if (file === undefined) throw new Error('the corpus is empty');
  const bytes = Buffer.concat([file.bytes, Buffer.from(`\n%${number}\n`)]);
  await server.extract({ filename: file.file, bytes: bytes.length, read: async function* () { yield bytes; } });
}
