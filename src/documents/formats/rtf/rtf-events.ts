/** Who is told of the parts of an RTF document, in its order. */
export interface RtfHandler {
  openGroup(): void;
  closeGroup(): void;
  /** A control word with its number, if it has one. */
  control(word: string, value: number | undefined): void;
  /** One byte of text, written plainly or as `\'hh`. */
  byte(byte: number): void;
  /** A control symbol: `~`, `-`, `_`, `*` … */
  symbol(char: string): void;
  isDone(): boolean;
}

const wordCharsMax = 32;
const digitsMax = 10;

/** Takes an RTF document apart (RTF specification 1.9.1, "RTF Syntax"). Binary data is passed over by its length. It never fails. */
export function readRtfEvents(bytes: Uint8Array, handler: RtfHandler): void {
  let at = 0;
  while (at < bytes.length && !handler.isDone()) {
    const byte = bytes[at] ?? 0;
    at += 1;
    if (byte === 0x7b) handler.openGroup();
    else if (byte === 0x7d) handler.closeGroup();
    else if (byte === 0x5c) at = readControl(bytes, at, handler);
    else if (byte !== 0x0d && byte !== 0x0a && byte !== 0) handler.byte(byte);
  }
}

/** Reads what follows a backslash, and returns where it ends. */
function readControl(bytes: Uint8Array, start: number, handler: RtfHandler): number {
  let at = start;
  if (!isLetter(bytes[at])) {
    const symbol = bytes[at] ?? 0;
    if (symbol === 0x27) {
      const code = Number.parseInt(String.fromCharCode(bytes[at + 1] ?? 0x20, bytes[at + 2] ?? 0x20), 16);
      if (Number.isNaN(code)) return at + 1;
      handler.byte(code);
      return at + 3;
    }
    // A backslash before the end of a line is `\par`.
    if (symbol === 0x0d || symbol === 0x0a) handler.control('par', undefined);
    else handler.symbol(String.fromCharCode(symbol));
    return at + 1;
  }
  while (isLetter(bytes[at]) && at - start < wordCharsMax) at += 1;
  const word = String.fromCharCode(...bytes.subarray(start, at));
  const numberStart = at;
  if (bytes[at] === 0x2d) at += 1;
  while (isDigit(bytes[at]) && at - numberStart < digitsMax) at += 1;
  const value = at === numberStart ? undefined : Number.parseInt(String.fromCharCode(...bytes.subarray(numberStart, at)), 10);
  if (bytes[at] === 0x20) at += 1;
  if (word === 'bin') return at + Math.max(0, value ?? 0);
  handler.control(word, value === undefined || Number.isNaN(value) ? undefined : value);
  return at;
}

function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a));
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
