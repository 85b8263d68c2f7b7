import type { Random } from '../../../base/random.ts';

/** A new id of an item, with that prefix (`msg`, `rs`, `fc` …). */
export function newItemId(prefix: string, random: Random): string {
  return `${prefix}_${random.bytes(16).toString('hex')}`;
}
