const dates = 'yyyy/m/d';
const times = 'h:mm';

/** Formats that a workbook refers to by number without stating them (ECMA-376 part 1, 18.8.30); those of East Asian languages by what they mean. */
export const builtInFormats: Readonly<Record<number, string>> = {
  0: 'General', 1: '0', 2: '0.00', 3: '#,##0', 4: '#,##0.00', 5: '"$"#,##0;("$"#,##0)', 6: '"$"#,##0;("$"#,##0)', 7: '"$"#,##0.00;("$"#,##0.00)',
  8: '"$"#,##0.00;("$"#,##0.00)', 9: '0%', 10: '0.00%', 11: '0.00E+00', 12: '# ?/?', 13: '# ??/??', 14: 'mm-dd-yy', 15: 'd-mmm-yy', 16: 'd-mmm',
  17: 'mmm-yy', 18: 'h:mm AM/PM', 19: 'h:mm:ss AM/PM', 20: 'h:mm', 21: 'h:mm:ss', 22: 'm/d/yy h:mm', 27: dates, 28: dates, 29: dates, 30: dates,
  31: dates, 32: times, 33: 'h:mm:ss', 34: times, 35: 'h:mm:ss', 36: dates, 37: '#,##0;(#,##0)', 38: '#,##0;(#,##0)', 39: '#,##0.00;(#,##0.00)',
  40: '#,##0.00;(#,##0.00)', 41: '#,##0;(#,##0);-', 42: '"$"#,##0;("$"#,##0);"$"-', 43: '#,##0.00;(#,##0.00);-', 44: '"$"#,##0.00;("$"#,##0.00);"$"-',
  45: 'mm:ss', 46: '[h]:mm:ss', 47: 'mm:ss', 48: '##0.0E+0', 49: '@', 50: dates, 51: dates, 52: dates, 53: dates, 54: dates, 55: times, 56: times,
  57: dates, 58: dates,
};
