import { createHash, type Hash } from 'node:crypto';

/** What a file of requests is, before anything is sent. */
export interface BatchFileFacts {
  /** SHA-256 of its bytes, hex. */
  readonly digest: string;
  readonly lineCount: number;
  /** What is wrong with it, the first few; empty: nothing that can be told from here. */
  readonly problems: readonly string[];
}

const problemsMax = 10;

/** Reads a file of requests for `endpoint`, line by line. Rejects when it cannot be read. */
export async function readBatchFile(source: AsyncIterable<Uint8Array>, endpoint: string): Promise<BatchFileFacts> {
  const hash = createHash('sha256');
  const problems: string[] = [];
  const met = new Map<string, number>();
  let lineCount = 0;
  let number = 0;
  for await (const line of linesOf(source, hash)) {
    number += 1;
    if (line.trim() === '') continue;
    lineCount += 1;
    const problem = problemOf(line.replace(/^\uFEFF/, ''), number, endpoint, met);
    if (problem !== undefined && problems.length < problemsMax) problems.push(`line ${number}: ${problem}`);
  }
  if (lineCount === 0) problems.push('there are no requests in it');
  return { digest: hash.digest('hex'), lineCount, problems };
}

/**
 * The lines of a source, whose pieces `hash` is told. They end at U+000A only, as at the server: what `node:readline` takes for ends as well
 * (U+2028, U+2029) may stand within JSON.
 */
async function* linesOf(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<string, void> {
  let begun: Uint8Array[] = [];
  for await (const piece of source) {
    hash.update(piece);
    let from = 0;
    for (let to = piece.indexOf(0x0a); to !== -1; to = piece.indexOf(0x0a, from)) {
      yield Buffer.concat([...begun, piece.subarray(from, to)]).toString('utf8');
      begun = [];
      from = to + 1;
    }
    if (from < piece.length) begun.push(piece.subarray(from));
  }
  if (begun.length > 0) yield Buffer.concat(begun).toString('utf8');
}

function problemOf(line: string, number: number, endpoint: string, met: Map<string, number>): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'this is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected a JSON object';
  const { custom_id: id, method = 'POST', url = endpoint, body } = value as Readonly<Record<string, unknown>>;
  if (typeof id !== 'string' || id === '') return 'expected a "custom_id", a text of your own';
  const earlier = met.get(id);
  if (earlier !== undefined) return `the "custom_id" ${JSON.stringify(id.slice(0, 50))} stands in line ${earlier} already`;
  met.set(id, number);
  if (method !== 'POST') return 'the "method" must be "POST"';
  if (typeof url !== 'string' || !url.endsWith(endpoint.replace(/^.*\/v\d+(?=\/)/, ''))) return `the "url" is not ${endpoint}; name another one with --endpoint`;
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? undefined : 'expected a "body", the JSON of a request';
}
