import { SaxesParser } from 'saxes';
import { type FormatLimits, UnreadableDocument } from './format-reader.ts';

export interface SvgText {
  readonly title: string | undefined;
  /** As the drawing states it: `210mm × 297mm`. */
  readonly size: string | undefined;
  readonly lines: readonly string[];
}

const named = new Set(['title', 'desc', 'text']);

/** What a drawing says: its title, its description and its texts, one line each. Entities of its own are not unfolded. */
export function svgText(source: string, limits: FormatLimits): SvgText {
  const parser = new SaxesParser({ xmlns: false });
  const lines: string[] = [];
  const open: string[] = [];
  let title: string | undefined;
  let size: string | undefined;
  let text = '';
  parser.on('opentag', ({ name, attributes }) => {
    open.push(localName(name));
    if (open.length > limits.depthMax) throw new UnreadableDocument('too-large', `the image is nested more than ${limits.depthMax} deep`);
    const { width, height } = attributes;
    if (open.length === 1 && width !== undefined && height !== undefined) size = `${width} × ${height}`;
    if (named.has(localName(name))) text = '';
    else if (localName(name) === 'tspan' && text !== '' && !text.endsWith(' ')) text += ' ';
  });
  parser.on('text', (piece) => {
    if (open.some((name) => named.has(name))) text += piece;
  });
  parser.on('closetag', ({ name }) => {
    open.pop();
    if (!named.has(localName(name))) return;
    const line = text.replace(/\s+/g, ' ').trim();
    text = '';
    if (line === '') return;
    if (localName(name) === 'title' && open.length === 1) title = line;
    lines.push(line);
  });
  parser.on('error', (error) => {
    throw new UnreadableDocument('damaged', 'the image is damaged: it is no XML that can be read', error);
  });
  parser.write(source).close();
  return { title, size, lines };
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
