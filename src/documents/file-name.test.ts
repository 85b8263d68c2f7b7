import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endingOf, harmlessFilename } from './file-name.ts';

describe('a file name', () => {
  it('is harmless, whatever it was: one segment, short, visible, and harmless again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (given) => {
        const name = harmlessFilename(given);
        expect(name).not.toMatch(/[/\\\p{Cc}\p{Cf}\p{Cs}]/u);
        expect(name).not.toMatch(/^\.*$/);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
        expect(harmlessFilename(name)).toBe(name);
      }),
    );
  });

  it.each([
    ['report.pdf', 'report.pdf', 'pdf'],
    ['../../etc/passwd', 'passwd', ''],
    ['C:\\temp\\NUL.TXT', 'NUL.TXT', 'txt'],
    ['a\0b.md', 'ab.md', 'md'],
    ['\u202efdp.exe', 'fdp.exe', 'exe'],
    ['.env', '.env', 'env'],
    ['...', 'file', ''],
    ['отчёт.ДОК', 'отчёт.ДОК', ''],
    [`${'長'.repeat(100)}.xlsx`, `${'長'.repeat(83)}.xlsx`, 'xlsx'],
  ])('%j becomes %j, and ends in %j', (given, name, ending) => {
    expect(harmlessFilename(given)).toBe(name);
    expect(endingOf(name)).toBe(ending);
  });
});
