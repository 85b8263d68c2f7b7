import type { Block, ListBlock, Run, TextSource } from './source-text.ts';

/** Markdown as pandoc reads it: footnotes, pipe tables, fenced code. */
export function asMarkdown(source: TextSource): string {
  const footnotes: string[] = [];
  const blocks = source.blocks.map((block) => blockMarkdown(block, footnotes));
  return `${[...blocks, ...footnotes.map((text, index) => `[^${index + 1}]: ${text}`)].join('\n\n')}\n`;
}

function blockMarkdown(block: Block, footnotes: string[]): string {
  switch (block.kind) {
    case 'heading': return `${'#'.repeat(block.level)} ${block.text}`;
    case 'code': return `\`\`\`sh\n${block.text}\n\`\`\``;
    case 'list': return listMarkdown(block, '').join('\n');
    case 'table': {
      const [header = [], ...rows] = block.rows.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
      return [header, `|${'---|'.repeat(block.rows[0]?.length ?? 0)}`, ...rows].join('\n');
    }
    case 'paragraph': {
      if (block.footnote !== undefined) footnotes.push(block.footnote);
      return `${block.runs.map(runMarkdown).join('')}${block.footnote === undefined ? '' : `[^${footnotes.length}]`}`;
    }
  }
}

function listMarkdown(list: ListBlock, indent: string): string[] {
  return list.items.flatMap(({ text, list: nested }, index) => [
    `${indent}${list.ordered ? `${index + 1}.` : '-'} ${text}`, ...(nested === undefined ? [] : listMarkdown(nested, `${indent}    `)),
  ]);
}

function runMarkdown({ text, bold, italic, href }: Run): string {
  if (href !== undefined) return `[${text}](${href})`;
  if (bold) return `**${text}**`;
  return italic ? `*${text}*` : text;
}
