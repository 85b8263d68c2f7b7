import { dateText } from './serial-date.ts';

/** One section of a format: what is shown of a number for which it is meant. */
interface Section {
  readonly condition: { readonly sign: string; readonly limit: number } | undefined;
  readonly kind: 'number' | 'date' | 'general';
  /** Of a date: its letters, without what is quoted. */
  readonly dateParts: string;
  readonly tokens: readonly Token[];
  readonly percents: number;
  readonly thousands: number;
  readonly isGrouped: boolean;
  readonly exponentDigits: number;
}

/** A literal, a place for a digit (`0`, `#`, `?`), the point, or the exponent. */
interface Token {
  readonly kind: 'literal' | 'digit' | 'point' | 'exponent' | 'text';
  readonly text: string;
}

const sectionsCache = new Map<string, readonly Section[]>();
const cacheMax = 2_000;
const formatCharsMax = 255;

/**
 * A number as its cell shows it (number formats of ECMA-376 part 1, 18.8.31; BIFF has the same). Dates and times are shown as ISO 8601, whatever
 * their order in the format: 03/04/2026 does not say which day it is. Fractions are shown as decimals.
 */
export function formatNumber(value: number, format: string, isDate1904 = false): string {
  if (!Number.isFinite(value)) return '';
  const sections = sectionsOf(format.slice(0, formatCharsMax));
  const index = sectionIndex(sections, value);
  const section = sections[index];
  if (section === undefined || section.kind === 'general') return generalNumber(value) + suffixOf(section);
  if (section.kind === 'date') return dateText(value, section.dateParts, isDate1904) ?? generalNumber(value);
  // A section for negative numbers writes its own sign.
  const isSigned = value < 0 && (index === 0 || section.condition !== undefined);
  const shown = section.exponentDigits > 0 ? exponentNumber(Math.abs(value), section) : fixedNumber(Math.abs(value), section);
  return (isSigned && /[1-9]/.test(shown) ? `-${shown}` : shown).trim();
}

/** A number as it is, without what binary fractions add: 0.30000000000000004 is 0.3. */
export function generalNumber(value: number): string {
  return String(Number(value.toPrecision(15))).replace('e', 'E');
}

function suffixOf(section: Section | undefined): string {
  return section?.tokens.filter((token) => token.kind === 'literal').map((token) => token.text).join('') ?? '';
}

function sectionIndex(sections: readonly Section[], value: number): number {
  const conditional = sections.findIndex(({ condition }) => condition !== undefined && holds(condition, value));
  if (conditional !== -1) return conditional;
  if (sections.some(({ condition }) => condition !== undefined)) return Math.max(0, sections.findIndex(({ condition }) => condition === undefined));
  if (value < 0 && sections.length > 1) return 1;
  return value === 0 && sections.length > 2 ? 2 : 0;
}

function holds({ sign, limit }: { readonly sign: string; readonly limit: number }, value: number): boolean {
  switch (sign) {
    case '<': return value < limit;
    case '<=': return value <= limit;
    case '>': return value > limit;
    case '>=': return value >= limit;
    case '=': return value === limit;
    default: return value !== limit;
  }
}

function sectionsOf(format: string): readonly Section[] {
  const known = sectionsCache.get(format);
  if (known !== undefined) return known;
  const sections = splitSections(format).slice(0, 4).map(parseSection);
  if (sectionsCache.size >= cacheMax) sectionsCache.clear();
  sectionsCache.set(format, sections);
  return sections;
}

function splitSections(format: string): string[] {
  const sections: string[] = [];
  let section = '';
  let closing = '';
  for (let at = 0; at < format.length; at++) {
    const char = format[at] ?? '';
    if (closing === '' && char === ';') {
      sections.push(section);
      section = '';
      continue;
    }
    if (closing === '' && (char === '\\' || char === '_' || char === '*')) {
      section += char + (format[at + 1] ?? '');
      at += 1;
      continue;
    }
    if (closing !== '') closing = char === closing ? '' : closing;
    else if (char === '"') closing = '"';
    else if (char === '[') closing = ']';
    section += char;
  }
  sections.push(section);
  return sections;
}

function parseSection(source: string): Section {
  const tokens: Token[] = [];
  let condition: Section['condition'];
  let dateParts = '';
  let percents = 0;
  let exponentDigits = 0;
  let isGrouped = false;
  let commas = 0;
  let isGeneral = false;
  const literal = (text: string): void => void tokens.push({ kind: 'literal', text });
  for (let at = 0; at < source.length; at++) {
    const char = source[at] ?? '';
    if (char === '"') {
      const end = source.indexOf('"', at + 1);
      literal(source.slice(at + 1, end === -1 ? source.length : end));
      at = end === -1 ? source.length : end;
    } else if (char === '\\') literal(source[(at += 1)] ?? '');
    else if (char === '_' || char === '*') at += 1;
    else if (char === '[') {
      const end = source.indexOf(']', at);
      const inside = source.slice(at + 1, end === -1 ? source.length : end);
      at = end === -1 ? source.length : end;
      const limit = /^(<=|>=|<>|<|>|=)(-?\d{1,30}(?:\.\d{1,30})?)$/.exec(inside);
      if (limit !== null) condition = { sign: limit[1] ?? '', limit: Number(limit[2]) };
      else if (inside.startsWith('$')) literal(inside.slice(1).split('-')[0] ?? '');
      else if (/^(h+|m+|s+)$/i.test(inside)) dateParts += `[${inside.toLowerCase()}]`;
    } else if (/^general/i.test(source.slice(at, at + 7))) {
      isGeneral = true;
      at += 6;
    } else if (char === '%') {
      percents += 1;
      literal('%');
    } else if (char === '0' || char === '#' || char === '?') {
      if (commas > 0) isGrouped = true;
      commas = 0;
      tokens.push({ kind: 'digit', text: char });
    } else if (char === ',' && tokens.some((token) => token.kind === 'digit')) commas += 1;
    else if (char === '.' && dateParts === '' && !tokens.some((token) => token.kind === 'point')) tokens.push({ kind: 'point', text: '.' });
    else if (/^e[+-]0/i.test(source.slice(at, at + 3))) {
      exponentDigits = /^0+/.exec(source.slice(at + 2))?.[0].length ?? 1;
      tokens.push({ kind: 'exponent', text: source[at + 1] ?? '+' });
      at += 1 + exponentDigits;
    } else if (/^(am\/pm|a\/p)/i.test(source.slice(at, at + 5))) {
      dateParts += 'h';
      at += source[at + 1] === '/' ? 2 : 4;
    } else if (/[ymdhsgeb]/i.test(char)) dateParts += char.toLowerCase();
    else if (char === '@') tokens.push({ kind: 'text', text: '@' });
    else literal(char);
  }
  const isDate = /[ymdhs]/.test(dateParts);
  const hasDigits = tokens.some((token) => token.kind === 'digit');
  const isFraction = hasDigits && tokens.some((token) => token.kind === 'literal' && token.text === '/');
  const kind = isDate ? 'date' : isGeneral || isFraction || tokens.some((token) => token.kind === 'text') ? 'general' : 'number';
  return {
    condition, kind, dateParts, percents, thousands: commas, isGrouped, exponentDigits,
    tokens: kind === 'general' && !isGeneral ? [] : tokens,
  };
}

function fixedNumber(value: number, section: Section): string {
  const point = section.tokens.findIndex((token) => token.kind === 'point');
  const before = point === -1 ? section.tokens : section.tokens.slice(0, point);
  const after = point === -1 ? [] : section.tokens.slice(point + 1);
  const places = after.filter((token) => token.kind === 'digit').length;
  const [whole, fraction] = roundDecimal(value, places, 2 * section.percents - 3 * section.thousands);
  const shownWhole = fillWhole(whole, before, section.isGrouped);
  const shownFraction = fillFraction(fraction, after);
  return shownWhole + (point !== -1 && /^\d/.test(shownFraction) ? '.' : '') + shownFraction;
}

function exponentNumber(value: number, section: Section): string {
  const point = section.tokens.findIndex((token) => token.kind === 'point');
  const at = section.tokens.findIndex((token) => token.kind === 'exponent');
  const places = point === -1 ? 0 : section.tokens.slice(point, at).filter((token) => token.kind === 'digit').length;
  const [mantissa = '', exponent = '0'] = value.toExponential(Math.min(places, 20)).split('e');
  const power = Number(exponent);
  return `${mantissa}E${power < 0 ? '-' : section.tokens[at]?.text === '+' ? '+' : ''}${String(Math.abs(power)).padStart(section.exponentDigits, '0')}`;
}

/** The digits of a number times a power of ten, before and after the point, rounded half up as spreadsheets do: in decimal, at 15 digits. */
function roundDecimal(value: number, places: number, power: number): [whole: string, fraction: string] {
  const [mantissa = '0', exponent = '0'] = value.toExponential(14).split('e');
  const digits = BigInt(mantissa.replace('.', ''));
  // value = digits × 10^(exponent - 14); wanted: value × 10^(power + places), as a whole number.
  const shift = Number(exponent) - 14 + power + Math.min(places, 30);
  const scaled = shift >= 0 ? digits * 10n ** BigInt(Math.min(shift, 400)) : roundedQuotient(digits, 10n ** BigInt(Math.min(-shift, 400)));
  const text = String(scaled).padStart(Math.min(places, 30) + 1, '0');
  const cut = text.length - Math.min(places, 30);
  return [text.slice(0, cut), text.slice(cut)];
}

function roundedQuotient(dividend: bigint, divisor: bigint): bigint {
  return (2n * dividend + divisor) / (2n * divisor);
}

function fillWhole(whole: string, tokens: readonly Token[], isGrouped: boolean): string {
  let left = whole === '0' ? '' : whole;
  let shown = '';
  let count = 0;
  const first = tokens.findIndex((token) => token.kind === 'digit');
  const put = (digit: string): void => {
    shown = digit + (isGrouped && count > 0 && count % 3 === 0 ? ',' : '') + shown;
    count += 1;
  };
  for (let at = tokens.length - 1; at >= 0; at--) {
    const token = tokens[at];
    if (token?.kind === 'literal') shown = token.text + shown;
    if (token?.kind !== 'digit') continue;
    const digit = left.slice(-1);
    left = left.slice(0, -1);
    if (digit !== '') put(digit);
    else if (token.text === '0') put('0');
    if (at !== first) continue;
    for (; left !== ''; left = left.slice(0, -1)) put(left.slice(-1));
  }
  return shown;
}

function fillFraction(fraction: string, tokens: readonly Token[]): string {
  let needed = 0;
  let place = 0;
  for (const token of tokens) {
    if (token.kind !== 'digit') continue;
    place += 1;
    if (token.text === '0' || (fraction[place - 1] ?? '0') !== '0') needed = place;
  }
  let shown = '';
  place = 0;
  for (const token of tokens) {
    if (token.kind === 'literal') shown += token.text;
    else if (token.kind === 'digit') {
      if (place < needed) shown += fraction[place] ?? '0';
      place += 1;
    }
  }
  return shown;
}
