import type { FormatReader } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { decodeHtml } from '../html/html-page.ts';
import { writeHtml } from '../html/read-html.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import type { XmlHandler } from '../xml-events.ts';
import { readXml } from '../xml-events.ts';
import { openZip } from '../zip-container.ts';

type Read = (part: string, handler: XmlHandler) => Promise<void>;

/** The namespaces of EPUB 2 and 3, by the prefixes that this reader asks by. */
const namespaces: Readonly<Record<string, string>> = {
  'urn:oasis:names:tc:opendocument:xmlns:container': '', 'http://www.idpf.org/2007/opf': '', 'http://purl.org/dc/elements/1.1/': 'dc',
  'http://www.w3.org/2001/04/xmlenc#': 'enc',
};
/** Fonts are scrambled in books that are free to be read (EPUB 3.3, 4.4); whatever else is encrypted is so to be kept from us. */
const fontScrambling = new Set(['http://www.idpf.org/2008/embedding', 'http://ns.adobe.com/pdf/enc#RC']);
const chaptersMax = 10_000;

interface Item {
  readonly path: string;
  readonly isNavigation: boolean;
  readonly mediaType: string;
}

/**
 * Reads an e-book (EPUB 2 and 3): its chapters in reading order, without the table of contents that readers make their menu of. A book with copy
 * protection is encrypted. Throws `UnreadableDocument`.
 */
export const readEpub: FormatReader = async (input) => {
  const zip = await openZip(input);
  const { limits } = input;
  const read: Read = async (part, handler) => void (await readXml(zip.chunks(part), { namespaces, depthMax: limits.depthMax }, handler));
  const encrypted = await encryptedParts(read);
  const root = await packagePath(read);
  if (root === undefined || !zip.has(root)) throw new UnreadableDocument('damaged', 'the document is damaged: the e-book does not say where its chapters are; save it anew and send it again');
  const book = await readPackage(read, root);
  const writer = new MarkdownWriter(limits.textCharsMax);
  let missing = 0;
  for (const item of book.chapters) {
    if (writer.isFull) break;
    if (item.isNavigation || !/x?html|xml/i.test(item.mediaType) || /svg|ncx/i.test(item.mediaType)) continue;
    if (encrypted.has(item.path.toLowerCase())) {
      throw new UnreadableDocument('encrypted', 'the e-book is protected against copying; send one without protection');
    }
    const bytes = await zip.bytes(item.path);
    if (bytes === undefined) missing += 1;
    else writeHtml(decodeHtml(bytes), true, writer, limits.depthMax);
  }
  const { text, notes } = writer.finish();
  return {
    ...(book.title === '' ? {} : { title: book.title }), text, notes: missing === 0 ? notes : [...notes, `${missing} chapters are missing in the file.`],
  };
};

async function packagePath(read: Read): Promise<string | undefined> {
  let path: string | undefined;
  await read('META-INF/container.xml', {
    open: (name, attributes) => {
      if (name === 'rootfile') path ??= attributes['full-path'];
    },
    close: () => {},
    text: () => {},
  });
  return path;
}

/** Names, in lower case, of what is encrypted so that we cannot read it. */
async function encryptedParts(read: Read): Promise<Set<string>> {
  const parts = new Set<string>();
  let algorithm = '';
  await read('META-INF/encryption.xml', {
    open: (name, attributes) => {
      if (name === 'enc:EncryptedData') algorithm = '';
      else if (name === 'enc:EncryptionMethod' && algorithm === '') algorithm = attributes['Algorithm'] ?? '';
      else if (name === 'enc:CipherReference' && !fontScrambling.has(algorithm)) parts.add(partPath('', attributes['URI'] ?? '').toLowerCase());
    },
    close: () => {},
    text: () => {},
  });
  return parts;
}

async function readPackage(read: Read, root: string): Promise<{ readonly chapters: readonly Item[]; readonly title: string }> {
  const folder = root.slice(0, root.lastIndexOf('/') + 1);
  const items = new Map<string, Item>();
  const chapters: Item[] = [];
  let title = '';
  let isTitle = false;
  await read(root, {
    open: (name, attributes) => {
      isTitle = name === 'dc:title' && title === '';
      if (name === 'item') {
        items.set(attributes['id'] ?? '', {
          path: partPath(folder, attributes['href'] ?? ''), isNavigation: (attributes['properties'] ?? '').split(' ').includes('nav'),
          mediaType: attributes['media-type'] ?? '',
        });
      } else if (name === 'itemref' && chapters.length < chaptersMax) {
        const item = items.get(attributes['idref'] ?? '');
        if (item !== undefined) chapters.push(item);
      }
    },
    close: () => (isTitle = false),
    text: (text) => {
      if (isTitle && title.length < 1_000) title += text;
    },
  });
  return { chapters, title: title.trim() };
}

/** A reference of the package as the name of an entry: it is an address, so blanks and letters may be written as `%20`. */
function partPath(folder: string, href: string): string {
  const bare = href.split('#')[0] ?? '';
  let path = bare;
  try {
    path = decodeURIComponent(bare);
  } catch {
    // A name with a `%` of its own.
  }
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : folder + path).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
