import type { Currency } from './money.ts';

const known: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** Whether `code` is a currency of ISO 4217, in capitals, as this Node knows them. */
export function isCurrency(code: string): code is Currency {
  return known.has(code);
}
