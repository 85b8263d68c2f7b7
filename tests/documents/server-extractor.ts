import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import type { DocumentSource, ExtractedText, Extractor } from '../../src/documents/extraction.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';

/** What the server's event loop had to bear in a quarter of a second, and how much memory it had. */
export interface ServerMoment {
  readonly atMs: number;
  readonly delayMsMax: number;
  readonly residentBytes: number;
}

/** A real server as an extractor: each document is uploaded, its content asked for, and the file deleted. */
export class ServerExtractor implements Extractor {
  readonly version = 'server';
  readonly #server: RunningServer;
  readonly #folder: string;

  private constructor(server: RunningServer, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  static async start(): Promise<ServerExtractor> {
    const folder = mkdtempSync(join(tmpdir(), 'moongate-loop-'));
    const watch = new URL('loop-delay.mjs', import.meta.url).href;
    return new ServerExtractor(await startServer({ environment: { NODE_OPTIONS: `--import=${watch}`, LOOP_DELAY_FILE: join(folder, 'delays.jsonl') } }), folder);
  }

  /** Throws a `document_unreadable` fault with the server's words when it refuses the document, and an error for all else. */
  async extract(source: DocumentSource): Promise<ExtractedText> {
    const form = new FormData();
    form.set('purpose', 'file-extract');
    form.set('file', new Blob([Buffer.concat(await Array.fromAsync(source.read()))]), source.filename);
    const made = await this.#call('', { method: 'POST', body: form });
    const { id } = (await made.json()) as { id: string };
    const content = await this.#call(`/${id}/content`);
    const { content: text } = (await content.json()) as { content: string };
    await this.#call(`/${id}`, { method: 'DELETE' });
    return { format: 'text', mimeType: content.headers.get('content-type') ?? '', text, notes: [] };
  }

  async #call(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(`${this.#server.url}/v1/files${path}`, { ...init, headers: { authorization: `Bearer ${this.#server.testKey}` } });
    if (response.ok) return response;
    const { error } = (await response.json()) as { error: { message: string } };
    if (response.status >= 400 && response.status < 500) throw new Fault('document_unreadable', { message: error.message });
    throw new Error(`${response.status}: ${error.message}`);
  }

  /** All since the start, the latest last. */
  moments(): ServerMoment[] {
    return readFileSync(join(this.#folder, 'delays.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as ServerMoment);
  }

  /** What the server has written, which should be little and hold nothing of a document. */
  get output(): string {
    return this.#server.output();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
