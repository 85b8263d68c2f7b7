import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

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
export async function readBatchFile(path: string, endpoint: string): Promise<BatchFileFacts> {
  const source = createReadStream(path);
  const hash = createHash('sha256');
  source.on('data', (piece) => hash.update(piece));
  const problems: string[] = [];
  const met = new Map<string, number>();
  let lineCount = 0;
  let number = 0;
  for await (const line of createInterface({ input: source, crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() === '') continue;
    lineCount += 1;
    const problem = problemOf(line.replace(/^\uFEFF/, ''), number, endpoint, met);
    if (problem !== undefined && problems.length < problemsMax) problems.push(`line ${number}: ${problem}`);
  }
  if (lineCount === 0) problems.push('there are no requests in it');
  return { digest: hash.digest('hex'), lineCount, problems };
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
