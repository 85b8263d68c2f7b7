/** Beginnings of what images and films are sent as; `at`: where the bytes stand. */
const beginnings: readonly { readonly bytes: readonly number[]; readonly at?: number; readonly mediaType: string }[] = [
  { bytes: [0x89, 0x50, 0x4e, 0x47], mediaType: 'image/png' },
  { bytes: [0xff, 0xd8, 0xff], mediaType: 'image/jpeg' },
  { bytes: [0x47, 0x49, 0x46, 0x38], mediaType: 'image/gif' },
  { bytes: [0x42, 0x4d], mediaType: 'image/bmp' },
  { bytes: [0x57, 0x45, 0x42, 0x50], at: 8, mediaType: 'image/webp' },
  { bytes: [0x41, 0x56, 0x49, 0x20], at: 8, mediaType: 'video/x-msvideo' },
  { bytes: [0x1a, 0x45, 0xdf, 0xa3], mediaType: 'video/x-matroska' },
  { bytes: [0x46, 0x4c, 0x56, 0x01], mediaType: 'video/x-flv' },
  { bytes: [0x00, 0x00, 0x01, 0xba], mediaType: 'video/mpeg' },
];

/** Brands of an ISO media file (`ftyp` at 4), which holds pictures as well as films. */
const brands: Readonly<Record<string, string>> = { avif: 'image/avif', heic: 'image/heic', 'qt  ': 'video/quicktime', '3gp4': 'video/3gpp', '3gp5': 'video/3gpp' };

/** How many bytes of a file's beginning `sniffMedia` looks at. */
export const sniffedBytes = 16;

/** What the beginning of an image or a film says that it is (the kinds that Moonshot takes: moonshot-api.md 1.4); undefined: neither. */
export function sniffMedia(head: Uint8Array): string | undefined {
  const known = beginnings.find(({ bytes, at = 0 }) => bytes.every((byte, index) => head[at + index] === byte));
  if (known !== undefined) return known.mediaType;
  const ascii = (start: number): string => Buffer.from(head.subarray(start, start + 4)).toString('latin1');
  return ascii(4) === 'ftyp' ? (brands[ascii(8)] ?? 'video/mp4') : undefined;
}
