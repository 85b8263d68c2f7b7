import type { PdfSpan } from './pdf-word.ts';

/** Spans side by side, from left to right. */
export interface PdfRow {
  readonly spans: readonly PdfSpan[];
  readonly top: number;
  readonly bottom: number;
}

/** Spans as rows, from the top. Two are in one row when they share more than half of the lower one's height. */
export function rowsOfSpans(spans: readonly PdfSpan[]): readonly PdfRow[] {
  const sorted = [...spans].sort((a, b) => a.top + a.bottom - (b.top + b.bottom));
  const rows: { spans: PdfSpan[]; top: number; bottom: number }[] = [];
  for (const span of sorted) {
    const last = rows.at(-1);
    // Only the latest few can be meant, as rows come in order of their middles.
    const shared = last === undefined ? 0 : Math.min(last.bottom, span.bottom) - Math.max(last.top, span.top);
    if (last !== undefined && shared > 0.5 * Math.min(last.bottom - last.top, span.bottom - span.top)) {
      last.spans.push(span);
      // The row keeps the place of its tallest span: a raised figure must not draw it upwards.
      if (span.bottom - span.top > last.bottom - last.top) [last.top, last.bottom] = [span.top, span.bottom];
    } else {
      rows.push({ spans: [span], top: span.top, bottom: span.bottom });
    }
  }
  for (const row of rows) row.spans.sort((a, b) => a.left - b.left);
  return rows;
}
