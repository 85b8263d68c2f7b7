import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../../tests/doubles/document-limits.ts';
import { pptxOf, slide } from '../../../../tests/documents/hostile/office-parts.ts';
import { readPptx } from './read-pptx.ts';

const line = (text: string, properties = ''): string => `<a:p><a:pPr ${properties}/><a:r><a:t>${text}</a:t></a:r></a:p>`;
const shape = (placeholder: string, text: string): string => `<p:sp><p:nvSpPr><p:nvPr>${placeholder}</p:nvPr></p:nvSpPr><p:txBody>${text}</p:txBody></p:sp>`;

describe('a presentation', () => {
  it('has each slide under its title, bodies as lists, groups and tables, and a footer once', async () => {
    const shapes = shape('<p:ph idx="1"/>', line('first') + line('nested', 'lvl="1"')) + shape('<p:ph type="title"/>', line('The') + line('title')) + `<p:grpSp>${shape('', line('boxed'))}</p:grpSp>`
      + `<p:graphicFrame><a:tbl><a:tr><a:tc><a:txBody>${line('a')}</a:txBody></a:tc><a:tc><a:txBody>${line('b')}</a:txBody></a:tc></a:tr></a:tbl></p:graphicFrame>` + shape('<p:ph type="ftr"/>', line('Acme')) + shape('<p:ph type="sldNum"/>', line('7'));
    const read = await readPptx(documentInput(pptxOf(slide(shapes), 2)));
    const one = '# The title\n\n- first\n   - nested\n\nboxed\n\n| a | b |\n| --- | --- |';
    expect(read.text).toBe(`<!-- slide 1 -->\n\n${one}\n\nAcme\n\n<!-- slide 2 -->\n\n${one}`);
    expect(read.pageCount).toBe(2);
  });

  it('takes a short first line for the title where no shape is one, else the number', async () => {
    expect((await readPptx(documentInput(pptxOf(slide(shape('', line('Drawn title')) + shape('', line('text'))))))).text).toBe('<!-- slide 1 -->\n\n# Drawn title\n\ntext');
    expect((await readPptx(documentInput(pptxOf(slide(shape('<p:ph idx="1"/>', line('body'))))))).text).toBe('<!-- slide 1 -->\n\n# Slide 1\n\n- body');
  });
});
