/** A stream object; `entries` go into its dictionary. */
export interface PdfStream {
  readonly entries: string;
  readonly data: Uint8Array | string;
}

export type PdfObject = string | PdfStream;

/** A PDF of these objects, numbered from 1, the first of which is the catalog. `trailer` is added to the trailer's dictionary. */
export function rawPdf(objects: readonly PdfObject[], trailer = ''): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n%\u00e2\u00e3\n', 'latin1')];
  const offsets: number[] = [];
  let at = parts[0]?.length ?? 0;
  for (const [index, object] of objects.entries()) {
    offsets.push(at);
    const part = objectBytes(index + 1, object);
    parts.push(part);
    at += part.length;
  }
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const end = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${at}\n%%EOF\n`;
  return Buffer.concat([...parts, Buffer.from(end)]);
}

function objectBytes(number: number, object: PdfObject): Buffer {
  if (typeof object === 'string') return Buffer.from(`${number} 0 obj\n${object}\nendobj\n`, 'latin1');
  const data = Buffer.from(object.data);
  return Buffer.concat([Buffer.from(`${number} 0 obj\n<< ${object.entries} /Length ${data.length} >>\nstream\n`, 'latin1'), data, Buffer.from('\nendstream\nendobj\n')]);
}

export const font = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';

/** Catalog, page tree, one page with one font, and its content; then `more`, from object 6 on. */
export function onePage(content: PdfObject, resources = '', more: readonly PdfObject[] = [], catalog = '', page = ''): readonly PdfObject[] {
  return [
    `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`,
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R ${page.includes('/MediaBox') ? '' : '/MediaBox [0 0 612 792]'} /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> ${resources} >> ${page} >>`,
    content,
    font,
    ...more,
  ];
}

export const shortContent: PdfStream = { entries: '', data: 'BT /F1 12 Tf 72 700 Td (short) Tj ET' };
