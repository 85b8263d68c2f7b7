import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';

/** A stretch of text in one face. */
export interface Run {
  readonly text: string;
  readonly bold?: true;
  readonly italic?: true;
  readonly href?: string;
}

export interface ListItem {
  readonly text: string;
  readonly list?: ListBlock;
}

export interface ListBlock {
  readonly kind: 'list';
  readonly ordered: boolean;
  readonly items: readonly ListItem[];
}

/** What a text is made of, for every producer the same. */
export type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly text: string }
  | { readonly kind: 'paragraph'; readonly runs: readonly Run[]; readonly footnote?: string }
  | { readonly kind: 'table'; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: 'code'; readonly text: string }
  | ListBlock;

export interface TextSource {
  readonly name: string;
  readonly title: string;
  readonly languages: readonly string[];
  readonly blocks: readonly Block[];
}

type ItemEntry = string | { readonly text: string; readonly ul?: readonly ItemEntry[]; readonly ol?: readonly ItemEntry[] };

interface BlockEntry {
  readonly h1?: string;
  readonly h2?: string;
  readonly h3?: string;
  readonly p?: string;
  readonly footnote?: string;
  readonly code?: string;
  readonly ul?: readonly ItemEntry[];
  readonly ol?: readonly ItemEntry[];
  readonly table?: readonly (readonly string[])[];
  readonly rows?: RowsEntry;
}

/** A long table, counted out instead of written down. */
interface RowsEntry {
  readonly header: readonly string[];
  readonly count: number;
  readonly species: readonly (readonly [string, string])[];
  readonly remarks: readonly string[];
}

/** The texts of a folder: `<name>.yaml`, without `<name>.deck.yaml` and `<name>.book.yaml`. */
export function loadTexts(folder: string): TextSource[] {
  return readdirSync(folder).filter((file) => /^[a-z-]+\.yaml$/.test(file)).sort().map((file) => {
    const entry = parse(readFileSync(join(folder, file), 'utf8')) as { title: string; languages: string[]; blocks: BlockEntry[] };
    return { name: basename(file, '.yaml'), title: entry.title, languages: entry.languages, blocks: entry.blocks.map(blockOf) };
  });
}

function blockOf(entry: BlockEntry): Block {
  for (const level of [1, 2, 3] as const) {
    const text = entry[`h${level}`];
    if (text !== undefined) return { kind: 'heading', level, text };
  }
  if (entry.p !== undefined) {
    return { kind: 'paragraph', runs: runsOf(entry.p), ...(entry.footnote === undefined ? {} : { footnote: entry.footnote }) };
  }
  if (entry.code !== undefined) return { kind: 'code', text: entry.code.trimEnd() };
  if (entry.table !== undefined) return { kind: 'table', rows: entry.table };
  if (entry.rows !== undefined) return { kind: 'table', rows: countedRows(entry.rows) };
  return listOf(entry.ul, entry.ol);
}

function listOf(unordered: readonly ItemEntry[] | undefined, ordered: readonly ItemEntry[] | undefined): ListBlock {
  const items = (unordered ?? ordered ?? []).map((item): ListItem => {
    if (typeof item === 'string') return { text: item };
    const nested = item.ul !== undefined || item.ol !== undefined ? { list: listOf(item.ul, item.ol) } : {};
    return { text: item.text, ...nested };
  });
  return { kind: 'list', ordered: ordered !== undefined, items };
}

/** `**bold**`, `*italic*` and `[text](href)` of one paragraph. */
function runsOf(text: string): Run[] {
  return text.split(/(\*\*[^*]+\*\*|\*[^*]+\*|\[[^\]]+\]\([^)]+\))/).filter((part) => part !== '').map((part): Run => {
    const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part);
    if (link?.[1] !== undefined && link[2] !== undefined) return { text: link[1], href: link[2] };
    if (part.startsWith('**')) return { text: part.slice(2, -2), bold: true };
    return part.startsWith('*') ? { text: part.slice(1, -1), italic: true } : { text: part };
  });
}

function countedRows({ header, count, species, remarks }: RowsEntry): string[][] {
  const rows = Array.from({ length: count }, (_unused, index) => {
    const [english, german] = species[(index * 5) % species.length] ?? ['', ''];
    const girthCm = 38 + ((index * 37) % 290);
    return [`${101 + index}`, english, german, `${girthCm}`, `${1846 + ((index * 23) % 178)}`, remarks[(index * 3) % remarks.length] ?? ''];
  });
  return [[...header], ...rows];
}
