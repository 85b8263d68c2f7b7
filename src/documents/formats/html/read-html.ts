import type { FormatReader } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import { readHtmlEvents } from './html-events.ts';
import { decodeHtml, isXhtml } from './html-page.ts';
import { HtmlText } from './html-text.ts';

/**
 * Reads a web page (HTML, XHTML): all that it shows, menus too, since a page that somebody uploads is wanted as a whole. What it
 * hides by its own attributes is left out; nothing that it refers to is fetched.
 */
export const readHtml: FormatReader = async ({ bytes, limits }) => {
  const writer = new MarkdownWriter(limits.textCharsMax);
  const page = decodeHtml(bytes);
  const title = writeHtml(page, isXhtml(page), writer, limits.depthMax);
  const { text, notes } = writer.finish();
  return { ...(title === '' ? {} : { title }), text, notes };
};

/** Writes what a page shows; gives its title, or ''. */
export function writeHtml(page: string, isXml: boolean, writer: MarkdownWriter, depthMax: number): string {
  const text = new HtmlText(writer, depthMax);
  readHtmlEvents(page, isXml, text);
  text.finish();
  return text.title;
}
