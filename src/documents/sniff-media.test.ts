import { describe, expect, it } from 'vitest';
import { sniffMedia } from './sniff-media.ts';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('sniffMedia', () => {
  it.each([
    ['\x89PNG\r\n\x1a\n', 'image/png'],
    ['\xff\xd8\xff\xe0', 'image/jpeg'],
    ['GIF89a', 'image/gif'],
    ['RIFF\0\0\0\0WEBPVP8 ', 'image/webp'],
    ['RIFF\0\0\0\0AVI LIST', 'video/x-msvideo'],
    ['\x1a\x45\xdf\xa3', 'video/x-matroska'],
    ['\0\0\0\x20ftypisom', 'video/mp4'],
    ['\0\0\0\x14ftypqt  ', 'video/quicktime'],
    ['\0\0\0\x20ftypavif', 'image/avif'],
    ['\0\0\x01\xba', 'video/mpeg'],
  ])('knows %j', (head, mediaType) => {
    expect(sniffMedia(ascii(head))).toBe(mediaType);
  });

  it.each(['', 'GIF', '%PDF-1.7', 'RIFF\0\0\0\0WAVEfmt '])('takes %j for neither', (head) => {
    expect(sniffMedia(ascii(head))).toBeUndefined();
  });
});
