import type { DocumentFormat } from '../extraction.ts';
import { looksLikeText } from './text-encoding.ts';

export type TextKind = Extract<DocumentFormat, 'html' | 'csv' | 'tsv' | 'markdown' | 'text' | 'json' | 'yaml' | 'code'>;

/** Endings of what is shown as it is; all others that hold text are plain text. */
const codeEndings = new Set(
  ('c h cpp cxx cc hpp hxx cs java js mjs cjs jsx ts mts cts tsx go php py py3 pyi rb rs swift kt kts scala lua pl pm r sh bash zsh fish ps1 bat cmd sql css scss sass less ' +
    'jsp asp aspx vue svelte dart ex exs erl hs ml clj groovy gradle cmake make mk dockerfile tf proto graphql xml xsd xsl xslt wsdl plist toml ini conf cfg properties env ' +
    'diff patch tex bib asm s m mm vb pas f90 jl nim zig sol vhd v ipynb').split(' '),
);

const kindByEnding: Readonly<Record<string, TextKind>> = {
  html: 'html', htm: 'html', xhtml: 'html', csv: 'csv', tsv: 'tsv', tab: 'tsv', md: 'markdown', markdown: 'markdown', mdx: 'markdown',
  json: 'json', jsonl: 'json', ndjson: 'json', geojson: 'json', yaml: 'yaml', yml: 'yaml',
};

/** Which kind of text it is; undefined when it is none. A web page says so itself, under whatever name. */
export function textFormatOf(bytes: Uint8Array, ending: string): TextKind | undefined {
  if (!looksLikeText(bytes)) return undefined;
  const named = kindByEnding[ending] ?? (codeEndings.has(ending) ? 'code' : undefined);
  if (named !== undefined) return named;
  return isWebPage(bytes) ? 'html' : 'text';
}

function isWebPage(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 2048)).toString('latin1').replaceAll('\0', '').replace(/^[\xef\xbb\xbf\xfe\xff\s]+/, '').replace(/^(<\?xml[^>]*>|<!--[^]*?-->|\s)+/, '');
  return /^(<!doctype\s+html|<html[\s>])/i.test(start);
}
