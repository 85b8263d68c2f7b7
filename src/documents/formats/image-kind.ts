export type ImageKind = 'png' | 'jpeg' | 'gif' | 'webp' | 'bmp' | 'tiff' | 'ico' | 'avif' | 'heic' | 'svg' | 'svgz' | 'xbm';

/** What each kind is called on the web. */
export const imageMimeTypes: Readonly<Record<ImageKind, string>> = {
  png: 'image/png', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', bmp: 'image/bmp', tiff: 'image/tiff', ico: 'image/x-icon', avif: 'image/avif',
  heic: 'image/heic', svg: 'image/svg+xml', svgz: 'image/svg+xml', xbm: 'image/x-xbitmap',
};

/** Which kind of image it is, by its first bytes; undefined when it is none. The ending tells only a compressed SVG from any other gzip. */
export function imageKindOf(buffer: Buffer, ending: string): ImageKind | undefined {
  return rasterKind(buffer) ?? drawnKind(buffer, ending);
}

function rasterKind(buffer: Buffer): ImageKind | undefined {
  const start = buffer.subarray(0, 16).toString('latin1');
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (start.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (/^GIF8[79]a/.test(start)) return 'gif';
  if (start.startsWith('RIFF') && start.slice(8, 12) === 'WEBP') return 'webp';
  if (start.startsWith('II*\0') || start.startsWith('MM\0*')) return 'tiff';
  // "BM" begins many a text; the size of the header that follows is one of a few.
  if (start.startsWith('BM') && buffer.length >= 26 && [12, 40, 52, 56, 64, 108, 124].includes(buffer.readUInt32LE(14))) return 'bmp';
  if (/^\0\0[\x01\x02]\0[^\0]\0/.test(start) && buffer.length >= 22) return 'ico';
  if (start.slice(4, 8) === 'ftyp') return /^(avif|avis)/.test(start.slice(8)) ? 'avif' : /^(heic|heix|hevc|mif1|msf1)/.test(start.slice(8)) ? 'heic' : undefined;
  return undefined;
}

function drawnKind(buffer: Buffer, ending: string): ImageKind | undefined {
  if (buffer[0] === 0x1f && buffer[1] === 0x8b) return ending === 'svgz' ? 'svgz' : undefined;
  const start = buffer.subarray(0, 1024).toString('latin1').replaceAll('\0', '').replace(/^[\xef\xbb\xbf\xfe\xff\s]+/, '').replace(/^(<\?xml[^>]*>|<!--[^]*?-->|<!DOCTYPE\s+svg[^>]*>|\s)+/i, '');
  if (/^<(\w+:)?svg[\s>]/.test(start)) return 'svg';
  return /^#define\s+\w+_width\s+\d+/.test(start) ? 'xbm' : undefined;
}
