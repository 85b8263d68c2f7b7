import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../../tests/doubles/document-limits.ts';
import { docxOf, paragraph, relations, wordDocument, wordNamespaces } from '../../../../tests/documents/hostile/office-parts.ts';
import type { RawEntry } from '../../../../tests/documents/hostile/raw-zip.ts';
import { readDocx } from './read-docx.ts';

const part = (name: string, element: string, body: string): RawEntry => ({ name: `word/${name}.xml`, data: `<w:${element} ${wordNamespaces}>${body}</w:${element}>` });
const rels = (...all: Parameters<typeof relations>[0]): RawEntry => ({ name: 'word/_rels/document.xml.rels', data: relations(all) });
const rel = (type: string): { id: string; type: string; target: string } => ({ id: type, type, target: `${type}.xml` });
const styled = (style: string, text: string, more = ''): string => `<w:p><w:pPr><w:pStyle w:val="${style}"/>${more}</w:pPr><w:r><w:t>${text}</w:t></w:r></w:p>`;
const run = (text: string, properties = ''): string => `<w:r><w:rPr>${properties}</w:rPr><w:t xml:space="preserve">${text}</w:t></w:r>`;

async function textOf(body: string, more: readonly RawEntry[] = []): Promise<string> {
  return (await readDocx(documentInput(docxOf(wordDocument(body), more)))).text;
}

describe('a Word document', () => {
  it('has headings by outline level, by name in any language, and by what a style is based on', async () => {
    const styles = part('styles', 'styles', [
      '<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>',
      '<w:style w:type="paragraph" w:styleId="mine"><w:name w:val="Kapitel"/><w:basedOn w:val="berschrift1"/></w:style>',
      '<w:style w:type="paragraph" w:styleId="level"><w:name w:val="Раздел"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>',
      '<w:style w:type="paragraph" w:styleId="code"><w:name w:val="Source Code"/></w:style>',
      '<w:style w:type="paragraph" w:styleId="round"><w:name w:val="x"/><w:basedOn w:val="round"/></w:style>',
    ].join(''));
    const body = styled('berschrift1', 'one') + styled('mine', 'two') + styled('level', 'three') + styled('mine', 'body', '<w:outlineLvl w:val="9"/>') + styled('code', 'a = 1') + styled('code', 'b = 2') + styled('round', 'r');
    expect(await textOf(body, [styles, rels(rel('styles'))])).toBe('# one\n\n# two\n\n### three\n\nbody\n\n```\na = 1\nb = 2\n```\n\nr');
  });

  it('has lists with the labels that they show', async () => {
    const level = (depth: number, format: string, text: string): string => `<w:lvl w:ilvl="${depth}"><w:start w:val="1"/><w:numFmt w:val="${format}"/><w:lvlText w:val="${text}"/></w:lvl>`;
    const numbering = part('numbering', 'numbering', [
      `<w:abstractNum w:abstractNumId="0">${level(0, 'decimal', '%1.')}${level(1, 'lowerLetter', '%1.%2)')}${level(2, 'bullet', '·')}</w:abstractNum>`,
      '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>',
    ].join(''));
    const item = (id: number, depth: number, text: string): string => `<w:p><w:pPr><w:numPr><w:ilvl w:val="${depth}"/><w:numId w:val="${id}"/></w:numPr></w:pPr><w:r><w:t>${text}</w:t></w:r></w:p>`;
    const body = item(1, 0, 'a') + item(1, 1, 'b') + item(1, 1, 'c') + item(1, 2, 'd') + item(1, 0, 'e') + item(1, 1, 'f') + item(2, 0, 'g') + item(0, 0, 'none');
    expect(await textOf(body, [numbering, rels(rel('numbering'))])).toBe('1. a\n   - 1.a) b\n   - 1.b) c\n      - d\n2. e\n   - 2.a) f\n7. g\n\nnone');
  });

  it('shows insertions and not deletions, nothing hidden, and fields by their results', async () => {
    const field = (instruction: string, result: string): string => `<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>${instruction}</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>${run(result)}<w:r><w:fldChar w:fldCharType="end"/></w:r>`;
    const body = `<w:p>${run('a ')}<w:ins>${run('in ')}</w:ins><w:del><w:r><w:delText>out</w:delText></w:r></w:del><w:moveFrom>${run('moved')}</w:moveFrom>${run('hidden', '<w:vanish/>')}${run('shown ', '<w:vanish w:val="0"/>')}</w:p>`
      + `<w:p>${field('HYPERLINK "https://a.example/"', 'link')}${run(' ')}${field('PAGE', '7')}${run(' m')}${run('2', '<w:vertAlign w:val="superscript"/>')}</w:p>`
      + `<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr>${run('joined ')}</w:p><w:p>${run('in one')}<w:r><w:sym w:font="Symbol" w:char="F061"/><w:noBreakHyphen/><w:tab/><w:br/></w:r>${run('end')}</w:p>`;
    expect(await textOf(body)).toBe('a in shown\n\n[link](https://a.example/) 7 m^2\n\njoined in oneα-\t\nend');
  });

  it('has tables, with merged cells in their first place', async () => {
    const cell = (text: string, properties = ''): string => `<w:tc><w:tcPr>${properties}</w:tcPr>${paragraph(text)}</w:tc>`;
    const body = `<w:tbl><w:tr>${cell('wide', '<w:gridSpan w:val="2"/>')}${cell('c', '<w:vMerge w:val="restart"/>')}</w:tr><w:tr>${cell('d|e')}${cell('f')}${cell('', '<w:vMerge/>')}</w:tr></w:tbl>`;
    expect(await textOf(body)).toBe('| wide |  | c |\n| --- | --- | --- |\n| d\\|e | f |  |');
  });

  it('has text boxes once, after their paragraph, and equations as a line', async () => {
    const math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"';
    const letter = (text: string): string => `<m:r><m:t>${text}</m:t></m:r>`;
    const box = '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Choice Requires="wps"><w:drawing><w:txbxContent>' + paragraph('boxed') + '</w:txbxContent></w:drawing></mc:Choice><mc:Fallback><w:pict><w:txbxContent>' + paragraph('boxed') + '</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent>';
    const body = `<w:p>${run('host')}<w:r>${box}</w:r>${run(' goes on')}</w:p><w:p ${math}><m:oMath><m:f><m:num>${letter('a+b')}</m:num><m:den><m:rad><m:deg/><m:e>${letter('c')}</m:e></m:rad></m:den></m:f></m:oMath></w:p>`;
    expect(await textOf(body)).toBe('host goes on\n\nboxed\n\n(a+b)/(√c)');
  });

  it('has headers and footers once, notes and comments at the end', async () => {
    const more = [
      part('header', 'hdr', paragraph('Acme')), part('footer', 'ftr', paragraph('7')),
      part('footnotes', 'footnotes', `<w:footnote w:id="-1">${paragraph('separator')}</w:footnote><w:footnote w:id="2">${paragraph('the note')}</w:footnote>`),
      part('comments', 'comments', `<w:comment w:id="0" w:author="Ann">${paragraph('why?')}</w:comment>`),
      rels(rel('header'), rel('footer'), rel('footnotes'), rel('comments')),
    ];
    const body = `<w:p>${run('text')}<w:r><w:footnoteReference w:id="2"/></w:r>${run(' more')}<w:r><w:commentReference w:id="0"/></w:r></w:p>`;
    expect(await textOf(body, more)).toBe('Acme\n\ntext[^1] more[^comment-1]\n\n[^1]: the note\n\n[^comment-1]: Ann: why?');
  });

  it('is the same in the strict form and with other prefixes', async () => {
    const strict = '<x:document xmlns:x="http://purl.oclc.org/ooxml/wordprocessingml/main"><x:body><x:p><x:r><x:t>strict</x:t></x:r></x:p></x:body></x:document>';
    expect((await readDocx(documentInput(docxOf(strict)))).text).toBe('strict');
  });

  it('shows embedded documents and charts where they stand', async () => {
    const chart = '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><c:chart><c:title><a:t>Sales</a:t></c:title><c:ser><c:tx><c:v>S</c:v></c:tx><c:cat><c:pt idx="0"><c:v>East</c:v></c:pt></c:cat><c:val><c:pt idx="0"><c:v>0.30000000000000004</c:v></c:pt></c:val></c:ser></c:chart></c:chartSpace>';
    const more = [
      { name: 'word/chunk.html', data: '<p>embedded</p>' }, { name: 'word/chart.xml', data: chart },
      rels({ id: 'a', type: 'aFChunk', target: 'chunk.html' }, rel('chart'), { id: 'far', type: 'aFChunk', target: 'http://127.0.0.1:9/', external: true }),
    ];
    const body = `${paragraph('one')}<w:altChunk r:id="a"/><w:altChunk r:id="far"/><w:p><w:r><w:drawing><c:chart xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" r:id="chart"/></w:drawing></w:r></w:p>`;
    expect(await textOf(body, more)).toBe('one\n\nembedded\n\nSales\n\n|  | S |\n| --- | --- |\n| East | 0.3 |');
  });

  it('without a text part is damaged; with faults in it says so', async () => {
    await expect(readDocx(documentInput(docxOf({ name: 'word/other.xml', data: '' })))).rejects.toMatchObject({ reason: 'damaged' });
    const { text, notes } = await readDocx(documentInput(docxOf(wordDocument(paragraph('a&#x1;b')))));
    expect(text).toContain('b');
    expect(notes).toEqual(['The document is damaged in places; what could be read of it is here.']);
  });
});
