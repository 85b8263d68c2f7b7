import type { Bait, HostileFile } from './hostile-file.ts';
import { chapter, docxOf, epubOf, odfContent, odfOf, paragraph, pptxOf, relations, slide, wordDocument, wordNamespaces, worksheet, xlsxOf } from './office-parts.ts';

const million = 1_000_000;

const laughs = `<!DOCTYPE x [<!ENTITY l0 "ha">${Array.from({ length: 30 }, (_unused, index) => `<!ENTITY l${index + 1} "${`&l${index};`.repeat(10)}">`).join('')}]>`;
const quadratic = `<!DOCTYPE x [<!ENTITY big "${'a'.repeat(100_000)}">]>`;

function externalEntity(system: string): string {
  return `<!DOCTYPE x [<!ENTITY % p SYSTEM "${system}"> %p; <!ENTITY e SYSTEM "${system}">]>`;
}

/** Files that define entities: what they stand for must neither be fetched nor unfolded. */
export function hostileEntities({ url, hostUrl, file }: Bait): readonly HostileFile[] {
  const fileDoctype = externalEntity(`file://${file}`);
  const urlDoctype = externalEntity(url);
  const body = `${paragraph('&e;')}${paragraph('short')}`;
  return [
    { filename: 'xxe-file.docx', attack: 'an entity that is a file of the machine', outcome: 'harmless', make: () => docxOf(wordDocument(body, fileDoctype)) },
    { filename: 'xxe-url.docx', attack: 'an entity at a URL', outcome: 'harmless', make: () => docxOf(wordDocument(body, urlDoctype)) },
    { filename: 'xxe-host.docx', attack: 'an entity at a host whose name must be asked for', outcome: 'harmless', make: () => docxOf(wordDocument(body, externalEntity(hostUrl))) },
    {
      filename: 'xxe.xlsx', attack: 'entities in the shared strings', outcome: 'harmless',
      make: () => xlsxOf({ sheet: worksheet('<row r="1"><c r="A1" t="s"><v>0</v></c></row>'), strings: `${fileDoctype}<sst><si><t>&e;</t></si></sst>` }),
    },
    { filename: 'xxe.odt', attack: 'entities in content.xml', outcome: 'harmless', make: () => odfOf('text', odfContent('text', '<text:p>&e; short</text:p>', fileDoctype)) },
    {
      filename: 'xxe.epub', attack: 'entities in the package and in a chapter', outcome: 'harmless',
      make: () => epubOf({ items: [['a', 'a.xhtml']], spine: ['a'], entries: [{ name: 'OEBPS/a.xhtml', data: chapter('<p>&e; short</p>', fileDoctype) }], doctype: urlDoctype }),
    },
    { filename: 'xxe.svg', attack: 'entities in a picture', outcome: 'harmless', make: () => Buffer.from(`<?xml version="1.0"?>${fileDoctype}<svg xmlns="http://www.w3.org/2000/svg"><text>&e; short</text></svg>`) },
    { filename: 'xxe.html', attack: 'entities in a web page', outcome: 'harmless', says: 'short', make: () => Buffer.from(chapter('<p>&e; short</p>', fileDoctype)) },
    { filename: 'laughs.docx', attack: 'billion laughs, thirty levels', outcome: 'harmless', make: () => docxOf(wordDocument(paragraph('&l30;'), laughs)) },
    { filename: 'laughs.odt', attack: 'billion laughs', outcome: 'harmless', make: () => odfOf('text', odfContent('text', '<text:p>&l30;</text:p>', laughs)) },
    { filename: 'laughs.svg', attack: 'billion laughs in a picture', outcome: 'harmless', make: () => Buffer.from(`${laughs}<svg xmlns="http://www.w3.org/2000/svg"><text>&l30;</text></svg>`) },
    { filename: 'quadratic.docx', attack: 'a large entity, 50,000 times', outcome: 'harmless', make: () => docxOf(wordDocument(paragraph('&big;'.repeat(50_000)), quadratic)) },
  ];
}

/** Files that name what lies elsewhere: nothing of it may be asked for. */
export function hostileLinks({ url, hostUrl, file }: Bait): readonly HostileFile[] {
  const targets = [{ id: 'rId7', type: 'attachedTemplate', target: url, external: true }, { id: 'rId8', type: 'image', target: hostUrl, external: true }, { id: 'rId9', type: 'aFChunk', target: `file://${file}`, external: true }];
  const rels = { name: 'word/_rels/document.xml.rels', data: relations(targets) };
  const page = `<html><head><base href="${url}"><link rel="stylesheet" href="a.css"><meta http-equiv="refresh" content="0;url=${url}"><script src="a.js"></script></head>
<body background="${url}"><p>short</p><img src="${url}"><iframe src="file://${file}"></iframe><object data="${hostUrl}"></object><video src="${url}"></video><style>@import url("${url}")</style></body></html>`;
  return [
    {
      filename: 'links.docx', attack: 'template, picture and part at URLs', outcome: 'harmless', says: 'short',
      make: () => docxOf(wordDocument(`${paragraph('short')}<w:altChunk r:id="rId9"/><w:p><w:r><w:instrText>INCLUDETEXT "${file}"</w:instrText></w:r></w:p>`), [rels]),
    },
    {
      filename: 'links.xlsx', attack: 'external book and WEBSERVICE', outcome: 'harmless',
      make: () => xlsxOf({
        sheet: worksheet(`<row r="1"><c r="A1"><f>WEBSERVICE("${url}")</f><v>1</v></c></row>`),
        more: [{ name: 'xl/externalLinks/_rels/externalLink1.xml.rels', data: relations([{ id: 'rId1', type: 'externalLinkPath', target: url, external: true }]) }],
      }),
    },
    {
      filename: 'links.odt', attack: 'sections and pictures at URLs', outcome: 'harmless', says: 'short',
      make: () => odfOf('text', odfContent('text', `<text:p>short</text:p><text:section text:name="s"><text:section-source xlink:href="file://${file}"/></text:section><text:p><draw:frame><draw:image xlink:href="${url}"/></draw:frame></text:p>`)),
    },
    { filename: 'links.html', attack: 'pictures, frames, scripts, styles at URLs', outcome: 'harmless', says: 'short', make: () => Buffer.from(page) },
    {
      filename: 'links.epub', attack: 'chapters at URLs', outcome: 'harmless',
      make: () => epubOf({ items: [['a', 'a.xhtml'], ['b', url], ['c', hostUrl]], spine: ['a', 'b', 'c'], entries: [{ name: 'OEBPS/a.xhtml', data: page }] }),
    },
    { filename: 'links.svg', attack: 'pictures and parts at URLs', outcome: 'harmless', make: () => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><image href="${url}"/><use xlink:href="file://${file}#a"/><text>short</text></svg>`) },
    { filename: 'links.rtf', attack: 'a template and a picture at URLs', outcome: 'harmless', says: 'short', make: () => Buffer.from(`{\\rtf1{\\*\\template ${url}}{\\field{\\*\\fldinst INCLUDEPICTURE "${url}"}{\\fldrslt }}short\\par}`) },
    { filename: 'links.md', attack: 'a picture at a URL', outcome: 'harmless', says: 'short', make: () => Buffer.from(`![x](${url})\n\nshort\n`) },
  ];
}

const deepNotes = `<w:footnotes ${wordNamespaces}><w:footnote w:id="1"><w:p><w:r><w:t>note</w:t></w:r><w:r><w:footnoteReference w:id="1"/></w:r></w:p></w:footnote></w:footnotes>`;
const styleLoop = `<w:styles ${wordNamespaces}><w:style w:type="paragraph" w:styleId="A"><w:basedOn w:val="B"/></w:style><w:style w:type="paragraph" w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>`;

/** Small files that stand for very much: tags, depth, repetition, circles. */
export const hostileStructures: readonly HostileFile[] = [
  { filename: 'tags.docx', attack: 'four million tags', outcome: 'harmless', make: () => docxOf(wordDocument('<w:p/>'.repeat(4 * million))) },
  { filename: 'runs.docx', attack: 'a million runs in one paragraph', outcome: 'harmless', make: () => docxOf(wordDocument(`<w:p>${'<w:r><w:t>a</w:t></w:r>'.repeat(million)}</w:p>`)) },
  { filename: 'deep.docx', attack: 'a million nested elements', outcome: 'refused', make: () => docxOf(wordDocument(`${'<w:sdt>'.repeat(million)}${'</w:sdt>'.repeat(million)}`)) },
  { filename: 'deep-tables.docx', attack: '20,000 nested tables', outcome: 'refused', make: () => docxOf(wordDocument(`${'<w:tbl><w:tr><w:tc>'.repeat(20_000)}<w:p/>${'</w:tc></w:tr></w:tbl>'.repeat(20_000)}`)) },
  { filename: 'deep.odt', attack: 'a million nested lists', outcome: 'refused', make: () => odfOf('text', odfContent('text', `${'<text:list><text:list-item>'.repeat(million / 2)}${'</text:list-item></text:list>'.repeat(million / 2)}`)) },
  { filename: 'attributes.docx', attack: 'a tag with a million attributes', outcome: 'harmless', make: () => docxOf(wordDocument(`<w:p ${Array.from({ length: million }, (_unused, index) => `a${index}="1"`).join(' ')}/>`)) },
  { filename: 'long-name.docx', attack: 'a tag whose name has 20 MB', outcome: 'harmless', make: () => docxOf(wordDocument(`<w:${'n'.repeat(20 * million)}/>`)) },
  { filename: 'unclosed.docx', attack: 'XML that ends in the middle', outcome: 'harmless', make: () => docxOf(wordDocument(paragraph('short')).slice(0, -20)) },
  { filename: 'note-circle.docx', attack: 'a footnote that refers to itself', outcome: 'harmless', make: () => docxOf(wordDocument(`<w:p><w:r><w:t>short</w:t></w:r><w:r><w:footnoteReference w:id="1"/></w:r></w:p>`), [{ name: 'word/footnotes.xml', data: deepNotes }, { name: 'word/_rels/document.xml.rels', data: relations([{ id: 'rId1', type: 'footnotes', target: 'footnotes.xml' }]) }]) },
  { filename: 'style-circle.docx', attack: 'styles that are based on each other', outcome: 'harmless', says: 'short', make: () => docxOf(wordDocument('<w:p><w:pPr><w:pStyle w:val="A"/></w:pPr><w:r><w:t>short</w:t></w:r></w:p>'), [{ name: 'word/styles.xml', data: styleLoop }, { name: 'word/_rels/document.xml.rels', data: relations([{ id: 'rId1', type: 'styles', target: 'styles.xml' }]) }]) },
  { filename: 'part-circle.docx', attack: 'a document that includes itself', outcome: 'harmless', make: () => docxOf(wordDocument(`${paragraph('short')}<w:altChunk r:id="rId1"/>`), [{ name: 'word/_rels/document.xml.rels', data: relations([{ id: 'rId1', type: 'aFChunk', target: 'document.xml' }]) }]) },
  { filename: 'span.docx', attack: 'a cell that spans a billion columns', outcome: 'harmless', make: () => docxOf(wordDocument(`<w:tbl>${'<w:tr><w:tc><w:tcPr><w:gridSpan w:val="1000000000"/></w:tcPr><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr>'.repeat(50)}</w:tbl>`)) },
  { filename: 'list-level.docx', attack: 'a list at level 10^9', outcome: 'harmless', make: () => docxOf(wordDocument('<w:p><w:pPr><w:numPr><w:ilvl w:val="1000000000"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>short</w:t></w:r></w:p>')) },
  { filename: 'dims.xlsx', attack: 'one cell, at XFD1048576', outcome: 'harmless', make: () => xlsxOf({ sheet: worksheet('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>') }) },
  { filename: 'wide-rows.xlsx', attack: '100,000 rows with a cell in the last column', outcome: 'harmless', make: () => xlsxOf({ sheet: worksheet(Array.from({ length: 100_000 }, (_unused, index) => `<row r="${index + 1}"><c r="XFD${index + 1}"><v>1</v></c></row>`).join('')) }) },
  { filename: 'row-number.xlsx', attack: 'rows and cells with numbers that are none', outcome: 'harmless', make: () => xlsxOf({ sheet: worksheet('<row r="99999999999999999999"><c r="ZZZZZZZZZZ99999999999"><v>1</v></c><c r="-5"><v>1e400</v></c><c r="" t="s"><v>-1</v></c></row>') }) },
  { filename: 'merged.xlsx', attack: 'all cells of a sheet merged, 10,000 times', outcome: 'harmless', make: () => xlsxOf({ sheet: worksheet('<row r="1"><c r="A1"><v>1</v></c></row>', `<mergeCells>${'<mergeCell ref="A1:XFD1048576"/>'.repeat(10_000)}</mergeCells>`) }) },
  { filename: 'sheets.xlsx', attack: 'one sheet, listed 60,000 times', outcome: 'harmless', make: () => xlsxOf({ sheet: worksheet(Array.from({ length: 2000 }, (_unused, index) => `<row r="${index + 1}"><c r="A${index + 1}"><v>123456789</v></c></row>`).join('')), times: 60_000 }) },
  {
    filename: 'one-string.xlsx', attack: 'a string of a megabyte, in 100,000 cells', outcome: 'harmless',
    make: () => xlsxOf({ sheet: worksheet(`<row r="1">${'<c t="s"><v>0</v></c>'.repeat(100_000)}</row>`), strings: `<sst><si><t>${'s'.repeat(million)}</t></si></sst>` }),
  },
  { filename: 'repeated.ods', attack: 'a cell repeated in 16,384 columns and a million rows', outcome: 'harmless', make: () => odfOf('spreadsheet', odfContent('spreadsheet', '<table:table table:name="S"><table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell></table:table-row></table:table>')) },
  { filename: 'repeated-spaces.odt', attack: '10^12 spaces', outcome: 'harmless', make: () => odfOf('text', odfContent('text', '<text:p>short<text:s text:c="1000000000000"/></text:p>')) },
  { filename: 'slides.pptx', attack: 'one slide, listed 100,000 times', outcome: 'harmless', make: () => pptxOf(slide(`<p:sp><p:txBody><a:p><a:r><a:t>${'again '.repeat(2000)}</a:t></a:r></a:p></p:txBody></p:sp>`), 100_000) },
  { filename: 'groups.pptx', attack: '200,000 nested groups', outcome: 'refused', make: () => pptxOf(slide(`${'<p:grpSp>'.repeat(200_000)}${'</p:grpSp>'.repeat(200_000)}`)) },
];
