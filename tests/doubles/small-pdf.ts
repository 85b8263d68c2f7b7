/** A line of text on a page of A4: its place in points from the lower left corner. */
export interface PdfLine {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly size?: number;
  readonly bold?: boolean;
}

export interface SmallPdfPage {
  readonly lines: readonly PdfLine[];
  /** Drawn as they are: PDF's operators. */
  readonly drawing?: string;
  readonly rotate?: number;
}

/** A PDF of pages with Latin text in Helvetica, made by hand. */
export function smallPdf(pages: readonly SmallPdfPage[], title?: string): Buffer {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, at) => `${6 + 2 * at} 0 R`).join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>',
    `<< ${title === undefined ? '' : `/Title (${title})`} >>`,
    ...pages.flatMap(({ lines, drawing = '', rotate = 0 }, at) => {
      const content = `${drawing}\n${lines.map(({ text, x, y, size = 11, bold = false }) => `BT /${bold ? 'B' : 'R'} ${size} Tf ${x} ${y} Td (${text.replace(/[\\()]/g, '\\$&')}) Tj ET`).join('\n')}`;
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Rotate ${rotate} /Contents ${7 + 2 * at} 0 R /Resources << /Font << /R 3 0 R /B 4 0 R >> >> >>`,
        `<< /Length ${Buffer.byteLength(content, 'latin1')} >>\nstream\n${content}\nendstream`,
      ];
    }),
  ];
  return pdfOfObjects(objects, '/Info 5 0 R');
}

/** A PDF of the objects 1, 2, … with a table of where they stand. */
export function pdfOfObjects(objects: readonly string[], trailer: string = ''): Buffer {
  let text = '%PDF-1.7\n';
  const places: number[] = [];
  for (const [at, object] of objects.entries()) {
    places.push(Buffer.byteLength(text, 'latin1'));
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
  }
  const table = Buffer.byteLength(text, 'latin1');
  const rows = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

/** A page that draws a form, which draws the next twice, and so on: 2^`depth` drawings out of some thousand bytes. */
export function endlessPdf(depth: number): Buffer {
  const form = (at: number): string => {
    const content = at === depth ? 'BT /R 11 Tf 10 10 Td (x) Tj ET' : '/X Do /X Do';
    const resources = at === depth ? '/Font << /R 4 0 R >>' : `/XObject << /X ${6 + at} 0 R >>`;
    return `<< /Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << ${resources} >> /Length ${content.length} >>\nstream\n${content}\nendstream`;
  };
  return pdfOfObjects([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Count 1 /Kids [3 0 R] >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /XObject << /X 6 0 R >> >> >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    '<< /Length 5 >>\nstream\n/X Do\nendstream',
    ...Array.from({ length: depth }, (_, at) => form(at + 1)),
  ]);
}
