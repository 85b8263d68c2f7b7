import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../../base/clock.ts';
import { Fault, toFault } from '../../../base/fault.ts';

export interface FormReading<Kept> {
  /** Name of the one field that is a file. */
  readonly fileField: string;
  readonly clock: Clock;
  /** Stores the file; rejects, with nothing left, when `source` or `signal` says so. */
  keep(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Kept>;
  /** Gives back what was kept of a form that turned out wrong. */
  discard(kept: Kept): Promise<void>;
}

/** A form with one file. */
export interface FileForm<Kept> {
  readonly fields: ReadonlyMap<string, string>;
  /** As it was sent. */
  readonly filename: string;
  readonly kept: Kept;
}

const limits = { fieldNameSize: 100, fieldSize: 4_096, fields: 16, files: 2, parts: 18, headerPairs: 32, headerSize: 16 * 1024 };

/** A client that sends nothing for so long is given up. */
const idleMs = 60_000;

/**
 * Reads a body of `multipart/form-data` whose file is kept while it arrives, as fast as it can be, and never whole in memory. Fields may
 * stand before and after it. Throws what `keep` throws, `invalid_request` naming the field, `request_timeout`, and `caller_gone`; then nothing of it is
 * kept, and what still arrives is dropped.
 */
export async function readFileForm<Kept>(request: FastifyRequest, reading: FormReading<Kept>): Promise<FileForm<Kept>> {
  const form = new Form(request, reading);
  return form.read();
}

class Form<Kept> {
  readonly #request: FastifyRequest;
  readonly #reading: FormReading<Kept>;
  readonly #busboy: BusboyInstance;
  readonly #failing = new AbortController();
  readonly #fields = new Map<string, string>();
  #file: { readonly filename: string; readonly kept: Promise<Kept> } | undefined;

  constructor(request: FastifyRequest, reading: FormReading<Kept>) {
    this.#request = request;
    this.#reading = reading;
    this.#busboy = openBusboy(request);
  }

  async read(): Promise<FileForm<Kept>> {
    try {
      await this.#parsed();
      if (this.#file === undefined) throw missing(this.#reading.fileField);
      return { fields: this.#fields, filename: this.#file.filename, kept: await this.#file.kept };
    } catch (thrown) {
      this.#failing.abort(thrown);
      this.#request.raw.unpipe(this.#busboy);
      // Else the client would never come to reading the answer.
      this.#request.raw.resume();
      const kept = await this.#file?.kept.catch(() => undefined);
      if (kept !== undefined) await this.#reading.discard(kept).catch(() => undefined);
      throw thrown;
    }
  }

  /** Resolves when all parts have come, though the file may not be kept yet. */
  #parsed(): Promise<void> {
    const { raw } = this.#request;
    const busboy = this.#busboy;
    return new Promise((resolve, reject) => {
      const fail = (thrown: unknown): void => this.#failing.abort(thrown);
      this.#failing.signal.addEventListener('abort', () => reject(this.#failing.signal.reason), { once: true });
      busboy.on('field', (name, value, nameCut, valueCut) => this.#field(name, value, nameCut || valueCut));
      busboy.on('file', (name, stream, filename) => this.#fileBegins(name, stream, filename));
      for (const limit of ['partsLimit', 'fieldsLimit', 'filesLimit'] as const) busboy.on(limit, () => fail(invalid('the form has too many parts')));
      busboy.on('error', () => fail(invalid('the multipart body is broken')));
      busboy.on('finish', resolve);
      raw.once('close', () => {
        if (!raw.complete) fail(new Fault('caller_gone'));
      });
      const stopWatching = this.#watchIdle(() => fail(new Fault('request_timeout')));
      busboy.once('finish', stopWatching);
      this.#failing.signal.addEventListener('abort', stopWatching, { once: true });
      // It may have left while its key and its quota were looked at.
      if (raw.destroyed) fail(new Fault('caller_gone'));
      else raw.pipe(busboy);
    });
  }

  #field(name: string | undefined, value: string, cut: boolean): void {
    const field = name ?? '';
    if (field === this.#reading.fileField) this.#failing.abort(invalid(`"${field}" must be a file, with a filename`, field));
    else if (cut) this.#failing.abort(invalid('a field of the form is too long'));
    else if (this.#fields.has(field)) this.#failing.abort(invalid('a field of the form stands there twice', field));
    else this.#fields.set(field, value);
  }

  #fileBegins(name: string | undefined, stream: BusboyFileStream, filename: string | undefined): void {
    // Who reads it hears of its errors; without a listener Node would end the process for those that come later.
    stream.on('error', () => undefined);
    const { fileField, keep } = this.#reading;
    if (name !== fileField || this.#file !== undefined) {
      stream.resume();
      const message = name === fileField ? `"${fileField}" stands there twice; send one file at a time` : `the only file of the form is "${fileField}"`;
      return this.#failing.abort(invalid(message, fileField));
    }
    const { signal } = this.#failing;
    signal.addEventListener('abort', () => stream.destroy(toFault(signal.reason)), { once: true });
    const kept = keep(stream, signal);
    this.#file = { filename: filename ?? '', kept };
    kept.catch((thrown: unknown) => this.#failing.abort(thrown));
  }

  #watchIdle(onIdle: () => void): () => void {
    const { raw } = this.#request;
    const { clock } = this.#reading;
    let seenAtMs = clock.monotonicMs();
    raw.on('data', () => (seenAtMs = clock.monotonicMs()));
    let cancel: () => void;
    const look = (): void => {
      // It may be us who let it wait.
      if (raw.isPaused()) seenAtMs = clock.monotonicMs();
      if (clock.monotonicMs() - seenAtMs >= idleMs) return onIdle();
      cancel = clock.after(idleMs / 4, look);
    };
    cancel = clock.after(idleMs / 4, look);
    return () => cancel();
  }
}

function openBusboy(request: FastifyRequest): BusboyInstance {
  const { 'content-type': type = '', ...headers } = request.headers;
  if (!/^multipart\/form-data\b/i.test(type)) {
    throw new Fault('unsupported_media_type', { message: 'send the body as multipart/form-data' });
  }
  try {
    return new Busboy({ headers: { ...headers, 'content-type': type }, limits });
  } catch {
    throw invalid('the content type names no boundary');
  }
}

function missing(field: string): Fault {
  return invalid(`"${field}" is required`, field);
}

function invalid(detail: string, field?: string): Fault {
  return new Fault('invalid_request', { message: `Invalid request: ${detail}`, ...(field === undefined ? {} : { field }) });
}
