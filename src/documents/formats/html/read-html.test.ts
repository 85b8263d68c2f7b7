import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../../tests/doubles/document-limits.ts';
import { readHtml } from './read-html.ts';

async function textOf(page: string | Buffer): Promise<string> {
  return (await readHtml(documentInput(page))).text;
}

describe('a web page', () => {
  it('has headings, lists, tables, links, code and quotes', async () => {
    const page = '<title>T &amp; t</title><h2>Head <b>line</b></h2><p>One\n two<br>three <a href="https://a.example/">link</a> <a href="#x">in</a><ol start=3><li><p>a<p>b<ul><li>c</ul><li>d</ol><table><tr><th>x<th>y<tr><td rowspan=2>1<td>2|<tr><td>3</table><pre>\n  a &lt; b\n</pre><blockquote>said</blockquote>H<sub>2</sub>O m<sup>2</sup> <code>f()</code>';
    const read = await readHtml(documentInput(page));
    expect(read.title).toBe('T & t');
    expect(read.text).toBe('## Head line\n\nOne two\nthree [link](https://a.example/) in\n\n3. a\n   b\n   - c\n4. d\n\n| x | y |\n| --- | --- |\n| 1 | 2\\| |\n|  | 3 |\n\n```\n\n  a < b\n```\n\n> said\n\nH2O m^2 `f()`');
  });

  it('does not show what it hides', async () => {
    expect(await textOf('a<script>x</script><style>x</style><div hidden>x<div>y</div></div><p style="color:red; display : none">x<p>b<template>x</template><noscript>x</noscript><dialog>x</dialog><ul><li hidden>x</ul>c<!-- x -->')).toBe('a\n\nb\n\nc');
  });

  it('is decoded by its bytes, its declaration or its look', async () => {
    const cyrillic = Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]);
    expect(await textOf(Buffer.concat([Buffer.from('<meta charset=windows-1251>'), cyrillic]))).toBe('Привет');
    expect(await textOf('<meta charset=windows-1251>Привет')).toBe('Привет');
    expect(await textOf(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('<p>你好', 'utf16le')]))).toBe('你好');
  });

  it('closes itself in XHTML, and has equations as a line', async () => {
    expect(await textOf('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x"/></head><body>shown <math><mfrac><mi>a</mi><msqrt><mi>b</mi></msqrt></mfrac></math></body></html>')).toBe('shown a/(√b)');
  });

  it('may be nested and broken as it likes, in time that grows with its length', async () => {
    const started = process.cpuUsage().user;
    expect(await textOf(`${'<div><ul><li>'.repeat(30_000)}deep${'</b></td></table>'.repeat(30_000)}`)).toContain('deep');
    expect(process.cpuUsage().user - started).toBeLessThan(8_000_000);
  });
});
