import { expect, it } from 'vitest';
import { handedGenerationId, lineOfVendorId, vendorIdOf } from './handed-line.ts';

it('names lines for the vendor by their place alone, and reads nothing else back', () => {
  for (const line of [0, 1, 49_999]) expect(lineOfVendorId(vendorIdOf(line))).toBe(line);
  for (const other of ['', 'line-', 'line-01', 'line--1', 'line-1 ', 'id-1', 'line-99999999']) expect(lineOfVendorId(other)).toBeUndefined();
});

it('gives the call of a line one id, whoever asks, and no other line the same', () => {
  const batch = { id: 'batch_0199aabbccdd00112233445566778899' as const, createdMs: 0x0199aabbccdd };
  const ids = Array.from({ length: 200 }, (_, line) => handedGenerationId(batch, line));
  expect(handedGenerationId(batch, 7)).toBe(ids[7]);
  expect(new Set(ids).size).toBe(200);
  expect(ids[0]).toMatch(/^gen_0199aabbccdd[0-9a-f]{20}$/);
  expect(handedGenerationId({ ...batch, id: 'batch_0199aabbccdd00112233445566778890' }, 7)).not.toBe(ids[7]);
});
