import { RandomStream } from '../../../sim/random-stream.ts';
import { Fault } from '../../../src/base/fault.ts';
import type { Extractor } from '../../../src/documents/extraction.ts';
import { ChildMemory } from './child-memory.ts';
import type { HostileBait } from './hostile-bait.ts';
import type { HostileFile } from './hostile-file.ts';

/** What became of one file. */
export interface HostileResult {
  readonly file: HostileFile;
  readonly bytes: number;
  /** `text`, or the code of the fault. */
  readonly outcome: string;
  /** The public message, or how long the text is. */
  readonly answer: string;
  readonly ms: number;
  /** Of the reading process, when it could be seen. */
  readonly peakBytes: number;
  /** What should not have happened; empty when all is well. */
  readonly problems: readonly string[];
}

export interface HostileLimits {
  readonly timeMsMax: number;
  readonly peakBytesMax: number;
}

interface HostileRunDeps {
  readonly extractor: Extractor;
  readonly bait: HostileBait;
  readonly seed: number;
  readonly limits: HostileLimits;
  /** At a time; the memory of each is known for one at a time only. */
  readonly concurrency: number;
  readonly onResult?: (result: HostileResult) => void;
}

/** Has all files read, several at a time, and says what became of each, in their order. */
export async function runHostile(files: readonly HostileFile[], deps: HostileRunDeps): Promise<HostileResult[]> {
  const results: HostileResult[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      const file = files[index];
      if (file === undefined) return;
      const result = await readOne(file, deps, index);
      results[index] = result;
      deps.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: deps.concurrency }, work));
  return results;
}

async function readOne(file: HostileFile, deps: HostileRunDeps, index: number): Promise<HostileResult> {
  const bytes = file.make(new RandomStream(deps.seed + index));
  using memory = new ChildMemory();
  const callsBefore = deps.bait.connections;
  const startMs = performance.now();
  const seen = await outcomeOf(file, bytes, deps.extractor);
  const ms = performance.now() - startMs;
  const problems = [...problemsOf(file, seen, deps.bait.bait.secret), ...limitProblems(ms, memory.peakBytes, deps.limits)];
  if (deps.bait.connections > callsBefore) problems.push('called the listener');
  problems.push(...deps.bait.strayFiles().map((path) => `left ${path}`));
  const answer = seen.text === undefined ? seen.message : `${seen.text.length} characters`;
  return { file, bytes: bytes.length, outcome: seen.code, answer, ms, peakBytes: memory.peakBytes, problems };
}

interface Outcome {
  readonly code: string;
  readonly text?: string;
  readonly message: string;
}

async function outcomeOf(file: HostileFile, bytes: Uint8Array, extractor: Extractor): Promise<Outcome> {
  try {
    const { text, title = '', notes } = await extractor.extract({ filename: file.filename, bytes: bytes.length, read: () => pieces(bytes) });
    return { code: 'text', text: [title, text, ...notes].join('\n'), message: '' };
  } catch (thrown) {
    if (thrown instanceof Fault) return { code: thrown.code, message: thrown.message };
    return { code: 'crash', message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) };
  }
}

/** The cap on a text that servers have by default, and a little for notes. */
const textCharsMax = 20 * 1024 * 1024 + 10_000;
const pieceBytes = 256 * 1024;

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

function problemsOf(file: HostileFile, { code, text, message }: Outcome, secret: string): string[] {
  const problems: string[] = [];
  if ((text ?? '').length > textCharsMax) problems.push(`gave ${text?.length} characters`);
  if (code !== 'text' && code !== 'document_unreadable') problems.push(`ended as ${code}: ${message}`);
  if (code === 'text' && file.outcome === 'refused') problems.push(`was read: ${JSON.stringify((text ?? '').slice(0, 80))}`);
  if (file.says !== undefined && !(text ?? '').includes(file.says)) problems.push(`does not say "${file.says}"`);
  if (file.because !== undefined && code === 'document_unreadable' && !file.because.test(message)) problems.push(`is refused for the wrong reason: ${message}`);
  if (`${text ?? ''}${message}`.includes(secret)) problems.push('brought the secret home');
  return problems;
}

function limitProblems(ms: number, peakBytes: number, { timeMsMax, peakBytesMax }: HostileLimits): string[] {
  return [...(ms > timeMsMax ? [`took ${Math.round(ms)} ms`] : []), ...(peakBytes > peakBytesMax ? [`took ${Math.round(peakBytes / 2 ** 20)} MiB`] : [])];
}
