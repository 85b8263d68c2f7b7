import { extname } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type FormatInput, type FormatReader, type FormatText, UnreadableDocument } from './format-reader.ts';
import { type ImageSize, imageSizeOf } from './image-size.ts';
import { type ImageKind, imageKindOf } from './image-kind.ts';
import { svgText } from './svg-text.ts';
import { decodeText } from './text-encoding.ts';

/** Larger pictures are not decoded: 50 million pixels are 200 MB, and a picture of a page has ten. */
const pixelsMax = 50_000_000;

/** Of these the decoders of tesseract (Leptonica) know. */
const ocrKinds: ReadonlySet<ImageKind> = new Set(['png', 'jpeg', 'tiff', 'webp', 'bmp', 'gif']);

/** An image's kind and size, and the text in it: an SVG's own, any other's as far as it can be recognised. */
export const readImage: FormatReader = async (input) => {
  const buffer = Buffer.from(input.bytes.buffer, input.bytes.byteOffset, input.bytes.byteLength);
  const kind = imageKindOf(buffer, extname(input.filename).slice(1).toLowerCase());
  if (kind === undefined) throw new UnreadableDocument('unsupported', 'the image is of no kind that is known');
  if (kind === 'svg' || kind === 'svgz') return svg(input, kind === 'svgz');
  const size = kind === 'xbm' ? xbmSize(buffer) : imageSizeOf(buffer, kind);
  if (size === undefined) throw new UnreadableDocument('damaged', 'the image is cut short or damaged: it does not say how large it is');
  return raster(input, kind, size);
};

async function raster(input: FormatInput, kind: ImageKind, { width, height }: ImageSize): Promise<FormatText> {
  const head = `[Image: ${kind.toUpperCase()}, ${width} × ${height} pixels]`;
  if (width * height > pixelsMax) return { text: head, notes: [`the image has more than ${pixelsMax / 1_000_000} million pixels and was not looked into; send a smaller one`] };
  if (!ocrKinds.has(kind)) return { text: head, notes: [`text in ${kind.toUpperCase()} images is not recognised; send it as PNG or JPEG`] };
  if (input.pictures === undefined) return { text: head, notes: ['text in images is not recognised here: the server has no tesseract installed'] };
  const text = await input.pictures.read(input.bytes);
  if (text === undefined) return { text: head, notes: ['the text of the image could not be recognised'] };
  return text === '' ? { text: head, notes: ['no text was recognised in the image'] } : { text: `${head}\n\n${text}`, notes: ['the text was recognised in an image, and may have mistakes'] };
}

async function svg({ bytes, limits }: FormatInput, compressed: boolean): Promise<FormatText> {
  const source = decodeText(compressed ? unpack(bytes, limits.unpackedBytesMax) : bytes).text;
  const { title, size, lines } = svgText(source, limits);
  const head = `[Image: SVG${size === undefined ? '' : `, ${size}`}]`;
  return { ...(title === undefined ? {} : { title }), text: [head, ...lines].join('\n\n') };
}

function unpack(bytes: Uint8Array, bytesMax: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax });
  } catch (thrown) {
    const large = thrown instanceof RangeError;
    throw large
      ? new UnreadableDocument('too-large', `the image unfolds to more than ${Math.floor(bytesMax / 1_048_576)} MB`, thrown)
      : new UnreadableDocument('damaged', 'the image is cut short or damaged', thrown);
  }
}

function xbmSize(buffer: Buffer): ImageSize | undefined {
  const head = buffer.toString('latin1', 0, 1024);
  const of = (name: string): number => Number(new RegExp(`#define\\s+\\w+_${name}\\s+(\\d+)`).exec(head)?.[1] ?? NaN);
  const size = { width: of('width'), height: of('height') };
  return Number.isSafeInteger(size.width) && Number.isSafeInteger(size.height) ? size : undefined;
}
