import type { PdfPage } from './pdf-document.ts';

/** A straight line along one of the axes: `at` on the other one, from `from` to `to`. In points, as the page is seen. */
export interface PdfRule {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

export interface PageRules {
  readonly horizontal: readonly PdfRule[];
  readonly vertical: readonly PdfRule[];
  /** Of pictures, in square points, the largest: a scan covers the page. */
  readonly pictureArea: number;
}

/** A page with more is a drawing or a map. */
const objectsMax = 20_000;
const segmentsMax = 20_000;
const objectKinds = { path: 2, image: 3 } as const;
const segmentKinds = { line: 0, move: 2 } as const;
const lengthMin = 4;
const slantMax = 0.6;
/** Six floats: of a matrix; and four of a box. */
const roomBytes = 24;

/** The lines and edges of rectangles that are drawn on a page: those of tables are among them. */
export function pageRules(page: PdfPage): PageRules {
  const { pdfium } = page;
  const horizontal: PdfRule[] = [];
  const vertical: PdfRule[] = [];
  let pictureArea = 0;
  const room = pdfium.allocate(roomBytes);
  try {
    const count = Math.min(objectsMax, pdfium.call('FPDFPage_CountObjects', page.handle));
    for (let index = 0; index < count && horizontal.length + vertical.length < segmentsMax; index += 1) {
      const object = pdfium.call('FPDFPage_GetObject', page.handle, index);
      const kind = pdfium.call('FPDFPageObj_GetType', object);
      if (kind === objectKinds.image) pictureArea = Math.max(pictureArea, areaOf(page, object, room));
      if (kind !== objectKinds.path) continue;
      for (const line of linesOf(page, object, room)) {
        const [width, height] = [Math.abs(line.x1 - line.x0), Math.abs(line.y1 - line.y0)];
        if (height <= slantMax && width >= lengthMin) horizontal.push({ at: (line.y0 + line.y1) / 2, from: Math.min(line.x0, line.x1), to: Math.max(line.x0, line.x1) });
        else if (width <= slantMax && height >= lengthMin) vertical.push({ at: (line.x0 + line.x1) / 2, from: Math.min(line.y0, line.y1), to: Math.max(line.y0, line.y1) });
      }
    }
    return { horizontal, vertical, pictureArea };
  } finally {
    pdfium.free(room);
  }
}

interface Line {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

function areaOf({ pdfium }: PdfPage, object: number, room: number): number {
  if (pdfium.call('FPDFPageObj_GetBounds', object, room, room + 4, room + 8, room + 12) === 0) return 0;
  const view = pdfium.view();
  const [left, bottom, right, top] = [0, 4, 8, 12].map((at) => view.getFloat32(room + at, true)) as [number, number, number, number];
  return Math.abs((right - left) * (top - bottom));
}

/** The straight pieces of a path, a closing one included, on the page as it is seen. */
function* linesOf(page: PdfPage, object: number, room: number): Generator<Line> {
  const { pdfium } = page;
  const count = Math.min(segmentsMax, pdfium.call('FPDFPath_CountSegments', object));
  if (count < 2 || pdfium.call('FPDFPageObj_GetMatrix', object, room) === 0) return;
  const view = pdfium.view();
  const [a, b, c, d, e, f] = [0, 4, 8, 12, 16, 20].map((at) => view.getFloat32(room + at, true)) as [number, number, number, number, number, number];
  let start: { x: number; y: number } | undefined;
  let last: { x: number; y: number } | undefined;
  for (let index = 0; index < count; index += 1) {
    const segment = pdfium.call('FPDFPath_GetPathSegment', object, index);
    if (pdfium.call('FPDFPathSegment_GetPoint', segment, room, room + 4) === 0) continue;
    const now = pdfium.view();
    const [x, y] = [now.getFloat32(room, true), now.getFloat32(room + 4, true)];
    const seen = page.asSeen({ left: a * x + c * y + e, right: a * x + c * y + e, top: b * x + d * y + f, bottom: b * x + d * y + f });
    const point = { x: seen.left, y: seen.top };
    const kind = pdfium.call('FPDFPathSegment_GetType', segment);
    if (kind === segmentKinds.move) start = point;
    else if (kind === segmentKinds.line && last !== undefined) yield { x0: last.x, y0: last.y, x1: point.x, y1: point.y };
    if (start !== undefined && pdfium.call('FPDFPathSegment_GetClose', segment) !== 0) yield { x0: point.x, y0: point.y, x1: start.x, y1: start.y };
    last = point;
  }
}
