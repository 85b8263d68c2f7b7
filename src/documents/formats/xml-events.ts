import { TextDecoder } from 'node:util';
import { SaxesParser } from 'saxes';
import { UnreadableDocument } from './format-reader.ts';
import { XmlNames } from './xml-names.ts';

/** Attributes by name, with the prefix that the reader knows their namespace by. There is no prototype. */
export type XmlAttributes = Readonly<Record<string, string>>;

/** Who is told of what stands in an XML document, in its order. */
export interface XmlHandler {
  open(name: string, attributes: XmlAttributes): void;
  close(name: string): void;
  text(text: string): void;
  /** Asked from time to time: true ends the reading, with nothing lost that is still wanted. */
  isDone?(): boolean;
}

export interface XmlReading {
  /** Prefix by namespace: `w` for WordprocessingML, whichever prefix the document's author has chosen. */
  readonly namespaces: Readonly<Record<string, string>>;
  readonly depthMax: number;
}

/** So much may be wrong with a document before it is none: some producers write characters that XML does not have. */
const errorsMax = 100;

/** The parser keeps a text until it ends: one of this size is more than any document is allowed to say. */
const quietBytesMax = 32 * 1_048_576;

/**
 * Tells `handler` what an XML document holds, and returns how many faults were passed over. A DTD is passed over and its entities are
 * never expanded or fetched: they stay as they are written. Throws `UnreadableDocument` when it is nested too deeply or is not XML.
 */
export async function readXml(chunks: AsyncIterable<Uint8Array>, reading: XmlReading, handler: XmlHandler): Promise<number> {
  const parser = new SaxesParser<{ xmlns: false; position: false }>({ xmlns: false, position: false });
  const names = new XmlNames(reading.namespaces);
  const open: string[] = [];
  let errors = 0;
  let quietBytes = 0;
  parser.on('error', (error) => {
    errors += 1;
    if (errors > errorsMax) throw new UnreadableDocument('damaged', 'the document is damaged: a part of it is not XML; save it anew and send it again', error);
  });
  parser.on('opentag', (tag) => {
    quietBytes = 0;
    if (open.length >= reading.depthMax) {
      throw new UnreadableDocument('too-large', `the document is nested more than ${reading.depthMax} deep`);
    }
    names.enter(tag.attributes);
    const name = names.element(tag.name);
    open.push(name);
    handler.open(name, names.attributes(tag.attributes));
  });
  parser.on('closetag', () => {
    const name = open.pop();
    if (name === undefined) return;
    names.leave();
    handler.close(name);
  });
  parser.on('text', (text) => handler.text(text));
  parser.on('cdata', (text) => handler.text(text));

  let decoder: TextDecoder | undefined;
  for await (const chunk of chunks) {
    decoder ??= new TextDecoder(encodingOf(chunk));
    quietBytes += chunk.length;
    if (quietBytes > quietBytesMax) throw new UnreadableDocument('too-large', `the document has a text of more than ${quietBytesMax / 1_048_576} MB in one piece`);
    parser.write(decoder.decode(chunk, { stream: true }));
    if (handler.isDone?.() === true) return errors;
  }
  parser.write(decoder?.decode() ?? '');
  parser.close();
  // What a document that ends too early has left open is closed for its reader.
  for (let name = open.pop(); name !== undefined; name = open.pop()) handler.close(name);
  return errors;
}

/** A label that `TextDecoder` knows: by byte order mark, else as the XML declaration says, else UTF-8. */
function encodingOf(start: Uint8Array): string {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be';
  const declared = /^(?:\xef\xbb\xbf)?<\?xml[^>]{0,100}?encoding=["']([\w.:-]{1,40})["']/.exec(Buffer.from(start.subarray(0, 200)).toString('latin1'))?.[1];
  try {
    return declared === undefined || /^utf-?16$/i.test(declared) ? 'utf-8' : new TextDecoder(declared).encoding;
  } catch {
    return 'utf-8';
  }
}
