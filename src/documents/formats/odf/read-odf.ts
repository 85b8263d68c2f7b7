import type { FormatInput, FormatReader } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';
import { readXml } from '../xml-events.ts';
import type { ZipContainer } from '../zip-container.ts';
import { openZip } from '../zip-container.ts';
import { odfNamespaces } from './odf-namespaces.ts';
import type { OdfObject } from './odf-objects.ts';
import { OdfObjectReader } from './odf-objects.ts';
import { OdfStyles } from './odf-styles.ts';
import type { OdfContext } from './odf-text.ts';
import { OdfText } from './odf-text.ts';
import { OdpPages } from './odp-pages.ts';
import { OdsSheets } from './ods-sheets.ts';

type Read = (part: string, handler: XmlHandler) => Promise<void>;

const objectsMax = 200;

/**
 * Reads an OpenDocument text, spreadsheet or presentation, or a template of one; which of them it is, it says itself. Throws
 * `UnreadableDocument`.
 */
export const readOdf: FormatReader = async (input) => {
  const zip = await openZip(input);
  let faults = 0;
  const read: Read = async (part, handler) => {
    const found = await readXml(zip.chunks(part), { namespaces: odfNamespaces, depthMax: input.limits.depthMax }, handler);
    faults += found;
  };
  if (!zip.has('content.xml')) throw new UnreadableDocument('damaged', 'the document is damaged: it has no content part; save it anew and send it again');
  await refuseEncrypted(read);
  const writer = new MarkdownWriter(input.limits.textCharsMax);
  const context: OdfContext = { writer, styles: new OdfStyles(), objects: await readObjects(zip, read), notes: { footnotes: 0, comments: 0 } };
  const styles = new StylesPart(context, input.limits.textCharsMax);
  await read('styles.xml', styles);
  const content = new ContentPart(context, styles, input);
  await read('content.xml', content);
  const { text, notes } = content.finish();
  const title = await readTitle(read);
  return {
    ...(title === '' ? {} : { title }), text, ...(content.pageCount === undefined ? {} : { pageCount: content.pageCount }),
    notes: [...notes, ...(faults > 0 ? ['The document is damaged in places; what could be read of it is here.'] : [])],
  };
};

/** Parts are encrypted one by one; the list of them says so (OpenDocument 1.3 part 2, 4.8.4). */
async function refuseEncrypted(read: Read): Promise<void> {
  let isEncrypted = false;
  await read('META-INF/manifest.xml', {
    open: (name) => {
      if (name === 'manifest:encryption-data') isEncrypted = true;
    },
    close: () => {},
    text: () => {},
  });
  if (isEncrypted) throw new UnreadableDocument('encrypted', 'the document is encrypted; save it without a password and send it again');
}

async function readObjects(zip: ZipContainer, read: Read): Promise<Map<string, OdfObject>> {
  const objects = new Map<string, OdfObject>();
  for (const name of zip.names) {
    const folder = /^([^/]{1,200})\/content\.xml$/i.exec(name)?.[1];
    if (folder === undefined || objects.size >= objectsMax) continue;
    const object = new OdfObjectReader();
    await read(name, object);
    objects.set(folder, object);
  }
  return objects;
}

async function readTitle(read: Read): Promise<string> {
  let title = '';
  let isTitle = false;
  await read('meta.xml', {
    open: (name) => (isTitle = name === 'dc:title'),
    close: () => (isTitle = false),
    text: (text) => {
      if (isTitle && title.length < 1_000) title += text;
    },
  });
  return title.trim();
}

/** The styles, and the headers and footers, which are kept among them. */
class StylesPart implements XmlHandler {
  readonly headers = new Set<string>();
  readonly footers = new Set<string>();
  readonly #context: OdfContext;
  readonly #charsMax: number;
  #margin: { readonly name: string; readonly writer: MarkdownWriter; readonly text: OdfText } | undefined;

  constructor(context: OdfContext, charsMax: number) {
    this.#context = context;
    this.#charsMax = charsMax;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (this.#margin !== undefined) this.#margin.text.open(name, attributes);
    else if (/^style:(header|footer)(-left|-first)?$/.test(name)) {
      const writer = new MarkdownWriter(this.#charsMax);
      this.#margin = { name, writer, text: new OdfText({ ...this.#context, writer }) };
    } else this.#context.styles.open(name, attributes);
  }

  close(name: string): void {
    if (this.#margin === undefined) this.#context.styles.close(name);
    else if (this.#margin.name !== name) this.#margin.text.close(name);
    else {
      const { text } = this.#margin.writer.finish();
      // What holds nothing but page numbers is none.
      if (/\p{L}/u.test(text)) (name.startsWith('style:header') ? this.headers : this.footers).add(text);
      this.#margin = undefined;
    }
  }

  text(text: string): void {
    this.#margin?.text.text(text);
  }
}

/** The content, given to the reader of its kind. */
class ContentPart implements XmlHandler {
  readonly #context: OdfContext;
  readonly #margins: StylesPart;
  readonly #input: FormatInput;
  #body: OdfText | OdsSheets | OdpPages | undefined;
  #bodyName = '';

  constructor(context: OdfContext, margins: StylesPart, input: FormatInput) {
    this.#context = context;
    this.#margins = margins;
    this.#input = input;
  }

  get pageCount(): number | undefined {
    return this.#body instanceof OdsSheets ? this.#body.sheetCount : this.#body instanceof OdpPages ? this.#body.pageCount : undefined;
  }

  /** The document as a whole. */
  finish(): { readonly text: string; readonly notes: readonly string[] } {
    const { writer } = this.#context;
    writer.endParagraph();
    if (this.#body instanceof OdfText) for (const footer of this.#margins.footers) writer.paragraph(footer);
    const { text, notes } = writer.finish();
    return { text, notes: this.#body instanceof OdsSheets ? [...notes, ...this.#body.notes] : notes };
  }

  isDone(): boolean {
    return this.#body?.isDone() ?? false;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (this.#bodyName !== '') this.#body?.open(name, attributes);
    else if (this.#body === undefined && ['office:text', 'office:spreadsheet', 'office:presentation', 'office:drawing'].includes(name)) {
      this.#bodyName = name;
      if (name === 'office:spreadsheet') this.#body = new OdsSheets(this.#context, this.#input.limits.textCharsMax);
      else if (name === 'office:text') {
        for (const header of this.#margins.headers) this.#context.writer.paragraph(header);
        this.#body = new OdfText(this.#context);
      } else this.#body = new OdpPages(this.#context, this.#input.limits.textCharsMax);
    } else this.#context.styles.open(name, attributes);
  }

  close(name: string): void {
    if (name === this.#bodyName) this.#bodyName = '';
    else if (this.#bodyName !== '') this.#body?.close(name);
    else this.#context.styles.close(name);
  }

  text(text: string): void {
    if (this.#bodyName !== '') this.#body?.text(text);
  }
}
