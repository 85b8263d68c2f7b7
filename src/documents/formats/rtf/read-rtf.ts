import type { FormatReader } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import { readRtfEvents } from './rtf-events.ts';
import { RtfText } from './rtf-text.ts';

/** Reads a document in Rich Text Format. Pictures and embedded objects are left out. Throws `UnreadableDocument`. */
export const readRtf: FormatReader = async ({ bytes, limits }) => {
  const start = Buffer.from(bytes.subarray(0, 100)).toString('latin1').trimStart();
  if (!start.startsWith('{\\rtf') && !start.startsWith('\u00ef\u00bb\u00bf{\\rtf')) throw new UnreadableDocument('damaged', 'the document is damaged: it is not in Rich Text Format; save it anew and send it again');
  const writer = new MarkdownWriter(limits.textCharsMax);
  const text = new RtfText(writer, limits.textCharsMax, limits.depthMax);
  readRtfEvents(bytes, text);
  text.finish();
  for (const footer of text.footers) writer.paragraph(footer);
  const read = writer.finish();
  return { ...(text.title === '' ? {} : { title: text.title }), text: read.text, notes: read.notes };
};
