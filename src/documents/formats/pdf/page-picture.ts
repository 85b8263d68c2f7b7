import type { PdfPage } from './pdf-document.ts';

/** Dots for each inch, which tesseract reads well. */
const resolution = 200;
/** Of a picture, whatever size the page claims: ten times a page of A4. */
const pixelsMax = 20_000_000;
/** FPDFBitmap_Gray: one byte a pixel. */
const grayFormat = 1;
const grayscaleFlag = 0x08;
const annotationsFlag = 0x01;

/** The page as a grey picture (PGM), or undefined when it has no extent. */
export function pagePicture(page: PdfPage): Uint8Array | undefined {
  const { pdfium, width, height } = page;
  if (!(width > 0 && height > 0)) return undefined;
  const scale = Math.min(resolution / 72, Math.sqrt(pixelsMax / (width * height)));
  const columns = Math.max(1, Math.round(width * scale));
  const rows = Math.max(1, Math.round(height * scale));
  const pixels = pdfium.allocate(columns * rows);
  try {
    const bitmap = pdfium.call('FPDFBitmap_CreateEx', columns, rows, grayFormat, pixels, columns);
    if (bitmap === 0) return undefined;
    pdfium.call('FPDFBitmap_FillRect', bitmap, 0, 0, columns, rows, 0xffff_ffff);
    pdfium.call('FPDF_RenderPageBitmap', bitmap, page.handle, 0, 0, columns, rows, 0, annotationsFlag | grayscaleFlag);
    pdfium.call('FPDFBitmap_Destroy', bitmap);
    return Buffer.concat([Buffer.from(`P5\n${columns} ${rows}\n255\n`, 'latin1'), pdfium.bytesAt(pixels, columns * rows)]);
  } finally {
    pdfium.free(pixels);
  }
}
