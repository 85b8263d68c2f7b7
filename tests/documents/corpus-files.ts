import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExpectedText } from './measure-text.ts';

const folder = join(import.meta.dirname, 'corpus');

/** A file of the corpus: `<source>.<producer>.<format>`. */
export interface CorpusFile {
  readonly file: string;
  readonly format: string;
  readonly producer: string;
  readonly expected: ExpectedText;
  readonly bytes: Uint8Array;
}

interface Manifest {
  readonly sources: readonly (Omit<ExpectedText, 'text'> & { readonly name: string; readonly languages: readonly string[] })[];
  readonly files: readonly { readonly file: string; readonly format: string; readonly producer: string; readonly source: string }[];
}

/** The corpus that lies beside this file; see tools/corpus/README.md. */
export function corpusFiles(): CorpusFile[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  const sources = new Map(manifest.sources.map((source) => [source.name, { ...source, text: readFileSync(join(folder, `${source.name}.expected.txt`), 'utf8') }]));
  return manifest.files.map(({ source, ...entry }) => {
    const expected = sources.get(source);
    if (expected === undefined) throw new Error(`${entry.file} is made of ${source}, which the manifest does not know`);
    // Plain text marks no headings.
    const headings = entry.format === 'txt' ? [] : expected.headings;
    return { ...entry, expected: { ...expected, headings }, bytes: readFileSync(join(folder, entry.file)) };
  });
}
