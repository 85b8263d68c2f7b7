import { Fault, toFault } from '../../base/fault.ts';
import { type FileLine, LineCutter } from '../../base/line-cutter.ts';
import type { BodyMode, ReplyReader } from '../exchange.ts';
import type { ReplyHead } from '../reply-head.ts';
import type { Flow } from '../upstream.ts';
import type { VendorHttp, VendorRequest } from '../vendor-http.ts';

export interface LineSource {
  readonly http: VendorHttp;
  readonly request: VendorRequest;
  readonly upstreamId: string;
  readonly lineBytesMax: number;
  /** What a status that is none of success means. */
  refused(status: number): Fault;
}

/** So much is read ahead of who takes the lines; beyond that the socket waits. */
const aheadBytesMax = 1024 * 1024;

/**
 * The lines of a reply, as they are asked for: it is never whole in memory, and who stops asking closes its connection. Throws a fault of the
 * upstream's, after the lines that came before.
 */
export async function* downloadLines({ http, request, upstreamId, lineBytesMax, refused }: LineSource, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const left = new AbortController();
  const reader = new LinesReader(new LineCutter(lineBytesMax), upstreamId, refused);
  const sent = http.send(request, reader, AbortSignal.any([signal, left.signal])).then(
    () => reader.close(undefined),
    (thrown: unknown) => reader.close(toFault(thrown)),
  );
  try {
    for (let lines = await reader.take(); lines !== undefined; lines = await reader.take()) yield* lines;
  } finally {
    left.abort();
    await sent;
  }
}

class LinesReader implements ReplyReader {
  readonly committed = false;
  readonly #cutter: LineCutter;
  readonly #upstreamId: string;
  readonly #refused: (status: number) => Fault;
  #flow: Flow | undefined;
  #status = 0;
  #lines: Uint8Array[] = [];
  #bytes = 0;
  #closed = false;
  #fault: Fault | undefined;
  #wake: () => void = () => undefined;

  constructor(cutter: LineCutter, upstreamId: string, refused: (status: number) => Fault) {
    this.#cutter = cutter;
    this.#upstreamId = upstreamId;
    this.#refused = refused;
  }

  onHead(head: ReplyHead, flow: Flow): BodyMode {
    this.#status = head.status;
    this.#flow = flow;
    return head.status >= 400 ? 'refusal' : 'stream';
  }

  onBytes(bytes: Uint8Array): boolean {
    this.#add(this.#cutter.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
    if (this.#cutter.isTooLong) throw this.#tooLong();
    if (this.#bytes > aheadBytesMax) this.#flow?.pause();
    return false;
  }

  onEnd(): void {
    if (this.#status >= 400) throw this.#refused(this.#status);
    const last = this.#cutter.end();
    if (last !== undefined) this.#add([last]);
  }

  /** No more will come: all of it has, or `fault` says why not. */
  close(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#closed = true;
    this.#wake();
  }

  /** The lines that have come since; undefined: that was all. Throws what ended it too early. */
  async take(): Promise<readonly Uint8Array[] | undefined> {
    while (this.#lines.length === 0) {
      if (this.#fault !== undefined) throw this.#fault;
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    this.#flow?.resume();
    return lines;
  }

  #add(lines: readonly FileLine[]): void {
    for (const { bytes, tooLong } of lines) {
      if (tooLong) throw this.#tooLong();
      this.#lines.push(bytes);
      this.#bytes += bytes.length;
    }
    if (lines.length > 0) this.#wake();
  }

  #tooLong(): Fault {
    return new Fault('upstream_invalid_reply', { message: "a line of the upstream's file is too long", upstream: this.#upstreamId });
  }
}
