import { deflateRawSync } from 'node:zlib';
import type { HostileFile } from './hostile-file.ts';

const million = 1_000_000;
const text = (content: string): (() => Buffer) => () => Buffer.from(content);

/** Levels of aliases, ten at each. */
const yamlLaughs = ['a0: &a0 [ha, ha]', ...Array.from({ length: 30 }, (_unused, index) => `a${index + 1}: &a${index + 1} [${Array.from({ length: 10 }, () => `*a${index}`).join(', ')}]`)].join('\n');

function atRandom(random: { between(least: number, most: number): number }, bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, () => random.between(0, 255)));
}

/** Text, and what passes for it: web pages, RTF, JSON, YAML, tables, encodings. */
export const hostileMarkup: readonly HostileFile[] = [
  { filename: 'deep.html', attack: 'a million nested elements', outcome: 'harmless', make: () => Buffer.from(`<html>${'<div>'.repeat(million)}short`) },
  { filename: 'deep-lists.html', attack: '200,000 nested lists', outcome: 'harmless', make: () => Buffer.from(`<html>${'<ul><li>a'.repeat(200_000)}`) },
  { filename: 'deep-tables.html', attack: '100,000 nested tables', outcome: 'harmless', make: () => Buffer.from(`<html>${'<table><tr><td>a'.repeat(100_000)}`) },
  { filename: 'misnested.html', attack: 'two million tags, none closed as it was opened', outcome: 'harmless', make: () => Buffer.from(`<html>${'<a><b><i><p>x</b></a>'.repeat(300_000)}`) },
  { filename: 'attributes.html', attack: 'a tag with a million attributes', outcome: 'harmless', make: () => Buffer.from(`<html><p ${Array.from({ length: million }, (_unused, index) => `a${index}=1`).join(' ')}>short`) },
  { filename: 'span.html', attack: 'cells that span a billion rows and columns', outcome: 'harmless', make: text(`<table>${'<tr><td colspan="1000000000" rowspan="1000000000">a'.repeat(100)}</table>`) },
  { filename: 'comment.html', attack: 'comments that never end', outcome: 'harmless', make: () => Buffer.from(`<html><p>short</p>${'<!--'.repeat(million)}`) },
  { filename: 'entities.html', attack: 'a million entities, most of them unknown', outcome: 'harmless', make: () => Buffer.from(`<html><p>${'&zzzz;&#x110000;&#0;&amp'.repeat(million / 4)}`) },
  { filename: 'deep.rtf', attack: 'a million groups', outcome: 'harmless', make: () => Buffer.from(`{\\rtf1 ${'{'.repeat(million)}short`) },
  { filename: 'binary.rtf', attack: 'claims two gigabytes of binary data', outcome: 'harmless', make: text('{\\rtf1 short\\par{\\pict\\bin2147483647 x}}') },
  { filename: 'unicode-skip.rtf', attack: 'wants a billion characters skipped after each', outcome: 'harmless', make: text(`{\\rtf1\\uc1000000000 ${'\\u1078 '.repeat(10_000)}}`) },
  { filename: 'numbers.rtf', attack: 'control words with numbers of a hundred digits', outcome: 'harmless', make: text(`{\\rtf1 short\\u${'9'.repeat(100)}?\\cellx-${'9'.repeat(100)}\\fs${'9'.repeat(100)}\\par}`) },
  { filename: 'cells.rtf', attack: 'a row of a million cells', outcome: 'harmless', make: () => Buffer.from(`{\\rtf1\\trowd ${'\\cellx100'.repeat(1000)} ${'a\\cell '.repeat(million)}\\row}`) },
  { filename: 'deep.json', attack: 'a million nested arrays', outcome: 'harmless', make: () => Buffer.from('['.repeat(million)) },
  { filename: 'keys.json', attack: '__proto__, and the same key a hundred thousand times', outcome: 'harmless', make: () => Buffer.from(`{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}${',"a":1'.repeat(100_000)}}`) },
  { filename: 'laughs.yaml', attack: 'aliases of aliases, thirty levels', outcome: 'harmless', make: text(yamlLaughs) },
  { filename: 'deep.yaml', attack: '100,000 nested lists', outcome: 'harmless', make: () => Buffer.from(`${'- '.repeat(100_000)}x`) },
  { filename: 'tags.yaml', attack: 'tags that would build objects', outcome: 'harmless', make: text('!!js/function "function(){ return process.exit(1) }"\n--- !!python/object/apply:os.system ["touch x"]\n') },
  { filename: 'columns.csv', attack: 'a million columns', outcome: 'harmless', make: () => Buffer.from(`${'a,'.repeat(million)}\n1\n2\n3\n`) },
  { filename: 'ragged.csv', attack: 'one row of 10,000 columns among 100,000 short ones', outcome: 'harmless', make: () => Buffer.from(`${'a,'.repeat(10_000)}\n${'1,2\n'.repeat(100_000)}`) },
  { filename: 'quote.csv', attack: 'a quote that is never closed, in 20 MB', outcome: 'harmless', make: () => Buffer.from(`a,b\n1,"${'x,\n'.repeat(6 * million)}`) },
  { filename: 'quotes.csv', attack: 'ten million quotes', outcome: 'harmless', make: () => Buffer.from('"'.repeat(10 * million)) },
  { filename: 'line.txt', attack: 'one line of 30 MB', outcome: 'harmless', make: () => Buffer.alloc(30 * million, 'word ') },
  { filename: 'ticks.md', attack: 'a million backticks and brackets', outcome: 'harmless', make: () => Buffer.from('`[*_'.repeat(million / 4)) },
  { filename: 'nul.txt', attack: 'text with NULs in it', outcome: 'harmless', make: text(`short${'\0'.repeat(100_000)}end`) },
  { filename: 'invalid.txt', attack: 'bytes that no encoding has', outcome: 'harmless', make: () => Buffer.concat([Buffer.from('short '), Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0xf8, 0x88, 0x80, 0x80, 0xed, 0xa0, 0x80, 0xc0, 0xaf])]) },
  { filename: 'half-pairs.txt', attack: 'UTF-16 with half pairs and an odd byte', outcome: 'harmless', make: () => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('ab', 'utf16le'), Buffer.from([0x00, 0xd8, 0x00, 0xd8, 0x41, 0x00, 0x00])]) },
  { filename: 'marks.txt', attack: 'a letter with a million accents', outcome: 'harmless', make: () => Buffer.from(`a${'\u0301'.repeat(million)}`) },
  { filename: 'escapes.txt', attack: 'terminal escapes and direction marks', outcome: 'harmless', make: text('\u001b]0;title\u0007\u001b[2J\u202e short \u2066\u0000\u009b31m') },
  { filename: 'noise.txt', attack: 'noise with an honest name', outcome: 'harmless', make: (random) => atRandom(random, 200_000) },
  { filename: 'noise.doc', attack: 'noise with the name of a document', outcome: 'refused', make: (random) => atRandom(random, 200_000) },
  { filename: 'gzip.txt', attack: '100 MB, deflated', outcome: 'harmless', make: () => deflateRawSync(Buffer.alloc(100 * million)) },
  { filename: 'empty.pdf', attack: 'no bytes', outcome: 'harmless', make: text('') },
  { filename: 'one.docx', attack: 'one byte', outcome: 'harmless', make: text('P') },
];
