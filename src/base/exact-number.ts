import type { JsonValue } from './json.ts';
import { formatNanos, type Nanos } from './money.ts';

declare global {
  interface JSON {
    /** ECMAScript's JSON.parse source text access, in Node since 21; the compiler's library does not know it yet. */
    rawJSON(text: string): { readonly rawJSON: string };
  }
}

/**
 * An amount as a JSON number of whole units that `JSON.stringify` writes digit by digit: `exactNumber(1_230_000n)` is written
 * `0.00123`. A double would be off from 16 digits on, and write small amounts as `1e-9`. Only to be written, not to be read.
 */
export function exactNumber(amount: Nanos): JsonValue {
  return JSON.rawJSON(formatNanos(amount));
}
