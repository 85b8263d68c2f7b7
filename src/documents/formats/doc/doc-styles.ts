import type { ParagraphRole } from '../markdown-writer.ts';
import type { DocFile } from './doc-file.ts';
import { docTables } from './doc-file.ts';
import { docProperties, readProperties } from './doc-properties.ts';

interface DocStyle {
  readonly built: number;
  readonly base: number;
  readonly name: string;
  readonly properties: ReadonlyMap<number, number>;
}

const titleStyle = 62;
const chainMax = 12;

/** The styles of a document by number ([MS-DOC] 2.9.271): built-in ones have numbers that no language changes. */
export class DocStyles {
  readonly #styles = new Map<number, DocStyle>();

  constructor(file: DocFile) {
    const sheet = file.entry(docTables.styles);
    if (sheet.length < 8) return;
    const headerBytes = sheet.readUInt16LE(0);
    const count = sheet.readUInt16LE(2);
    const baseBytes = sheet.readUInt16LE(4);
    let at = 2 + headerBytes;
    for (let number = 0; number < count && at + 2 <= sheet.length; number++) {
      const bytes = sheet.readUInt16LE(at);
      const style = bytes === 0 ? undefined : readStyle(sheet.subarray(at + 2, at + 2 + bytes), baseBytes);
      if (style !== undefined) this.#styles.set(number, style);
      at += 2 + bytes;
    }
  }

  /** What paragraphs of a style are, apart from lists. `outline` (from 0) is what the paragraph says itself. */
  role(number: number, outline: number | undefined): ParagraphRole {
    const level = outline ?? this.property(number, docProperties.outline) ?? this.#headingLevel(number);
    if (level !== undefined && level < 9) return { kind: 'heading', level: level + 1 };
    const style = this.#styles.get(number);
    if (style?.built === titleStyle) return { kind: 'heading', level: 1 };
    const isCode = ['html preformatted', 'preformatted text', 'source code', 'code'].includes(style?.name.toLowerCase() ?? '');
    return { kind: isCode ? 'code' : 'paragraph' };
  }

  /** A property that a style has, or those that it is based on. */
  property(number: number, code: number): number | undefined {
    for (const style of this.#chain(number)) {
      const value = style.properties.get(code);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #headingLevel(number: number): number | undefined {
    for (const { built, name } of this.#chain(number)) {
      if (built >= 1 && built <= 9) return built - 1;
      const named = /^heading ([1-9])$/i.exec(name)?.[1];
      if (named !== undefined) return Number(named) - 1;
    }
    return undefined;
  }

  *#chain(number: number): Generator<DocStyle> {
    let style = this.#styles.get(number);
    for (let depth = 0; style !== undefined && depth < chainMax; depth++) {
      yield style;
      style = this.#styles.get(style.base);
    }
  }
}

function readStyle(bytes: Buffer, baseBytes: number): DocStyle | undefined {
  if (bytes.length < baseBytes + 2 || baseBytes < 6) return undefined;
  const kind = bytes.readUInt16LE(2) & 15;
  const nameChars = bytes.readUInt16LE(baseBytes);
  const nameEnd = baseBytes + 2 + 2 * nameChars;
  const name = bytes.toString('utf16le', baseBytes + 2, Math.min(nameEnd, bytes.length));
  // The first formatting of a paragraph style is that of its paragraphs: a length, the style's own number, and properties.
  const at = nameEnd + 2;
  let properties: ReadonlyMap<number, number> = new Map();
  if (kind === 1 && at + 4 <= bytes.length) properties = readProperties(bytes.subarray(at + 4, at + 2 + bytes.readUInt16LE(at)));
  return { built: bytes.readUInt16LE(0) & 0x0fff, base: bytes.readUInt16LE(2) >> 4, name, properties };
}
