import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../../tests/doubles/document-limits.ts';
import { worksheet, xlsxOf } from '../../../../tests/documents/hostile/office-parts.ts';
import { readXlsx } from './read-xlsx.ts';

describe('a workbook', () => {
  it('shows what its cells show, from the first to the last that is not empty', async () => {
    const strings = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><r><t>rich</t></r><r><t> text</t></r><rPh><t>reading</t></rPh></si><si><t>a_x000D_|b</t></si></sst>';
    const rows = '<row r="3"><c r="C3" t="s"><v>0</v></c><c r="D3" t="inlineStr"><is><t>inline</t></is></c><c t="b"><v>1</v></c></row>'
      + '<row r="5" hidden="1"><c r="C5"><v>0.30000000000000004</v></c><c r="D5" t="s"><v>1</v></c><c r="E5" t="e"><v>#N/A</v></c></row><row><c r="C6"><f>SUM(A1)</f></c><c r="D6" t="str"><f>x</f><v>kept</v></c><c r="E6"/></row>';
    const read = await readXlsx(documentInput(xlsxOf({ sheet: worksheet(rows), strings })));
    expect(read.text).toBe('## Sheet 1\n\n| rich text | inline | TRUE |\n| --- | --- | --- |\n| 0.3 | a<br>\\|b | #N/A |\n| =SUM(A1) | kept |  |');
    expect(read).toMatchObject({ pageCount: 1, notes: ['Sheet 1 has 1 hidden rows; they are included.'] });
  });

  it('costs what stands in it, however far apart', async () => {
    const rows = Array.from({ length: 300 }, (_, index) => `<row r="${index * 3_000 + 1}"><c r="${['A', 'ZZ', 'XFD'][index % 3]}${index * 3_000 + 1}"><v>${index}</v></c></row>`).join('');
    expect((await readXlsx(documentInput(xlsxOf({ sheet: worksheet(rows) })))).text.length).toBeLessThan(10_000);
  });

  it('is cut where the limit of its text is', async () => {
    const rows = Array.from({ length: 100 }, (_, index) => `<row><c t="inlineStr"><is><t>row ${index}</t></is></c><c><v>1</v></c></row>`).join('');
    const read = await readXlsx(documentInput(xlsxOf({ sheet: worksheet(rows) }), 'a.xlsx', { textCharsMax: 200 }));
    expect(read.text.length).toBeLessThanOrEqual(200);
    expect(read.notes?.join()).toContain('cut');
  });
});
