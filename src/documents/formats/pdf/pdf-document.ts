import { UnreadableDocument } from '../format-reader.ts';
import { type Pdfium, pdfErrors } from './pdfium.ts';

export interface PdfBox {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A document that is open in PDFium; to be closed. */
export class PdfDocument implements Disposable {
  readonly pdfium: Pdfium;
  readonly pageCount: number;
  readonly #bytesAt: number;
  readonly #handle: number;

  private constructor(pdfium: Pdfium, bytesAt: number, handle: number) {
    this.pdfium = pdfium;
    this.#bytesAt = bytesAt;
    this.#handle = handle;
    this.pageCount = pdfium.call('FPDF_GetPageCount', handle);
  }

  /** Throws `UnreadableDocument`: `encrypted` when it wants a password, `damaged` when it is none. */
  static open(pdfium: Pdfium, bytes: Uint8Array): PdfDocument {
    const bytesAt = pdfium.allocate(bytes.length);
    pdfium.bytesAt(bytesAt, bytes.length).set(bytes);
    const handle = pdfium.call('FPDF_LoadMemDocument', bytesAt, bytes.length, 0);
    if (handle !== 0) return new PdfDocument(pdfium, bytesAt, handle);
    const error = pdfium.call('FPDF_GetLastError');
    pdfium.free(bytesAt);
    if (error === pdfErrors.password || error === pdfErrors.security) {
      throw new UnreadableDocument('encrypted', 'the document is encrypted; save it without a password and send it again');
    }
    throw new UnreadableDocument('damaged', 'the document is cut short or damaged: it cannot be opened as a PDF; save it anew and send it again');
  }

  /** Of its properties: `Title`, `Author` …; empty when it does not say. */
  property(name: string): string {
    const { pdfium } = this;
    const tag = pdfium.allocate(name.length + 1);
    try {
      const bytes = pdfium.bytesAt(tag, name.length + 1);
      bytes.fill(0);
      bytes.set(Buffer.from(name, 'latin1'));
      return pdfium.textOf((buffer, length) => pdfium.call('FPDF_GetMetaText', this.#handle, tag, buffer, length)).trim();
    } finally {
      pdfium.free(tag);
    }
  }

  /** The page, from 0 on; undefined when it cannot be read. To be closed before the next is opened: pages hold much memory. */
  page(index: number): PdfPage | undefined {
    const handle = this.pdfium.call('FPDF_LoadPage', this.#handle, index);
    return handle === 0 ? undefined : new PdfPage(this.pdfium, handle);
  }

  [Symbol.dispose](): void {
    this.pdfium.call('FPDF_CloseDocument', this.#handle);
    this.pdfium.free(this.#bytesAt);
  }
}

/** An open page. Places are told as of the page turned so that its text is upright, from the upper left corner. */
export class PdfPage implements Disposable {
  readonly pdfium: Pdfium;
  readonly handle: number;
  /** In points, as it is shown. */
  readonly width: number;
  readonly height: number;
  #turns: number;
  /** As the file has it, before it is turned. */
  readonly #ownWidth: number;
  readonly #ownHeight: number;

  constructor(pdfium: Pdfium, handle: number) {
    this.pdfium = pdfium;
    this.handle = handle;
    this.width = pdfium.call('FPDF_GetPageWidth', handle);
    this.height = pdfium.call('FPDF_GetPageHeight', handle);
    this.#turns = pdfium.call('FPDFPage_GetRotation', handle);
    [this.#ownWidth, this.#ownHeight] = this.#turns % 2 === 0 ? [this.width, this.height] : [this.height, this.width];
  }

  /** How many quarters to the right it is turned before it is read. */
  get turns(): number {
    return this.#turns;
  }

  /** From now on places are told with so many quarters to the right. */
  turnedBy(turns: number): void {
    this.#turns = turns;
  }

  /** A box of the page's own space, in which places are counted from the lower left corner, as it is seen. */
  asSeen({ left, right, top, bottom }: PdfBox): PdfBox {
    switch (this.#turns) {
      case 1:
        return { left: bottom, right: top, top: left, bottom: right };
      case 2:
        return { left: this.#ownWidth - right, right: this.#ownWidth - left, top: bottom, bottom: top };
      case 3:
        return { left: this.#ownHeight - top, right: this.#ownHeight - bottom, top: this.#ownWidth - right, bottom: this.#ownWidth - left };
      default:
        return { left, right, top: this.#ownHeight - top, bottom: this.#ownHeight - bottom };
    }
  }

  [Symbol.dispose](): void {
    this.pdfium.call('FPDF_ClosePage', this.handle);
  }
}
