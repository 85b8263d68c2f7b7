import type { FormatReader } from './format-reader.ts';
import { decodeText } from './text-encoding.ts';

/** Text, Markdown, JSON, YAML and source code: as they are, in whatever encoding, with one kind of line end. */
export const readPlainText: FormatReader = async ({ bytes, limits }) => {
  const { text, encoding } = decodeText(bytes);
  const whole = text.replace(/\r\n?/g, '\n');
  const notes = encoding === 'utf-8' ? [] : [`read as ${encoding}`];
  if (whole.length <= limits.textCharsMax) return { text: whole, notes };
  return { text: whole.slice(0, limits.textCharsMax), notes: [...notes, `the text was cut after ${limits.textCharsMax} characters`] };
};
