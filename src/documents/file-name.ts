const bytesMax = 255;
const endingCharsMax = 16;
const nameless = 'file';
/** Controls, NUL among them; what turns the direction of writing or cannot be seen; line separators. */
const unshowable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * What a caller calls a file, made harmless: its last segment, without what cannot be seen, at most 255 bytes of UTF-8 of which the
 * ending is kept. Names are only ever shown; nothing on a disk is called by them.
 */
export function harmlessFilename(given: string): string {
  const segment = given.toWellFormed().split(/[/\\]/).at(-1) ?? '';
  const name = segment.replace(unshowable, '').trim();
  if (/^\.*$/.test(name)) return nameless;
  if (Buffer.byteLength(name) <= bytesMax) return name;
  const ending = /\.[^.]{1,16}$/u.exec(name)?.[0] ?? '';
  const room = bytesMax - Buffer.byteLength(ending);
  let stem = '';
  let bytes = 0;
  for (const character of name.slice(0, name.length - ending.length)) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    stem += character;
  }
  return stem + ending;
}

/** How a name ends, in lower case without the dot, if that is plain: `pdf`. Empty when it does not. */
export function endingOf(filename: string): string {
  const ending = /\.([A-Za-z0-9]+)$/.exec(filename)?.[1] ?? '';
  return ending.length > endingCharsMax ? '' : ending.toLowerCase();
}
