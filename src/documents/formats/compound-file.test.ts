import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../tests/doubles/document-limits.ts';
import { rawCompound } from '../../../tests/documents/hostile/raw-compound.ts';
import { CompoundFile } from './compound-file.ts';
import { readDoc } from './doc/read-doc.ts';
import type { FormatReader } from './format-reader.ts';
import { readPpt } from './ppt/read-ppt.ts';
import { readXls } from './xls/read-xls.ts';

const corpus = join(import.meta.dirname, '../../../tests/documents/corpus');

describe('a compound file', () => {
  it('gives the streams at its top, by names in any case', () => {
    const file = new CompoundFile(rawCompound([{ name: 'Workbook', data: Buffer.from('cells') }, { name: 'Other', data: Buffer.alloc(9_000, 'o') }]));
    expect(String(file.stream('WORKBOOK')?.subarray(0, 5))).toBe('cells');
    expect(file.stream('Other')?.subarray(0, 9_000).equals(Buffer.alloc(9_000, 'o'))).toBe(true);
    expect(file.has('none')).toBe(false);
  });

  it('has an end, also where its chains have none', () => {
    const file = new CompoundFile(rawCompound([{ name: 'Workbook', data: Buffer.alloc(8_192) }], (fat) => fat.fill(1, 1, 10)));
    expect(file.stream('Workbook')?.length).toBeLessThanOrEqual(8_192);
  });

  it.each([[readDoc, 'encrypted'], [readXls, 'encrypted'], [readPpt, 'encrypted']] as const)('with a later document in it that has a password is encrypted', async (read, reason) => {
    await expect(read(documentInput(rawCompound([{ name: 'EncryptedPackage', data: Buffer.alloc(10) }])))).rejects.toMatchObject({ reason });
  });
});

describe.each<[string, FormatReader, string, RegExp]>([
  ['library-night.libreoffice.doc', readDoc, 'WordDocument', /^# .+\n/],
  ['kiosk.xlwt.xls', readXls, 'Workbook', /^## .+\n\n\| .+ \|\n\| --- /],
  ['clockmakers.libreoffice.ppt', readPpt, 'PowerPoint Document', /^<!-- slide 1 -->\n\n# .+\n/],
])('%s', (name, read, stream, start) => {
  const whole = readFileSync(join(corpus, name));

  it('is read with its headings and tables', async () => {
    expect((await read(documentInput(whole))).text).toMatch(start);
  });

  it('gives text or an error that says why, wherever it is cut or changed', async () => {
    const place = new CompoundFile(whole).stream(stream)?.length ?? 0;
    expect(place).toBeGreaterThan(0);
    for (let mutant = 0; mutant < 60; mutant++) {
      const bytes = Buffer.from(mutant % 3 === 0 ? whole.subarray(0, Math.floor((whole.length * mutant) / 60)) : whole);
      for (let change = 0; change < 20 && bytes.length > 0; change++) bytes[(mutant * 7_919 + change * 104_729) % bytes.length] = (mutant * 31 + change * 17) % 256;
      const outcome = await read(documentInput(bytes)).then((one) => typeof one.text, (error: Error) => error.name);
      expect(['string', 'UnreadableDocument', 'RangeError']).toContain(outcome);
    }
  });
});
