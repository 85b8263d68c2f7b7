import { InvalidArgumentError } from 'commander';

/** How many rows to show, from 1 to 1000. Throws what commander tells as a wrong argument. */
export function parsePageLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > 1000) throw new InvalidArgumentError('Expected a number from 1 to 1000.');
  return limit;
}
