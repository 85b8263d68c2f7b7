import type { MarkdownWriter } from '../markdown-writer.ts';
import { ChartTable } from './chart-table.ts';
import { DiagramItems } from './diagram-items.ts';
import type { OoxmlPackage } from './ooxml-package.ts';

/** Writes what another part says at the place where it is shown. */
export type DrawnPart = (writer: MarkdownWriter) => void;

const drawnMax = 500;

/** What the charts and SmartArt graphics say that a part refers to, by the ids that it uses for them. */
export async function readDrawnParts(document: OoxmlPackage, part: string): Promise<Map<string, DrawnPart>> {
  const drawn = new Map<string, DrawnPart>();
  for (const [id, { type, target, isExternal }] of await document.relationships(part)) {
    if (isExternal || drawn.size >= drawnMax) continue;
    if (type === 'chart') drawn.set(id, await readChart(document, target));
    else if (type === 'diagramData') drawn.set(id, await readDiagram(document, target));
  }
  return drawn;
}

async function readChart(document: OoxmlPackage, part: string): Promise<DrawnPart> {
  const chart = new ChartTable();
  await document.read(part, chart);
  const { title, rows } = chart;
  return (writer) => {
    if (title !== '') writer.paragraph(title);
    writer.table(rows);
  };
}

async function readDiagram(document: OoxmlPackage, part: string): Promise<DrawnPart> {
  const diagram = new DiagramItems();
  await document.read(part, diagram);
  const { items } = diagram;
  return (writer) => {
    for (const { text, depth } of items) writer.paragraph(text, { kind: 'item', depth });
  };
}
