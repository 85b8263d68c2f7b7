import { detect } from 'chardet';

/** A declaration stands within the first 1,024 bytes (HTML standard, 13.2.3.2); some pages are late. */
const declarationBytesMax = 4_096;
const guessBytesMax = 65_536;

/**
 * A web page as text: by byte order mark, else as UTF-8 if it is that, else as it declares itself, else by what its bytes look like. Valid UTF-8 goes
 * before a declaration since pages that were saved anew often keep the old one.
 */
export function decodeHtml(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  const declared = declaredEncoding(bytes);
  const isSevenBit = declared !== undefined && /^iso-2022|^hz/i.test(declared);
  try {
    if (!isSevenBit) return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // Not UTF-8.
  }
  return new TextDecoder(declared ?? guessedEncoding(bytes)).decode(bytes);
}

/** Whether a page is written by the rules of XML, where any element may close itself. */
export function isXhtml(page: string): boolean {
  const start = page.slice(0, 1_000).trimStart();
  return start.startsWith('<?xml') || /<html[^>]{0,300}xmlns=["']http:\/\/www\.w3\.org\/1999\/xhtml/i.test(start);
}

function declaredEncoding(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, declarationBytesMax)).toString('latin1');
  const label = /<meta[^>]{0,400}?charset\s{0,5}=\s{0,5}["']?\s{0,5}([\w.:-]{2,40})/i.exec(start)?.[1] ?? /^<\?xml[^>]{0,100}?encoding=["']([\w.:-]{2,40})/.exec(start)?.[1];
  return label === undefined ? undefined : knownEncoding(label);
}

function guessedEncoding(bytes: Uint8Array): string {
  const guess = detect(bytes.subarray(0, guessBytesMax));
  return (guess === null ? undefined : knownEncoding(guess)) ?? 'windows-1252';
}

/** The label by its proper name; undefined if nothing here decodes it, or if it cannot be: a page in UTF-16 does not declare itself in ASCII. */
function knownEncoding(label: string): string | undefined {
  try {
    const { encoding } = new TextDecoder(label);
    return encoding.startsWith('utf-') ? undefined : encoding;
  } catch {
    return undefined;
  }
}
