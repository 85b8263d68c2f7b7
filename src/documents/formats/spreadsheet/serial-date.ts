const dayMs = 86_400_000;
/** Day 0 of the two ways of counting (ECMA-376 part 1, 18.17.4.1). */
const epoch1900 = Date.UTC(1899, 11, 30);
const epoch1904 = Date.UTC(1904, 0, 1);
/** 9999-12-31. */
const serialMax = 2_958_466;

/**
 * A day number with its fraction as ISO 8601, with as much of it as the letters of its format show: `yymd` a date, `hm` a time, `[h]ms` a
 * duration. Undefined for what is no date: negative, or beyond the year 9999.
 */
export function dateText(serial: number, parts: string, isDate1904: boolean): string | undefined {
  if (!(serial >= 0 && serial < serialMax)) return undefined;
  const elapsed = /\[(h+|m+|s+)\]/.exec(parts)?.[1];
  if (elapsed !== undefined) return durationText(serial, parts);
  const hasSeconds = parts.includes('s');
  const hasTime = parts.includes('h') || hasSeconds;
  const hasDate = /[yd]/.test(parts) || (parts.includes('m') && !hasTime);
  // Times are kept as fractions: what is shown is rounded to what is shown, or 08:05 becomes 08:04.
  const unitMs = hasSeconds || !hasTime ? 1_000 : 60_000;
  const withinDay = hasDate && !hasTime ? Math.floor(serial + 1e-9) : serial;
  const ms = Math.round((withinDay * dayMs) / unitMs) * unitMs;
  // The calendar of 1900 has a 29th of February that never was; before it, days are one off (kept as Excel shows them).
  const shifted = !isDate1904 && serial < 60 && serial >= 1 ? ms + dayMs : ms;
  const iso = new Date((isDate1904 ? epoch1904 : epoch1900) + shifted).toISOString();
  const isYearOnly = /^[^md]*y/.test(parts) && !/[md]/.test(parts);
  const date = isYearOnly ? iso.slice(0, 4) : /y/.test(parts) && !parts.includes('d') ? iso.slice(0, 7) : iso.slice(0, 10);
  const time = iso.slice(11, hasSeconds ? 19 : 16);
  return hasDate && hasTime ? `${iso.slice(0, 10)} ${time}` : hasDate ? date : time;
}

function durationText(serial: number, parts: string): string {
  const hasSeconds = parts.includes('s');
  const seconds = Math.round(serial * 86_400);
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  return `${hours}:${two(minutes)}${hasSeconds ? `:${two(seconds % 60)}` : ''}`;
}
