import { deflateSync } from 'node:zlib';
import type { Bait, HostileFile } from './hostile-file.ts';
import { longZlib } from './long-deflate.ts';
import { onePage, type PdfObject, rawPdf, shortContent } from './raw-pdf.ts';

const mebibyte = 1024 * 1024;
const flate = '/Filter /FlateDecode';
const spaces = Buffer.alloc(mebibyte, ' ');
const honest = rawPdf(onePage(shortContent));

function flateBomb(): Buffer {
  return longZlib('', spaces, 1500, '');
}

/** A form that draws the next one twice, twenty-five times over. */
function forms(): readonly PdfObject[] {
  const levels = 25;
  const all = Array.from({ length: levels }, (_unused, index): PdfObject => ({
    entries: `/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /X ${7 + index} 0 R >> >>`, data: '/X Do /X Do',
  }));
  const last: PdfObject = { entries: '/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /Font << /F1 5 0 R >> >>', data: 'BT /F1 9 Tf (x) Tj ET' };
  return onePage({ entries: '', data: '/X Do' }, '/XObject << /X 6 0 R >>', [...all, last]);
}

/** A picture that is the only thing on its page, as on a scanned one, and says that it is very large. */
function scan(width: number, height: number): readonly PdfObject[] {
  const picture: PdfObject = { entries: `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceGray /BitsPerComponent 8 ${flate}`, data: longZlib('', Buffer.alloc(mebibyte), Math.min(900, (width * height) / mebibyte), '') };
  return onePage({ entries: '', data: 'q 612 0 0 792 0 0 cm /I Do Q' }, '/XObject << /I 6 0 R >>', [picture]);
}

function manyPages(count: number): Buffer {
  const kids = Array.from({ length: count }, (_unused, index) => `${index + 3} 0 R`).join(' ');
  const pages = Array.from({ length: count }, () => '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>');
  return rawPdf(['<< /Type /Catalog /Pages 2 0 R >>', `<< /Type /Pages /Kids [${kids}] /Count ${count} >>`, ...pages]);
}

function deepPages(): Buffer {
  const levels = 100_000;
  const nodes = Array.from({ length: levels }, (_unused, index) => `<< /Type /Pages /Kids [${index + 3} 0 R] /Count 1 >>`);
  return rawPdf(['<< /Type /Catalog /Pages 2 0 R >>', ...nodes, '<< /Type /Page /MediaBox [0 0 9 9] >>']);
}

const widePage = '/MediaBox [0 0 1000000000 1000000000]';
const rangeMap = `/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00000000> <FFFFFFFF> endcodespacerange ${'100 beginbfrange '}${'<00000000> <FFFFFFFF> <0041> '.repeat(100)}endbfrange endcmap end`;

export function hostilePdfs({ url, file }: Bait): readonly HostileFile[] {
  const reach = `/OpenAction << /S /URI /URI (${url}) >> /AA << /WC << /S /JavaScript /JS (app.launchURL("${url}")) >> >> /Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (this.submitForm("${url}")) >>] >> >>`;
  return [
    { filename: 'bomb.pdf', attack: '1.5 GB of spaces in a content stream', outcome: 'refused', make: () => rawPdf(onePage({ entries: flate, data: flateBomb() })) },
    { filename: 'double-bomb.pdf', attack: 'the same, deflated twice', outcome: 'refused', make: () => rawPdf(onePage({ entries: '/Filter [/FlateDecode /FlateDecode]', data: deflateSync(flateBomb()) })) },
    { filename: 'filters.pdf', attack: 'a hundred filters, one on the other', outcome: 'harmless', make: () => rawPdf(onePage({ entries: `/Filter [${'/ASCIIHexDecode '.repeat(100)}]`, data: '414243>' })) },
    { filename: 'text.pdf', attack: '300 MB of text operators', outcome: 'refused', make: () => rawPdf(onePage({ entries: flate, data: longZlib('BT /F1 12 Tf ', '(some words) Tj T* '.repeat(50_000), 320, ' ET') })) },
    { filename: 'forms.pdf', attack: 'forms in forms, 2^25 altogether', outcome: 'harmless', make: () => rawPdf(forms()) },
    { filename: 'form-circle.pdf', attack: 'a form that draws itself', outcome: 'harmless', make: () => rawPdf(onePage({ entries: '', data: '/X Do' }, '/XObject << /X 6 0 R >>', [{ entries: '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>', data: '/X Do' }])) },
    { filename: 'objects.pdf', attack: 'a million objects', outcome: 'harmless', make: () => rawPdf([...onePage(shortContent), ...Array.from({ length: 1_000_000 }, () => '<< /A 1 >>')]) },
    { filename: 'page-circle.pdf', attack: 'a page tree that is its own child', outcome: 'harmless', make: () => rawPdf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>']) },
    { filename: 'page-count.pdf', attack: 'claims two billion pages', outcome: 'harmless', make: () => rawPdf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [] /Count 2147483647 >>']) },
    { filename: 'pages.pdf', attack: '100,000 empty pages', outcome: 'harmless', make: () => manyPages(100_000) },
    { filename: 'deep-pages.pdf', attack: 'a page tree of 100,000 levels', outcome: 'harmless', make: deepPages },
    { filename: 'deep-arrays.pdf', attack: 'a million nested arrays', outcome: 'harmless', make: () => rawPdf(onePage(shortContent, '', ['['.repeat(1_000_000)])) },
    { filename: 'same-content.pdf', attack: 'one content stream, 100,000 times on a page', outcome: 'harmless', make: () => rawPdf([...onePage(shortContent).slice(0, 2), `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents [${'4 0 R '.repeat(100_000)}] /Resources << /Font << /F1 5 0 R >> >> >>`, ...onePage(shortContent).slice(3)]) },
    { filename: 'garbage.pdf', attack: 'noise after an honest beginning', outcome: 'refused', make: (random) => Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.from(Array.from({ length: 100_000 }, () => random.between(0, 255)))]) },
    { filename: 'half.pdf', attack: 'cut in the middle', outcome: 'harmless', make: () => honest.subarray(0, honest.length / 2) },
    { filename: 'encrypted.pdf', attack: 'needs a password', outcome: 'refused', because: /encrypt|password/i, make: () => rawPdf(onePage(shortContent), `/Encrypt << /Filter /Standard /V 1 /R 2 /P -44 /O <${'ab'.repeat(32)}> /U <${'cd'.repeat(32)}> >> /ID [<01> <01>]`) },
    { filename: 'table-circle.pdf', attack: 'a table of objects that is its own predecessor', outcome: 'harmless', make: () => rawPdf(onePage(shortContent), `/Prev ${honest.indexOf('xref')}`) },
    { filename: 'page-size.pdf', attack: 'a page of 350,000 km', outcome: 'harmless', make: () => rawPdf(onePage(shortContent, '', [], '', widePage)) },
    { filename: 'empty-size.pdf', attack: 'a page of that size, with nothing on it to read', outcome: 'harmless', make: () => rawPdf(onePage({ entries: '', data: '' }, '', [], '', widePage)) },
    { filename: 'scan.pdf', attack: 'a scanned page of 30,000 × 30,000 points', outcome: 'harmless', make: () => rawPdf(scan(30_000, 30_000)) },
    { filename: 'scan-lies.pdf', attack: 'a scanned page of 2^31 × 2^31 points', outcome: 'harmless', make: () => rawPdf(scan(2_147_483_647, 2_147_483_647)) },
    { filename: 'map.pdf', attack: 'a map of characters over 2^32 codes, a hundred times', outcome: 'harmless', make: () => rawPdf([...onePage(shortContent).slice(0, 4), '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>', { entries: '', data: rangeMap }]) },
    { filename: 'type3-circle.pdf', attack: 'a letter that is drawn with itself', outcome: 'harmless', make: () => rawPdf([...onePage(shortContent).slice(0, 4), '<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 32 /LastChar 122 /Widths [1] /Encoding << /Differences [115 /s] >> /CharProcs << /s 6 0 R >> /Resources << /Font << /F1 5 0 R >> >> >>', { entries: '', data: '9 0 d0 BT /F1 9 Tf (sss) Tj ET' }]) },
    { filename: 'reach.pdf', attack: 'actions and scripts that call a URL', outcome: 'harmless', says: 'short', make: () => rawPdf(onePage(shortContent, '', [], reach)) },
    { filename: 'outside.pdf', attack: 'content that lies in a file of the machine', outcome: 'harmless', make: () => rawPdf(onePage({ entries: `/F (${file}) /FFilter []`, data: '' })) },
    { filename: 'launch.pdf', attack: 'an attachment, and an action that starts it', outcome: 'harmless', says: 'short', make: () => rawPdf(onePage(shortContent, '', [], `/OpenAction << /S /Launch /F (/bin/sh) >>`)) },
    { filename: 'outline-circle.pdf', attack: 'bookmarks that follow each other for ever', outcome: 'harmless', says: 'short', make: () => rawPdf(onePage(shortContent, '', ['<< /First 7 0 R /Last 7 0 R >>', '<< /Title (a) /Parent 6 0 R /Next 7 0 R >>'], '/Outlines 6 0 R')) },
  ];
}
