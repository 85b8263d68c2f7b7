import type { Caller } from '../../src/access/caller.ts';

let last = 0;

/** A caller that no other test has: of a tenant and a key of its own, unless it is told. */
export function limitedCaller(terms: Partial<Caller>): Caller {
  last += 1;
  return { tenantId: `ten_${process.pid}_${last}`, keyId: `key_${process.pid}_${last}`, mode: 'live', ...terms };
}
