import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layOutTable, markdownTable, tableCell } from './markdown-table.ts';
import { MarkdownWriter } from './markdown-writer.ts';

function written(write: (writer: MarkdownWriter) => void, charsMax = 100_000): string {
  const writer = new MarkdownWriter(charsMax);
  write(writer);
  return writer.finish().text;
}

/** The cells of a GFM row, as its specification takes them apart: a backslash keeps the sign after it from being a border. */
function cellsOf(row: string): string[] {
  const cells: string[] = [];
  let cell = '';
  for (let at = 1; at < row.length; at++) {
    if (row[at] === '\\' && /[|\\]/.test(row[at + 1] ?? '')) {
      cell += row[(at += 1)];
    } else if (row[at] === '|') {
      cells.push(cell.slice(1, -1));
      cell = '';
    } else cell += row[at];
  }
  return cells;
}

describe('a table', () => {
  it('keeps each cell one cell, whatever it holds', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '|', '\\', '文', '\n', '`'), minLength: 1, maxLength: 12 });
    fc.assert(fc.property(fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 4 }), (rows) => {
      const lines = markdownTable(rows).split('\n');
      expect(lines).toHaveLength(rows.length + 1);
      lines.splice(1, 1);
      // Backslashes that stand before no border and no other backslash are as they were.
      const plain = (text: string): string => text.replaceAll('\\', '');
      expect(lines.map((line) => cellsOf(line).map(plain))).toEqual(rows.map((row) => row.map((text) => plain(text.trim()).replaceAll('\n', '<br>'))));
    }));
  });

  it('escapes a border and the backslashes before it', () => {
    expect(tableCell('a|b')).toBe('a\\|b');
    expect(tableCell('C:\\dir\\|x')).toBe('C:\\dir\\\\\\|x');
    expect(tableCell(' two\r\nlines\t! ')).toBe('two<br>lines !');
  });

  it('puts what reaches over columns and rows into its first place', () => {
    const cell = (text: string, columns = 1, rows = 1): { text: string; columns: number; rows: number } => ({ text, columns, rows });
    expect(layOutTable([[cell('wide', 2), cell('c')], [cell('tall', 1, 2), cell('e'), cell('f')], [cell('h'), cell('i')]], 100)).toEqual([
      ['wide', '', 'c'], ['tall', 'e', 'f'], ['', 'h', 'i'],
    ]);
  });

  it('has an end, however far its cells say that they reach', () => {
    const rows = Array.from({ length: 50 }, () => [{ text: 'x', columns: 1_000, rows: 1_000 }]);
    expect(layOutTable(rows, 5_000).flat().length).toBeLessThanOrEqual(5_000);
  });

  it('within a cell becomes lines of it', () => {
    const text = written((writer) => {
      writer.openTable();
      for (const outer of ['a', 'b']) {
        writer.openRow();
        writer.openCell();
        writer.text(outer);
        writer.closeCell();
        writer.openCell();
        writer.table([['1', '2'], ['3', '4|']]);
        writer.closeCell();
      }
      writer.closeTable();
    });
    expect(text).toBe('| a | 1 / 2<br>3 / 4\\| |\n| --- | --- |\n| b | 1 / 2<br>3 / 4\\| |');
  });

  it('that only arranges what stands in it is taken apart', () => {
    const text = written((writer) => {
      writer.openTable();
      writer.openRow();
      writer.openCell();
      writer.text('Head');
      writer.endParagraph({ kind: 'heading', level: 2 });
      writer.text('text');
      writer.closeCell();
      writer.closeTable();
    });
    expect(text).toBe('## Head\n\ntext');
  });
});

describe('the writer', () => {
  it('writes headings, lists, code and quotes', () => {
    const text = written((writer) => {
      writer.paragraph(' Title\nin two lines ', { kind: 'heading', level: 9 });
      writer.paragraph('one', { kind: 'item', depth: 0, label: '1.' });
      writer.paragraph('inner\nmore', { kind: 'item', depth: 1 });
      writer.paragraph('clause', { kind: 'item', depth: 1, label: '(a)' });
      writer.paragraph('bullet', { kind: 'item', depth: 0 });
      writer.paragraph('apart', { kind: 'item', depth: 0, label: '1.' });
      writer.paragraph('a = "```"', { kind: 'code' });
      writer.paragraph('', { kind: 'code' });
      writer.paragraph('  b', { kind: 'code' });
      writer.paragraph('said\nso', { kind: 'quote' });
    });
    expect(text).toBe([
      '###### Title in two lines', '', '1. one', '   - inner\n      more', '   - (a) clause', '- bullet', '', '1. apart', '', '````', 'a = "```"', '', '  b', '````', '', '> said\n> so',
    ].join('\n'));
  });

  it('writes links that lead out, and those only', () => {
    const text = written((writer) => {
      for (const url of ['https://a.example/b (c)', '#place', 'javascript:alert(1)', 'mailto:me@a.example']) {
        writer.openLink(url);
        writer.text(' me@a.example ');
        writer.closeLink();
      }
    });
    expect(text).toBe('[me@a.example](https://a.example/b%20%28c%29)  me@a.example  me@a.example  me@a.example');
  });

  it('puts notes at the end, and what stands aside after its paragraph', () => {
    const text = written((writer) => {
      writer.text('before');
      writer.reference('1');
      writer.openNote('1');
      writer.text('note');
      writer.closeNote();
      writer.openAside();
      writer.paragraph('box');
      writer.closeAside();
      writer.text(' after');
      writer.endParagraph();
      writer.paragraph('next');
    });
    expect(text).toBe('before[^1] after\n\nbox\n\nnext\n\n[^1]: note');
  });

  it('keeps raised digits from what they follow', () => {
    expect(written((writer) => {
      for (const [base, raised] of [['m', '2'], ['10', '-6'], ['2', 'nd'], ['. ', '1']] as const) {
        writer.text(base);
        writer.raised(raised);
        writer.text(' ');
      }
    })).toBe('m^2 10^-6 2nd . 1');
  });

  it('takes so much and no more, and says so; no half of a pair and no control character comes out', () => {
    const writer = new MarkdownWriter(10);
    writer.text('123456789𠮷');
    writer.paragraph('beyond');
    expect(writer.isFull).toBe(true);
    expect(writer.finish()).toEqual({ text: '123456789\ufffd', notes: ['The text is longer than 10 characters and was cut there.'] });
    expect(written((other) => other.text('a\u0000b\u00adc\u00a0d\u001be'))).toBe('abc de');
  });

  it('is closed in whatever state it is left, and gives the same again', () => {
    const act = fc.constantFrom<(writer: MarkdownWriter) => void>(
      (writer) => writer.text('t'), (writer) => writer.endParagraph(), (writer) => writer.openTable(), (writer) => writer.openRow(), (writer) => writer.openCell(),
      (writer) => writer.closeCell(), (writer) => writer.closeTable(), (writer) => writer.openNote('n'), (writer) => writer.closeNote(), (writer) => writer.openAside(),
      (writer) => writer.closeAside(), (writer) => writer.openLink('https://a.example'), (writer) => writer.closeLink(),
    );
    fc.assert(fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const once = (): string => written((writer) => acts.forEach((one) => one(writer)));
      expect(once()).toBe(once());
    }));
  });
});
