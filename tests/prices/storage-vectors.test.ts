import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { storageNanos } from '../../src/catalog/storage-rating.ts';

/** Worked out by a program that shares nothing with ours, as those of calls are: see docs/decisions/0013 and 0018. */
const vectors = z
  .array(z.strictObject({ tokens: z.int(), ratePerHour: z.string(), basisPoints: z.int(), exchangeRate: z.string(), ms: z.int(), nanos: z.string() }))
  .min(50)
  .parse(JSON.parse(readFileSync(new URL('storage-vectors.json', import.meta.url), 'utf8')));

it.each(vectors)('$tokens tokens at $ratePerHour for $ms ms, $basisPoints on top, at $exchangeRate', ({ tokens, ratePerHour, basisPoints, exchangeRate, ms, nanos }) => {
  expect(storageNanos({ tokens, ratePerHour, adjustBasisPoints: BigInt(basisPoints), exchangeRate }, ms)).toBe(BigInt(nanos));
});
