import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type FormatText, type PictureReader, UnreadableDocument } from './format-reader.ts';
import { readImage } from './image.ts';

const limits = { textCharsMax: 100_000, unpackedBytesMax: 100_000, entriesMax: 1, depthMax: 20 };
const read = (bytes: Buffer, filename = 'a', pictures?: PictureReader): Promise<FormatText> => readImage({ bytes, filename, limits, ...(pictures === undefined ? {} : { pictures }) });

const png = (width: number, height: number): Buffer => {
  const head = Buffer.from('89504e470d0a1a0a0000000d4948445200000000000000000802000000', 'hex');
  head.writeUInt32BE(width, 16);
  head.writeUInt32BE(height, 20);
  return head;
};

/** The heads of images of 300 by 200 pixels, by hand from the formats' specifications. */
const heads: Readonly<Record<string, Buffer>> = {
  PNG: png(300, 200),
  GIF: Buffer.from('4749463839612c01c800', 'hex'),
  JPEG: Buffer.from('ffd8ffe000104a46494600010100000100010000fffec00003ffffc2001108 00c8 012c 03'.replaceAll(' ', '').replace('fffec00003', 'fe000362ff'.slice(0, 8)), 'hex'),
  BMP: Buffer.from(`424d00000000000000003600000028000000${'2c010000'}${'38ffffff'}`, 'hex'),
  WEBP: Buffer.from('524946460000000057454250565038580a000000000000002b0100c70000', 'hex'),
  TIFF: Buffer.from('4d4d002a00000008000201000003000000 01012c0000010100040000000 1000000c8'.replaceAll(' ', ''), 'hex'),
  ICO: Buffer.from(`000001000200${'1010000000000000'.padEnd(32, '0')}${'0000000000000000'.padEnd(32, '0')}`, 'hex'),
  AVIF: Buffer.concat([Buffer.from('0000001c6674797061766966', 'hex'), Buffer.from('....ispe\0\0\0\0'), Buffer.from('0000012c000000c8', 'hex')]),
};

describe('an image', () => {
  it('says how large it is, by its own head', async () => {
    for (const [kind, head] of Object.entries(heads)) {
      expect((await read(head)).text, kind).toBe(kind === 'ICO' ? '[Image: ICO, 256 × 256 pixels]' : `[Image: ${kind}, 300 × 200 pixels]`);
      for (let end = 3; end < head.length; end += 1) await read(head.subarray(0, end)).catch((thrown: unknown) => expect(thrown).toBeInstanceOf(UnreadableDocument));
    }
    expect((await read(Buffer.from('#define a_width 8\n#define a_height 9\n'))).text).toBe('[Image: XBM, 8 × 9 pixels]');
  });

  it('is read if something can, and noted if not', async () => {
    const seen: number[] = [];
    const pictures = (text: string | undefined): PictureReader => ({ read: (picture) => (seen.push(picture.length), Promise.resolve(text)) });
    expect(await read(png(30, 20), 'a', pictures('STOP'))).toMatchObject({ text: '[Image: PNG, 30 × 20 pixels]\n\nSTOP', notes: [expect.stringContaining('may have mistakes')] });
    expect((await read(png(30, 20), 'a', pictures(undefined))).notes).toEqual([expect.stringContaining('could not be recognised')]);
    expect((await read(png(30, 20), 'a', pictures(''))).notes).toEqual(['no text was recognised in the image']);
    expect((await read(png(30, 20))).notes).toEqual([expect.stringContaining('no tesseract')]);
    expect(seen).toHaveLength(3);
  });

  it('of nine hundred million pixels is not looked into', async () => {
    const pictures: PictureReader = { read: () => expect.fail('it was decoded') };
    expect((await read(png(30_000, 30_000), 'a', pictures)).notes).toEqual([expect.stringContaining('50 million pixels')]);
  });

  it('that is drawn says its texts', async () => {
    const svg = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="20mm" height="5mm"><title>Plan</title><style>.a{}</style><g><text>Nord <tspan>&amp;</tspan><tspan>Süd</tspan></text></g></svg>';
    const expected = { title: 'Plan', text: '[Image: SVG, 20mm × 5mm]\n\nPlan\n\nNord & Süd' };
    expect(await read(Buffer.from(svg))).toEqual(expected);
    expect(await read(gzipSync(svg), 'a.svgz')).toEqual(expected);
  });

  it('that is drawn to do harm is refused', async () => {
    const reason = (bytes: Buffer, name?: string): Promise<unknown> => read(bytes, name).catch((thrown: unknown) => (thrown as UnreadableDocument).reason);
    expect(await reason(gzipSync(Buffer.alloc(200_000, ' ')), 'a.svgz')).toBe('too-large');
    expect(await reason(Buffer.from(`<svg>${'<g>'.repeat(100)}`))).toBe('too-large');
    expect(await reason(Buffer.from('<svg><text>a</svg>'))).toBe('damaged');
    expect(await reason(Buffer.from('<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg><text>&a;</text></svg>'), 'a.svg')).not.toMatchObject({ text: expect.stringContaining('root') });
  });
});
