const romans: readonly (readonly [number, string])[] = [
  [1000, 'M'], [900, 'CM'], [500, 'D'], [400, 'CD'], [100, 'C'], [90, 'XC'], [50, 'L'], [40, 'XL'], [10, 'X'], [9, 'IX'], [5, 'V'], [4, 'IV'], [1, 'I'],
];
const latin = 'abcdefghijklmnopqrstuvwxyz';
/** Without ё, й, ъ, ы, ь, as Word and LibreOffice count. */
const russian = 'абвгдежзиклмнопрстуфхцчшщэюя';
const chineseDigits = '零一二三四五六七八九';
const chineseUnits = ['', '十', '百', '千'];

/** The ways of counting that documents use; others are shown in digits. */
export type Counting =
  | 'decimal' | 'decimal-zero' | 'letter' | 'letter-upper' | 'roman' | 'roman-upper' | 'russian' | 'russian-upper' | 'chinese' | 'circled' | 'none';

/** The `count`-th label of a list, from 1. */
export function ordinalLabel(count: number, counting: Counting): string {
  if (counting === 'none') return '';
  if (count < 1 || count > 9_999) return String(count);
  switch (counting) {
    case 'decimal-zero': return String(count).padStart(2, '0');
    case 'letter': return letters(count, latin);
    case 'letter-upper': return letters(count, latin).toUpperCase();
    case 'roman': return roman(count).toLowerCase();
    case 'roman-upper': return roman(count);
    case 'russian': return letters(count, russian);
    case 'russian-upper': return letters(count, russian).toUpperCase();
    case 'chinese': return chinese(count);
    case 'circled': return count <= 20 ? String.fromCodePoint(0x245f + count) : String(count);
    default: return String(count);
  }
}

/** a … z, aa, bb …: the letter is repeated, as word processors do it. */
function letters(count: number, alphabet: string): string {
  return (alphabet[(count - 1) % alphabet.length] ?? '').repeat(Math.min(Math.ceil(count / alphabet.length), 20));
}

function roman(count: number): string {
  let left = count;
  let text = '';
  for (const [value, sign] of romans) {
    while (left >= value) {
      text += sign;
      left -= value;
    }
  }
  return text;
}

function chinese(count: number): string {
  const digits = [...String(count)].map(Number);
  let text = '';
  let isZeroDue = false;
  for (const [index, digit] of digits.entries()) {
    if (digit === 0) isZeroDue = text !== '';
    else {
      text += `${isZeroDue ? '零' : ''}${chineseDigits[digit] ?? ''}${chineseUnits[digits.length - 1 - index] ?? ''}`;
      isZeroDue = false;
    }
  }
  return count >= 10 && count < 20 ? text.slice(1) : text;
}
