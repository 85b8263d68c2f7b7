import { PDFiumModule } from '@hyzyla/pdfium';

export type Native = (...values: number[]) => number;
type Module = Awaited<ReturnType<typeof PDFiumModule>>;

/** What `FPDF_GetLastError` says of a document that was not opened (fpdfview.h). */
export const pdfErrors = { password: 4, security: 5 } as const;

/**
 * PDFium itself, compiled to WebAssembly. The package's own classes hold each page until the end (a page has to be closed: 120
 * documents took 1 GB) and know no positions; so this calls PDFium's C functions, which the module exports under their names.
 */
export class Pdfium {
  readonly #module: Module;
  readonly #functions: ReadonlyMap<string, unknown>;

  private constructor(module: Module) {
    this.#module = module;
    this.#functions = new Map<string, unknown>(Object.entries(module.wasmExports));
  }

  /** Compiles it, which takes some 60 ms. */
  static async load(): Promise<Pdfium> {
    const module = await PDFiumModule({});
    module._FPDF_InitLibraryWithConfig({ version: 2 });
    return new Pdfium(module);
  }

  /** A function of PDFium by its name in the C headers. Pointers and handles are numbers, and so are doubles. */
  bind(name: string): Native {
    const found = this.#functions.get(name);
    if (typeof found !== 'function') throw new Error(`PDFium has no ${name}`);
    return found as Native;
  }

  call(name: string, ...values: number[]): number {
    return this.bind(name)(...values);
  }

  /** Room for `bytes` in PDFium's memory, to be freed. Throws when there is none left. */
  allocate(bytes: number): number {
    const at = this.call('malloc', bytes);
    if (at === 0) throw new RangeError(`out of memory: ${bytes} bytes`);
    return at;
  }

  free(at: number): void {
    this.call('free', at);
  }

  /** PDFium's memory as it is now: whatever is called may move it. */
  view(): DataView {
    return new DataView(this.#module.HEAPU8.buffer);
  }

  bytesAt(at: number, length: number): Uint8Array {
    return this.#module.HEAPU8.subarray(at, at + length);
  }

  /** A UTF-16 text that one of its functions tells in two calls: how many bytes, then the text with a zero at its end. */
  textOf(tell: (buffer: number, bytes: number) => number): string {
    const bytes = tell(0, 0);
    if (bytes <= 2) return '';
    const buffer = this.allocate(bytes);
    try {
      tell(buffer, bytes);
      return Buffer.from(this.bytesAt(buffer, bytes - 2)).toString('utf16le');
    } finally {
      this.free(buffer);
    }
  }
}
