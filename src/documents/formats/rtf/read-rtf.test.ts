import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../../tests/doubles/document-limits.ts';
import { readRtf } from './read-rtf.ts';

async function textOf(rtf: string | Buffer): Promise<string> {
  return (await readRtf(documentInput(rtf))).text;
}

const fonts = '{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset204 Arial Cyr;}{\\f2\\fcharset134 SimSun;}{\\f3\\fcharset2 Symbol;}}';

describe('an RTF document', () => {
  it('has characters by the charset of their font, and by \\u without what stands in for them', async () => {
    expect(await textOf(`{\\rtf1\\ansi\\ansicpg1252${fonts}\\f0 Gr\\'f6\\'dfe {\\f1 \\'cf\\'f0\\'e8} {\\f2 \\'c4\\'e3\\'ba\\'c3} {\\f3 a\\'b3} \\uc1\\u1055?\\u-10179 ?\\u-9033 ?\\uc2\\u8364 ??!}`)).toBe('Größe При 你好 α≥ П\ud83d\udcb7€!');
  });

  it('keeps any text that is written in escapes', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), async (text) => {
      const clean = text.normalize('NFC').replaceAll(/[\u0000-\u001f\u007f-\u00a0\u00ad\ufeff\ufffe\uffff\ue000-\uf8ff]/g, '').trim();
      const units = Array.from({ length: clean.length }, (_, index) => `\\u${(clean.charCodeAt(index) << 16) >> 16}?`).join('');
      expect(await textOf(`{\\rtf1 ${units}}`)).toBe(clean);
    }));
  });

  it('has headings, lists by the labels that it brings, tables, notes and links', async () => {
    const rtf = `{\\rtf1{\\stylesheet{\\s1 heading 1;}}{\\info{\\title The title}{\\author A}}\\pard\\s1 Head\\par\\pard{\\listtext\\pard 1.\\tab}\\ls1\\ilvl0 one\\par{\\listtext\\pard\\'b7\\tab}\\ls1\\ilvl1 two\\par`
      + `\\pard text{\\footnote\\pard note}{\\field{\\*\\fldinst HYPERLINK "https://a.example/"}{\\fldrslt link}}\\par\\trowd\\cellx1\\cellx2\\pard\\intbl a\\cell b|c\\cell\\row\\pard\\intbl d\\cell e\\cell\\row\\pard end\\par}`;
    const read = await readRtf(documentInput(rtf));
    expect(read.title).toBe('The title');
    expect(read.text).toBe('# Head\n\n1. one\n   - two\n\ntext[^1][link](https://a.example/)\n\n| a | b\\|c |\n| --- | --- |\n| d | e |\n\nend\n\n[^1]: note');
  });

  it('leaves out what is hidden, pictures, binary data and unknown destinations', async () => {
    expect(await textOf('{\\rtf1 a{\\v hidden}{\\deleted gone}{\\pict 0102}{\\*\\unknown x}{\\object{\\objdata 01}}{\\pict\\bin4 }}}}}b}')).toBe('ab');
  });

  it('bears any bytes', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom('{', '}', '\\', "\\'8", '\\u-1', '\\bin9', '\\cell', '\\row', '\\intbl ', '\\itap9 ', '\\fldrslt', '{\\footnote ', '{\\*', '{\\header ', 'x', ' '), { maxLength: 60 }), async (parts) => {
      expect(typeof (await textOf(`{\\rtf1 ${parts.join('')}`))).toBe('string');
    }));
    await expect(readRtf(documentInput('plain'))).rejects.toMatchObject({ reason: 'damaged' });
  });
});
