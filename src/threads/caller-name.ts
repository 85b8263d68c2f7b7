import { Fault } from '../base/fault.ts';

/** With three bytes a character it is far from the 2,704 that a key of a Postgres index can have. */
const charsMax = 256;

/**
 * A name that a caller has chosen, and that rows are found by, in the form that it is stored in. Throws `invalid_request` for one that
 * is too long or empty; `field` is what the caller knows it as.
 */
export function newCallerName(name: string, field: string): string {
  if (name === '' || name.length > charsMax) {
    throw new Fault('invalid_request', { message: `Invalid request: ${field} must have 1 to ${charsMax} characters`, field });
  }
  return callerName(name);
}

/** A name to look for, in the form that it is stored in, the same on every database: Postgres has no NUL in texts, neither has halves of a pair. */
export function callerName(name: string): string {
  return name.replaceAll('\0', '\uFFFD').toWellFormed();
}
