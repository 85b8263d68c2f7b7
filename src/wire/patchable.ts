import type { JsonValue } from '../base/json.ts';

/** A JSON object that we own and may change: what `JSON.parse` has just made, or a copy. */
export interface PatchableObject {
  [key: string]: JsonValue;
}

/** `value` as an object to patch. Only for values that nobody else holds. */
export function isPatchable(value: unknown): value is PatchableObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
