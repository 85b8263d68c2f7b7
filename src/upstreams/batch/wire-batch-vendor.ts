import { type Clock, systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { chatProtocol } from '../chat-protocol.ts';
import type { Deadlines } from '../deadlines.ts';
import { type DialectName, dialectOf } from '../dialect.ts';
import { scrubFault } from '../scrub.ts';
import { type VendorAnswer, VendorHttp, type VendorRequest } from '../vendor-http.ts';
import type { ReplyCodec, WireProtocol } from '../wire-protocol.ts';
import { type BatchDialect, batchDialectOf } from './batch-dialect.ts';
import { batchEndpoint, type BatchCall, type BatchLineResult, decodeBatchLine, encodeBatchLine } from './remote-line.ts';
import { downloadLines } from './download-lines.ts';
import { multipartFile } from './multipart-file.ts';
import { readRemoteBatch, referenceKey, referenceOf, type RemoteBatch } from './remote-batch.ts';

export interface WireBatchVendorOptions {
  readonly upstreamId: string;
  readonly kind: DialectName;
  /** As an SDK takes it: `https://api.moonshot.ai/v1`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly clock?: Clock;
  /** Of small questions; files have longer ones. */
  readonly deadlines?: Deadlines;
}

/** A batch to be made; see the port in `src/batches/batch-vendor.ts`. */
export interface BatchOrder {
  readonly reference: string;
  readonly bytes: number;
  open(): AsyncIterable<Uint8Array>;
  readonly windowHours: number;
}

/** A file as the vendor lists it. */
interface RemoteFile {
  readonly id: string;
  readonly filename: string;
  readonly bytes: number | undefined;
}

/** Nobody waits for a model here. */
const deadlinesDefault: Deadlines = { connectMs: 5_000, firstByteMs: 60_000, idleMs: 30_000, totalMs: 120_000 };
/** A file of 200 MB over a slow line, sent or read. The first byte of the reply to an upload comes when all of it has arrived. */
const fileDeadlines: Deadlines = { connectMs: 5_000, firstByteMs: 1_800_000, idleMs: 120_000, totalMs: 7_200_000 };
const mebibyte = 1024 * 1024;
/** The longest of these replies lists files: some 250 bytes each. */
const answerLimits = { bodyBytesMax: 16 * mebibyte, eventBytesMax: 1024, streamBytesMax: 1024 };
/** 50,000 replies of 80 KB. */
const fileLimits = { bodyBytesMax: 4096 * mebibyte, eventBytesMax: 1024, streamBytesMax: 4096 * mebibyte };
/** As for a reply that does not come in a file. */
const lineBytesMax = 64 * mebibyte;
/** Of its batches a vendor lists 20 at a time unless told otherwise (moonshot-api.md 1.6); nobody has more than this many. */
const listPagesMax = 500;

/** The batches of a vendor whose API is OpenAI's (moonshot-api.md 1.4 and 1.6, responses-ark-anthropic-batch.md 4). */
export class WireBatchVendor implements AsyncDisposable {
  readonly upstreamId: string;
  readonly limits: Omit<BatchDialect, 'windowText'>;
  readonly #dialect: BatchDialect;
  readonly #apiKey: string | undefined;
  readonly #protocol: WireProtocol;
  readonly #codec: ReplyCodec;
  readonly #http: VendorHttp;
  readonly #files: VendorHttp;

  /** Throws TypeError when `baseUrl` is no URL. */
  constructor({ upstreamId, kind, baseUrl, apiKey, clock = systemClock, deadlines = deadlinesDefault }: WireBatchVendorOptions) {
    this.upstreamId = upstreamId;
    this.#dialect = batchDialectOf(kind);
    const { linesMax, bytesMax, windowHoursMin, windowHoursMax } = this.#dialect;
    this.limits = { linesMax, bytesMax, windowHoursMin, windowHoursMax };
    this.#apiKey = apiKey;
    this.#protocol = chatProtocol(dialectOf(kind));
    this.#codec = this.#protocol.replies({ body: {}, losses: [] });
    const common = { upstreamId, baseUrl, ...(apiKey === undefined ? {} : { apiKey }), clock };
    this.#http = new VendorHttp({ ...common, deadlines, limits: answerLimits });
    this.#files = new VendorHttp({ ...common, deadlines: { ...fileDeadlines, connectMs: deadlines.connectMs }, limits: fileLimits });
  }

  line(call: BatchCall): { readonly text: string; readonly lossCount: number } {
    return encodeBatchLine(call, this.#protocol);
  }

  /**
   * Looks before each step for what an earlier try may have done. A batch that is asked for while another list is read is not seen by it:
   * that is what `clear` is for.
   */
  async submit(order: BatchOrder, signal: AbortSignal): Promise<RemoteBatch> {
    const filename = fileNameOf(order.reference);
    const sent = await this.#sentFiles(filename, signal);
    const [earlier] = await this.#batchesOf(order.reference, sent, signal);
    if (earlier !== undefined) return earlier;
    const whole = sent.find(({ bytes }) => bytes === undefined || bytes === order.bytes);
    // What was cut on the way is of no use to anybody.
    for (const file of sent) if (file !== whole) await this.#removeFile(file.id, signal);
    const fileId = whole?.id ?? (await this.#upload(filename, order, signal));
    const value = await this.#ask({ method: 'POST', path: '/batches', ...jsonBody(this.#creation(order, fileId)) }, signal);
    return this.#batch(value);
  }

  async poll(id: string, signal: AbortSignal): Promise<RemoteBatch | undefined> {
    const value = await this.#askUnlessGone({ method: 'GET', path: `/batches/${encodeURIComponent(id)}` }, signal);
    return value === undefined ? undefined : this.#batch(value);
  }

  async *results({ outputFileId, errorFileId }: Pick<RemoteBatch, 'outputFileId' | 'errorFileId'>, signal: AbortSignal): AsyncGenerator<BatchLineResult, void> {
    const { upstreamId } = this;
    const reading = { upstreamId, apiKey: this.#apiKey, codec: this.#codec };
    for (const fileId of [outputFileId, errorFileId]) {
      if (fileId === undefined) continue;
      const request = { method: 'GET', path: `/files/${encodeURIComponent(fileId)}/content` } as const;
      const refused = (status: number): Fault => this.#refusal({ status, value: undefined, retryAfterMs: undefined });
      for await (const line of downloadLines({ http: this.#files, request, upstreamId, lineBytesMax, refused }, signal)) {
        const result = decodeBatchLine(line, reading);
        if (result !== undefined) yield result;
      }
    }
  }

  async cancel(id: string, signal: AbortSignal): Promise<RemoteBatch | undefined> {
    const answer = await this.#http.ask({ method: 'POST', path: `/batches/${encodeURIComponent(id)}/cancel` }, signal);
    const { status, value } = answer;
    if (status < 300) return readRemoteBatch(value) ?? this.poll(id, signal);
    if (status === 404) return undefined;
    // It is over, or being cancelled already (moonshot-api.md 1.6: only from three states, else 400).
    if (status === 400 || status === 409) return this.poll(id, signal);
    throw this.#refusal(answer);
  }

  async clear(reference: string, keepId: string | undefined, signal: AbortSignal): Promise<number> {
    const sent = await this.#sentFiles(fileNameOf(reference), signal);
    let working = 0;
    for (const batch of await this.#batchesOf(reference, sent, signal)) {
      if (batch.id === keepId) continue;
      const last = batch.state === 'working' ? await this.cancel(batch.id, signal) : batch;
      if (last?.state === 'working') working += 1;
      else await this.#removeFiles([last?.outputFileId, last?.errorFileId], signal);
    }
    if (keepId === undefined && working === 0) await this.#removeFiles(sent.map(({ id }) => id), signal);
    return working;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#http, this.#files].map((each) => each[Symbol.asyncDispose]()));
  }

  #creation({ reference, windowHours }: BatchOrder, fileId: string): JsonObject {
    return {
      input_file_id: fileId, endpoint: batchEndpoint, completion_window: this.#dialect.windowText(windowHours), metadata: { [referenceKey]: reference },
    };
  }

  /** `POST {base}/files`, purpose `batch` (moonshot-api.md 1.4). Resolves with the file's id. */
  async #upload(filename: string, order: BatchOrder, signal: AbortSignal): Promise<string> {
    const form = multipartFile({ purpose: 'batch' }, { filename, bytes: order.bytes, mediaType: 'application/jsonl', open: () => order.open() });
    const answer = await this.#files.ask({ method: 'POST', path: '/files', ...form }, signal);
    if (answer.status >= 300) throw this.#refusal(answer);
    const file = readRemoteFile(answer.value);
    if (file === undefined) throw this.#invalid('the upstream took a file and gave it no id');
    return file.id;
  }

  /** The files of that name, of which there is one at most unless an upload was repeated. */
  async #sentFiles(filename: string, signal: AbortSignal): Promise<readonly RemoteFile[]> {
    const value = await this.#ask({ method: 'GET', path: '/files', query: [['purpose', 'batch']] }, signal);
    return listOf(value).map(readRemoteFile).filter((file) => file?.filename === filename).filter((file) => file !== undefined);
  }

  /** Batches that carry `reference`, or were made of its file; the oldest first. */
  async #batchesOf(reference: string, files: readonly RemoteFile[], signal: AbortSignal): Promise<readonly RemoteBatch[]> {
    const found: RemoteBatch[] = [];
    const seen = new Set<string>();
    let after: string | undefined;
    for (let page = 0; page < listPagesMax; page += 1) {
      const value = await this.#ask({ method: 'GET', path: '/batches', query: after === undefined ? [] : [['after', after]] }, signal);
      after = undefined;
      for (const entry of listOf(value)) {
        const batch = readRemoteBatch(entry);
        // A vendor that does not know `after` begins again.
        if (batch === undefined || seen.has(batch.id)) continue;
        seen.add(batch.id);
        after = batch.id;
        const ours = isJsonObject(entry) && referenceOf(entry) === reference;
        if (ours || files.some(({ id }) => id === batch.inputFileId)) found.push(batch);
      }
      if (after === undefined || !isJsonObject(value) || value.has_more !== true) return oldestFirst(found);
    }
    throw this.#invalid('the upstream lists batches without end');
  }

  async #removeFiles(ids: readonly (string | undefined)[], signal: AbortSignal): Promise<void> {
    for (const id of ids) if (id !== undefined) await this.#removeFile(id, signal);
  }

  async #removeFile(id: string, signal: AbortSignal): Promise<void> {
    await this.#askUnlessGone({ method: 'DELETE', path: `/files/${encodeURIComponent(id)}` }, signal);
  }

  /** What a success says. */
  async #ask(request: VendorRequest, signal: AbortSignal): Promise<unknown> {
    const answer = await this.#http.ask(request, signal);
    if (answer.status >= 300) throw this.#refusal(answer);
    return answer.value;
  }

  /** Undefined: 404. */
  async #askUnlessGone(request: VendorRequest, signal: AbortSignal): Promise<unknown> {
    const answer = await this.#http.ask(request, signal);
    if (answer.status === 404) return undefined;
    if (answer.status >= 300) throw this.#refusal(answer);
    return answer.value;
  }

  /** Why not, by the same words as for a model: whose fault it is does not matter here, and whether to try again does. */
  #refusal({ status, value, retryAfterMs }: VendorAnswer): Fault {
    return scrubFault(this.#codec.decodeError(status, isJsonObject(value) ? value : undefined, retryAfterMs).fault, this.upstreamId, this.#apiKey);
  }

  #invalid(message: string): Fault {
    return new Fault('upstream_invalid_reply', { message, upstream: this.upstreamId });
  }

  #batch(value: unknown): RemoteBatch {
    const batch = readRemoteBatch(value);
    if (batch === undefined) throw this.#invalid("the upstream's batch is not one");
    return batch;
  }
}

function fileNameOf(reference: string): string {
  return `moongate-${reference}.jsonl`;
}

function jsonBody(value: JsonObject): Pick<VendorRequest, 'headers' | 'body'> {
  return { headers: ['content-type', 'application/json'], body: JSON.stringify(value) };
}

function listOf(value: unknown): readonly unknown[] {
  const data = isJsonObject(value) ? value.data : undefined;
  return Array.isArray(data) ? data : [];
}

function readRemoteFile(value: unknown): RemoteFile | undefined {
  if (!isJsonObject(value)) return undefined;
  const { id, filename, bytes } = value;
  if (typeof id !== 'string' || id === '' || id.length > 256) return undefined;
  return { id, filename: typeof filename === 'string' ? filename : '', bytes: typeof bytes === 'number' ? bytes : undefined };
}

function oldestFirst(batches: readonly RemoteBatch[]): readonly RemoteBatch[] {
  return batches.toSorted((one, other) => (one.createdMs ?? 0) - (other.createdMs ?? 0) || (one.id < other.id ? -1 : 1));
}
