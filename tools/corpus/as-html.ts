import type { Block, ListBlock, Run, TextSource } from './source-text.ts';

/** How a page is laid out; `hyphens` lets words be broken, which a reader must undo. */
export interface PageStyle {
  readonly columns?: number;
  readonly hyphens?: boolean;
  readonly fonts?: string;
}

/** A page for browsers and HTML-to-PDF programs. Footnotes stand at the end, as numbered paragraphs. */
export function asHtml(source: TextSource, { columns = 1, hyphens = false, fonts = '"DejaVu Serif", "Noto Serif CJK SC"' }: PageStyle = {}): string {
  const footnotes: string[] = [];
  const body = source.blocks.map((block) => blockHtml(block, footnotes)).join('\n');
  const notes = footnotes.map((text, index) => `<p class="footnote"><sup>${index + 1}</sup> ${escapeHtml(text)}</p>`).join('\n');
  return `<!DOCTYPE html>
<html lang="${source.languages[0] ?? 'en'}"><head><meta charset="utf-8"><title>${escapeHtml(source.title)}</title>
<style>
@page { size: A4; margin: 22mm 20mm }
body { font: 11pt/1.5 ${fonts}; ${columns > 1 ? `column-count: ${columns}; column-gap: 9mm;` : ''} ${hyphens ? 'hyphens: auto; text-align: justify;' : ''} }
${columns > 1 ? 'table { break-inside: avoid; font-size: 8pt; hyphens: manual } td, th { padding: 1mm !important }' : ''}
h1 { font-size: 20pt; ${columns > 1 ? 'column-span: all;' : ''} } h2 { font-size: 15pt } h3 { font-size: 12.5pt }
table { border-collapse: collapse } td, th { border: 0.5pt solid #666; padding: 1.5mm 3mm; text-align: left }
pre { font: 9.5pt "DejaVu Sans Mono"; background: #eee; padding: 2mm } .footnote { font-size: 8.5pt }
</style></head><body>
${body}
${notes}
</body></html>
`;
}

function blockHtml(block: Block, footnotes: string[]): string {
  switch (block.kind) {
    case 'heading': return `<h${block.level}>${escapeHtml(block.text)}</h${block.level}>`;
    case 'code': return `<pre><code>${escapeHtml(block.text)}</code></pre>`;
    case 'list': return listHtml(block);
    case 'table': return `<table>${block.rows.map((row, index) => rowHtml(row, index === 0 ? 'th' : 'td')).join('\n')}</table>`;
    case 'paragraph': {
      if (block.footnote !== undefined) footnotes.push(block.footnote);
      const mark = block.footnote === undefined ? '' : `<sup>${footnotes.length}</sup>`;
      return `<p>${block.runs.map(runHtml).join('')}${mark}</p>`;
    }
  }
}

function listHtml(list: ListBlock): string {
  const tag = list.ordered ? 'ol' : 'ul';
  const items = list.items.map(({ text, list: nested }) => `<li>${escapeHtml(text)}${nested === undefined ? '' : listHtml(nested)}</li>`);
  return `<${tag}>${items.join('\n')}</${tag}>`;
}

function rowHtml(row: readonly string[], tag: 'td' | 'th'): string {
  return `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
}

function runHtml({ text, bold, italic, href }: Run): string {
  const escaped = escapeHtml(text);
  if (href !== undefined) return `<a href="${escapeHtml(href)}">${escaped}</a>`;
  if (bold) return `<strong>${escaped}</strong>`;
  return italic ? `<em>${escaped}</em>` : escaped;
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
