import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNumber, generalNumber } from './number-format.ts';

describe('a number as its cell shows it', () => {
  // Shown so by Excel and by SheetJS; dates are ours.
  it.each<[number, string, string]>([
    [1234.5, 'General', '1234.5'], [0.1 + 0.2, 'General', '0.3'], [1e21, 'General', '1E+21'], [-3, 'General', '-3'],
    [1234.567, '#,##0.00', '1,234.57'], [1234567.891, '#,##0', '1,234,568'], [0.125, '0.0%', '12.5%'], [1.005, '0.00', '1.01'], [2.5, '0', '3'], [-2.5, '0', '-3'],
    [1234.5, '#,##0.00 "₽"', '1,234.50 ₽'], [-5, '"$"#,##0;("$"#,##0)', '($5)'], [-1234.5, '[$€-407] #,##0.00', '-€ 1,234.50'], [0, '0.00;-0.00;"none"', 'none'],
    [7, '000', '007'], [1234567, '0.0,,"M"', '1.2M'], [12345, '0.00E+00', '1.23E+04'], [0.00012, '0.0E+0', '1.2E-4'], [5551234, '000-0000', '555-1234'], [0.5, '#.##', '.5'], [3, '#.##', '3'],
    [150, '[>100]"high";"low"', 'high'], [50, '[>100]"high";"low"', 'low'], [-0.001, '0.00', '0.00'], [1.5, '# ?/?', '1.5'], [12, '0 \\k\\g', '12 kg'], [42, '@', '42'],
    [44197, 'm/d/yy', '2021-01-01'], [44197.75, 'yyyy-mm-dd hh:mm', '2021-01-01 18:00'], [0.5, 'h:mm AM/PM', '12:00'], [0.336805555555556, 'hh:mm', '08:05'], [1.5, '[h]:mm:ss', '36:00:00'],
    [44197, 'mmmm yyyy', '2021-01'], [44197, 'yyyy', '2021'], [59, 'yyyy-mm-dd', '1900-02-28'], [61, 'yyyy-mm-dd', '1900-03-01'], [44197, 'yyyy"年"m"月"d"日"', '2021-01-01'],
    [44197, '[$-419]d mmmm yyyy;@', '2021-01-01'], [-1, 'yyyy-mm-dd', '-1'],
  ])('%d in %s is %s', (value, format, shown) => expect(formatNumber(value, format)).toBe(shown));

  it('counts days from 1904 where the workbook does', () => expect(formatNumber(0, 'yyyy-mm-dd', true)).toBe('1904-01-01'));

  it('has as many decimals as its format, and is off by less than half of the last one', () => {
    fc.assert(fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.integer({ min: 1, max: 6 }), (value, decimals) => {
      const shown = formatNumber(value, `0.${'0'.repeat(decimals)}`);
      expect(shown).toMatch(new RegExp(`^-?\\d+\\.\\d{${decimals}}$`));
      expect(Math.abs(Number(shown) - value)).toBeLessThanOrEqual(0.5 * 10 ** -decimals + Math.abs(value) * 1e-14);
    }));
  });

  it('groups thousands without changing a digit', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 14 }), (value) => {
      const shown = formatNumber(value, '#,##0');
      expect(shown).toMatch(/^\d{1,3}(,\d{3})*$/);
      expect(Number(shown.replaceAll(',', ''))).toBe(value);
    }));
  });

  it('in no format is more than the number itself', () => {
    fc.assert(fc.property(fc.double({ noNaN: true }), (value) => {
      expect(Number(generalNumber(value))).toBeCloseTo(Number(value.toPrecision(15)), 12);
    }));
  });

  it('bears any format', () => {
    const part = fc.constantFrom('0', '#', '?', '.', ',', '%', 'E+', '"', '\\', '[', ']', ';', '_', '*', 'y', 'm', 'd', 'h', 's', '@', '/', 'General', '>', '1', '$-');
    fc.assert(fc.property(fc.array(part, { maxLength: 30 }), fc.double(), (parts, value) => {
      expect(typeof formatNumber(value, parts.join(''))).toBe('string');
    }));
  });
});
