import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../../tests/doubles/document-limits.ts';
import { odfContent, odfOf } from '../../../../tests/documents/hostile/office-parts.ts';
import type { RawEntry } from '../../../../tests/documents/hostile/raw-zip.ts';
import { readOdf } from './read-odf.ts';

const p = (text: string, style = 'Standard'): string => `<text:p text:style-name="${style}">${text}</text:p>`;

async function textOf(kind: 'text' | 'spreadsheet' | 'presentation', body: string, more: readonly RawEntry[] = []): Promise<string> {
  return (await readOdf(documentInput(odfOf(kind, odfContent(kind, body), more)))).text;
}

describe('an OpenDocument text', () => {
  it('has headings, nested lists, tables, notes and blanks', async () => {
    const body = `<text:tracked-changes>${p('deleted')}</text:tracked-changes>${p('Report', 'Title')}<text:h text:outline-level="2">Head</text:h><text:list><text:list-item>${p('one')}<text:list><text:list-item>${p('two')}</text:list-item></text:list></text:list-item></text:list>`
      + `<table:table><table:table-row><table:table-cell table:number-columns-spanned="2">${p('wide')}</table:table-cell><table:covered-table-cell/></table:table-row><table:table-row><table:table-cell>${p('a')}</table:table-cell><table:table-cell>${p('b')}</table:table-cell></table:table-row></table:table>`
      + p('x<text:s text:c="2"/>y<text:tab/>z <text:a xlink:href="https://a.example/">link</text:a><text:note><text:note-citation>1</text:note-citation><text:note-body>' + p('note') + '</text:note-body></text:note>\n  end');
    expect(await textOf('text', body)).toBe('# Report\n\n## Head\n\n- one\n   - two\n\n| wide |  |\n| --- | --- |\n| a | b |\n\nx  y\tz [link](https://a.example/)[^1] end\n\n[^1]: note');
  });

  it('is refused if it is encrypted, which its manifest says', async () => {
    const manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>';
    await expect(textOf('text', p('x'), [{ name: 'META-INF/manifest.xml', data: manifest }])).rejects.toMatchObject({ reason: 'encrypted' });
  });
});

describe('an OpenDocument spreadsheet', () => {
  it('has what repeats, up to a point, and days in one order', async () => {
    const cell = (text: string, more = ''): string => `<table:table-cell ${more}>${p(text)}</table:table-cell>`;
    const body = `<table:table table:name="S"><table:table-row>${cell('a', 'table:number-columns-repeated="2"')}${cell('01.03.26', 'office:date-value="2026-03-01T08:05:00"')}<table:table-cell table:number-columns-repeated="16000"/></table:table-row>`
      + `<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row><table:table-row table:number-rows-repeated="2">${cell('end')}</table:table-row></table:table>`;
    expect(await textOf('spreadsheet', body)).toBe('## S\n\n| a | a | 2026-03-01 08:05:00 |\n| --- | --- | --- |\n| end |  |  |\n| end |  |  |');
  });
});

describe('an OpenDocument presentation', () => {
  it('has its slides under their titles', async () => {
    const presentation = 'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"';
    const frame = (place: string, text: string): string => `<draw:frame ${presentation} presentation:class="${place}"><draw:text-box>${p(text)}</draw:text-box></draw:frame>`;
    const body = `<draw:page>${frame('outline', 'body')}${frame('title', 'Title')}<presentation:notes ${presentation}>${frame('notes', 'said')}</presentation:notes></draw:page>`;
    expect(await textOf('presentation', body)).toBe('<!-- slide 1 -->\n\n# Title\n\nbody\n\nNotes: said');
  });
});
