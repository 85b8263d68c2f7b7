import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { completion } from './scripted-upstream.ts';

/** A line of a file that was handed in. */
export interface HandedLine {
  readonly custom_id: string;
  readonly method: string;
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What the vendor makes of a line: a reply with its status, nothing at all, or the same result told so many times. */
export type LineAnswer = { readonly status?: number; readonly body: unknown; readonly times?: number } | { readonly error: string } | 'missing';

/** What goes wrong with the next request of a kind: before it is looked at, or after it has been done. */
export type Trouble = { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } | 'cut' | 'done-then-cut';

interface VendorFile {
  readonly id: string;
  readonly filename: string;
  readonly purpose: string;
  readonly text: string;
}

interface VendorJob {
  readonly id: string;
  readonly inputFileId: string;
  readonly window: string;
  readonly metadata: unknown;
  readonly createdS: number;
  status: string;
  total: number;
  outputFileId: string | null;
  errorFileId: string | null;
}

/** Each state lasts until the batch is asked for once more, as a vendor's clock would have it. */
const nextStatus: Readonly<Record<string, string>> = { validating: 'in_progress', in_progress: 'finalizing', finalizing: 'completed', cancelling: 'cancelled' };

const quickStatus: Readonly<Record<string, string>> = { validating: 'completed', in_progress: 'completed', finalizing: 'completed' };

/**
 * A vendor with files and batches like Moonshot's (moonshot-api.md 1.4 and 1.6), on a loopback port. A batch goes on by one state each
 * time that it is asked for; `answer` says what becomes of its lines.
 */
export class BatchVendorDouble implements AsyncDisposable {
  readonly files = new Map<string, VendorFile>();
  readonly jobs = new Map<string, VendorJob>();
  /** `POST /v1/batches` and so on, as they came. */
  readonly requests: string[] = [];
  /** Bodies of `POST …/chat/completions`, with the path. */
  readonly calls: { readonly path: string; readonly body: Readonly<Record<string, unknown>> }[] = [];
  /** How often each line was made by batches. */
  readonly made = new Map<string, number>();
  answer: (line: HandedLine) => LineAnswer = (line) => ({ body: completion(`done ${line.custom_id}`) });
  /** What the vendor says of a batch in place of its own words. */
  describe: (job: Record<string, unknown>) => Record<string, unknown> = (job) => job;
  /** It has made a batch when it is first asked for it. */
  quick = false;
  /** Where the batch stops: a state that it does not leave by itself. */
  staysAt: string | undefined;
  listPageSize = 20;
  /** Its list begins anew, whatever is asked for. */
  ignoresAfter = false;
  readonly #troubles = new Map<string, Trouble[]>();
  readonly #server: Server;
  #count = 0;

  static async start(): Promise<BatchVendorDouble> {
    const vendor = new BatchVendorDouble();
    await new Promise<void>((resolve) => vendor.#server.listen(0, '127.0.0.1', resolve));
    return vendor;
  }

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response).catch(() => response.destroy()));
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** The next requests of that kind (`POST /files`) meet these troubles, one each. */
  trouble(kind: string, ...troubles: readonly Trouble[]): void {
    this.#troubles.set(kind, [...(this.#troubles.get(kind) ?? []), ...troubles]);
  }

  /** How many requests of that kind came. */
  count(kind: string): number {
    return this.requests.filter((one) => one === kind).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://double');
    const path = url.pathname.replace(/^\/v1/, '');
    const [, room = '', id] = path.split('/');
    const rest = path.split('/').slice(3).join('/');
    const kind = `${request.method ?? ''} /${room}${id === undefined ? '' : room === 'files' || room === 'batches' ? '/:id' : `/${id}`}${rest === '' ? '' : `/${rest}`}`;
    this.requests.push(kind);
    const trouble = this.#troubles.get(kind)?.shift();
    if (trouble === 'cut') {
      request.once('data', () => request.socket.destroy());
      if (request.method !== 'POST') request.socket.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (trouble !== undefined && trouble !== 'done-then-cut') return reply(response, trouble.status, trouble.body ?? { error: { message: 'trouble', type: 'server_error' } }, trouble.headers);
    const [status, value] = this.#do(kind, { id, body: Buffer.concat(chunks), contentType: request.headers['content-type'] ?? '', query: url.searchParams, path });
    if (trouble === 'done-then-cut') return void request.socket.destroy();
    reply(response, status, value);
  }

  #do(kind: string, { id = '', body, contentType, query, path }: Asked): readonly [number, unknown] {
    switch (kind) {
      case 'POST /files':
        return this.#upload(body, contentType);
      case 'GET /files':
        return [200, { object: 'list', data: [...this.files.values()].map(fileObject) }];
      case 'DELETE /files/:id':
        return this.files.delete(id) ? [200, { id, object: 'file', deleted: true }] : notFound;
      case 'GET /files/:id/content':
        return this.files.has(id) ? [200, this.files.get(id)?.text ?? ''] : notFound;
      case 'POST /batches':
        return this.#create(JSON.parse(body.toString('utf8')) as Record<string, unknown>);
      case 'GET /batches':
        return [200, this.#list(query.get('after'))];
      case 'GET /batches/:id':
        return this.#advance(id);
      case 'POST /batches/:id/cancel':
        return this.#cancel(id);
      default:
        return path.endsWith('/chat/completions') ? this.#chat(path, body) : notFound;
    }
  }

  #chat(path: string, body: Buffer): readonly [number, unknown] {
    const parsed = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    this.calls.push({ path, body: parsed });
    return [200, completion('here')];
  }

  #upload(body: Buffer, contentType: string): readonly [number, unknown] {
    const boundary = /boundary=(.+)$/.exec(contentType)?.[1] ?? '';
    const parts = body.toString('utf8').split(`--${boundary}`).slice(1, -1).map((part) => {
      const [head = '', ...content] = part.slice(2, -2).split('\r\n\r\n');
      return { name: / name="([^"]*)"/.exec(head)?.[1], filename: /filename="([^"]*)"/.exec(head)?.[1] ?? '', text: content.join('\r\n\r\n') };
    });
    const purpose = parts.find(({ name }) => name === 'purpose')?.text;
    const file = parts.find(({ name }) => name === 'file');
    if (purpose !== 'batch' || file === undefined || !file.filename.endsWith('.jsonl')) return [400, { error: { message: 'Invalid file format for Batch API. Must be .jsonl', type: 'invalid_request_error' } }];
    return [200, fileObject(this.#store(file.filename, 'batch', file.text))];
  }

  #create({ input_file_id: inputFileId, endpoint, completion_window: window, metadata }: Record<string, unknown>): readonly [number, unknown] {
    const file = this.files.get(String(inputFileId));
    if (file === undefined || endpoint !== '/v1/chat/completions') return [400, { error: { message: 'Invalid request', type: 'invalid_request_error' } }];
    const job: VendorJob = {
      id: this.#id('batch'), inputFileId: file.id, window: String(window), metadata, createdS: 1_700_000_000 + this.#count,
      status: 'validating', total: linesOf(file).length, outputFileId: null, errorFileId: null,
    };
    this.jobs.set(job.id, job);
    return [200, this.describe(batchObject(job))];
  }

  #list(after: string | null): unknown {
    const all = [...this.jobs.values()].toReversed();
    const from = after === null || this.ignoresAfter ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const data = all.slice(from, from + this.listPageSize);
    return { object: 'list', data: data.map((job) => this.describe(batchObject(job))), has_more: from + data.length < all.length };
  }

  #advance(id: string): readonly [number, unknown] {
    const job = this.jobs.get(id);
    if (job === undefined) return notFound;
    if (job.status !== this.staysAt) {
      job.status = (this.quick && job.status !== 'cancelling' ? quickStatus : nextStatus)[job.status] ?? job.status;
      if ((job.status === 'completed' || job.status === 'cancelled' || job.status === 'expired') && job.outputFileId === null && job.errorFileId === null) this.#finish(job);
    }
    return [200, this.describe(batchObject(job))];
  }

  #cancel(id: string): readonly [number, unknown] {
    const job = this.jobs.get(id);
    if (job === undefined) return notFound;
    if (!['validating', 'in_progress', 'finalizing'].includes(job.status)) return [400, { error: { message: 'batch cannot be cancelled', type: 'invalid_request_error' } }];
    job.status = 'cancelling';
    return [200, this.describe(batchObject(job))];
  }

  /** Makes the lines, the last first: order is not promised. */
  #finish(job: VendorJob): void {
    const output: string[] = [];
    const errors: string[] = [];
    const input = this.files.get(job.inputFileId);
    for (const line of input === undefined ? [] : linesOf(input).toReversed()) {
      const answer = this.answer(line);
      if (answer === 'missing') continue;
      const made = resultLine(line, answer);
      if ('error' in answer) {
        errors.push(made);
        continue;
      }
      this.made.set(line.custom_id, (this.made.get(line.custom_id) ?? 0) + 1);
      for (let count = 0; count < (answer.times ?? 1); count += 1) ((answer.status ?? 200) < 400 ? output : errors).push(made);
    }
    if (output.length > 0) job.outputFileId = this.#store('output.jsonl', 'batch_output', output.join('\n')).id;
    if (errors.length > 0) job.errorFileId = this.#store('errors.jsonl', 'batch_output', errors.join('\n')).id;
  }

  #store(filename: string, purpose: string, text: string): VendorFile {
    const file = { id: this.#id('file'), filename, purpose, text };
    this.files.set(file.id, file);
    return file;
  }

  #id(prefix: string): string {
    this.#count += 1;
    return `${prefix}-${this.#count}`;
  }
}

interface Asked {
  readonly id: string | undefined;
  readonly body: Buffer;
  readonly contentType: string;
  readonly query: URLSearchParams;
  readonly path: string;
}

const notFound: readonly [number, unknown] = [404, { error: { message: 'not found', type: 'resource_not_found_error' } }];

function linesOf({ text }: VendorFile): readonly HandedLine[] {
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as HandedLine);
}

function resultLine({ custom_id: customId }: HandedLine, answer: Exclude<LineAnswer, 'missing'>): string {
  const id = `batch_req_${customId}`;
  if ('error' in answer) return JSON.stringify({ id, custom_id: customId, response: null, error: { code: answer.error, message: answer.error } });
  return JSON.stringify({ id, custom_id: customId, response: { status_code: answer.status ?? 200, request_id: `req-${customId}`, body: answer.body }, error: null });
}

function fileObject({ id, filename, purpose, text }: VendorFile): unknown {
  return { id, object: 'file', bytes: Buffer.byteLength(text), created_at: 1_700_000_000, filename, purpose, status: 'ready' };
}

function batchObject(job: VendorJob): Record<string, unknown> {
  const over = job.outputFileId !== null || job.errorFileId !== null;
  return {
    id: job.id, object: 'batch', endpoint: '/v1/chat/completions', input_file_id: job.inputFileId, completion_window: job.window, status: job.status,
    output_file_id: job.outputFileId, error_file_id: job.errorFileId, created_at: job.createdS, metadata: job.metadata,
    request_counts: { total: job.total, completed: over ? job.total : 0, failed: 0 },
  };
}

function reply(response: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': typeof value === 'string' ? 'application/octet-stream' : 'application/json', ...headers });
  response.end(typeof value === 'string' ? value : JSON.stringify(value));
}
