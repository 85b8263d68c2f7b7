import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractedContent } from './file-shape.ts';

const whole = (text: string, title?: string): unknown =>
  JSON.parse(Buffer.concat([...extractedContent({ filename: 'a "b".pdf' }, { text, mimeType: 'application/pdf', ...(title === undefined ? {} : { title }) })]).toString('utf8'));

describe('extractedContent', () => {
  it('is one JSON object, whatever the text holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, title) => {
        expect(whole(text, title)).toEqual({ content: text, file_type: 'application/pdf', filename: 'a "b".pdf', title, type: 'file' });
      }),
    );
  });

  it('cuts no character where it cuts a long text', () => {
    for (const lead of ['', 'x']) {
      const text = `${lead}${'😀"\n'.repeat(50_000)}`;
      expect(whole(text)).toMatchObject({ content: text, title: '' });
    }
  });
});
