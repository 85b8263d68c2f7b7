import { TextDecoder } from 'node:util';

/** Labels of `TextDecoder` by the charset of a font (RTF specification 1.9.1, "Font Table"). */
const charsets: Readonly<Record<number, string>> = {
  0: 'windows-1252', 77: 'macintosh', 128: 'shift_jis', 129: 'euc-kr', 134: 'gb18030', 136: 'big5', 161: 'windows-1253', 162: 'windows-1254',
  163: 'windows-1258', 177: 'windows-1255', 178: 'windows-1256', 186: 'windows-1257', 204: 'windows-1251', 222: 'windows-874', 238: 'windows-1250',
};
const codePages: Readonly<Record<number, string>> = {
  866: 'ibm866', 874: 'windows-874', 932: 'shift_jis', 936: 'gb18030', 949: 'euc-kr', 950: 'big5', 10000: 'macintosh', 10007: 'x-mac-cyrillic', 20866: 'koi8-r',
  54936: 'gb18030', 65001: 'utf-8',
};
const decoders = new Map<string, TextDecoder>();

/** The charset of fonts whose codes are places and not letters. */
export const symbolCharset = 2;

/** The label of a charset; undefined for those that say nothing, such as "default". */
export function encodingOfCharset(charset: number): string | undefined {
  return charsets[charset];
}

/** The label of a Windows code page; undefined if nothing here decodes it. */
export function encodingOfCodePage(page: number): string | undefined {
  return page >= 1250 && page <= 1258 ? `windows-${page}` : codePages[page];
}

/** Bytes as text by a label that the functions above have given. */
export function decodeBytes(bytes: Uint8Array, encoding: string): string {
  const decoder = decoders.get(encoding) ?? new TextDecoder(encoding);
  decoders.set(encoding, decoder);
  return decoder.decode(bytes);
}
