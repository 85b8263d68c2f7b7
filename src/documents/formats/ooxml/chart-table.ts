import type { XmlAttributes, XmlHandler } from '../xml-events.ts';

interface Series {
  name: string;
  readonly categories: Map<number, string>;
  readonly values: Map<number, string>;
}

const pointsMax = 5_000;
const seriesMax = 200;

/** A chart (DrawingML, ECMA-376 part 1, 21.2) as the table of what it draws: a row for each category, a column for each series. */
export class ChartTable implements XmlHandler {
  #title = '';
  readonly #series: Series[] = [];
  readonly #open: string[] = [];
  #point = 0;

  get title(): string {
    return this.#title.trim();
  }

  /** No rows if the chart keeps no values. */
  get rows(): string[][] {
    const labels = new Map<number, string>();
    for (const series of this.#series) {
      for (const [point, label] of series.categories) labels.set(point, labels.get(point) ?? label);
      for (const point of series.values.keys()) if (!labels.has(point)) labels.set(point, String(point + 1));
    }
    if (labels.size === 0) return [];
    const rows = [...labels].toSorted(([left], [right]) => left - right)
      .map(([point, label]) => [label, ...this.#series.map((series) => shownNumber(series.values.get(point) ?? ''))]);
    return [['', ...this.#series.map((series) => series.name)], ...rows];
  }

  open(name: string, attributes: XmlAttributes): void {
    this.#open.push(name);
    if (name === 'c:ser' && this.#series.length < seriesMax) this.#series.push({ name: '', categories: new Map(), values: new Map() });
    else if (name === 'c:pt') this.#point = Number(attributes['idx'] ?? 0);
  }

  close(): void {
    this.#open.pop();
  }

  text(text: string): void {
    const name = this.#open.at(-1);
    if (name === 'a:t' && this.#open.includes('c:title') && !this.#open.includes('c:valAx') && !this.#open.includes('c:catAx')) this.#title += text;
    const series = this.#series.at(-1);
    if (name !== 'c:v' || series === undefined || !this.#open.includes('c:ser')) return;
    if (this.#open.includes('c:tx')) series.name += text;
    else if (this.#open.includes('c:cat') || this.#open.includes('c:xVal')) setPoint(series.categories, this.#point, text);
    else if (this.#open.includes('c:val') || this.#open.includes('c:yVal')) setPoint(series.values, this.#point, text);
  }
}

function setPoint(points: Map<number, string>, point: number, text: string): void {
  if (points.size < pointsMax || points.has(point)) points.set(point, (points.get(point) ?? '') + text);
}

/** Without what binary fractions add: 0.30000000000000004 is 0.3. */
function shownNumber(text: string): string {
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) ? text : String(Number(value.toPrecision(15)));
}
