import { describe, expect, it } from 'vitest';
import { priceEntrySchema } from './price-entry-schema.ts';

const row = { currency: 'USD', input: '0.60', output: '2.50' };
const tier = (promptTokensAbove: number): object => ({ promptTokensAbove, input: '1', output: '2' });
const window = (from: string, to: string, utcOffset = '+00:00'): object => ({ from, to, utcOffset, input: '1', output: '2' });

describe('a price row', () => {
  it('may state all that there is', () => {
    const full = {
      ...row, cacheRead: '0.1', cacheWrite: '1', cacheWrite1h: '2', batchInput: '0', batchCacheRead: '0.000001', batchOutput: '999999999.999999', cacheStoragePerHour: '0.017',
      perCall: { webSearch: '0.005' }, tiers: [tier(10), tier(11)],
      windows: [{ ...window('23:00', '01:00', '+08:00'), tiers: [tier(5)] }, window('01:00', '02:00', '+08:00')],
    };
    expect(priceEntrySchema.parse(full)).toEqual(full);
  });

  it.each([
    ['a sign', { input: '-1' }, 'input'],
    ['another sign', { input: '+1' }, 'input'],
    ['30 digits', { output: '123456789012345678901234567890' }, 'output'],
    ['30 places', { output: '0.123456789012345678901234567890' }, 'output'],
    ['seven places', { input: '0.1234567' }, 'input'],
    ['an exponent', { input: '1e3' }, 'input'],
    ['a comma', { input: '1,5' }, 'input'],
    ['a number that is not quoted', { input: 0.6 }, 'input'],
    ['an unknown currency', { currency: 'XXQ' }, 'currency'],
    ['a currency in small letters', { currency: 'usd' }, 'currency'],
    ['a sign by the call', { perCall: { webSearch: '-0.005' } }, 'perCall.webSearch'],
    ['a call that nobody charges', { perCall: { dance: '1' } }, 'perCall'],
    ['tiers that fall', { tiers: [tier(11), tier(10)] }, 'tiers.1.promptTokensAbove'],
    ['tiers that stay', { tiers: [tier(10), tier(10)] }, 'tiers.1.promptTokensAbove'],
    ['a tier from nothing on', { tiers: [tier(0)] }, 'tiers.0.promptTokensAbove'],
    ['a tier without output', { tiers: [{ promptTokensAbove: 5, input: '1' }] }, 'tiers.0.output'],
    ['no tiers at all', { tiers: [] }, 'tiers'],
    ['a window of no length', { windows: [window('01:00', '01:00')] }, 'windows.0.to'],
    ['a time that no clock has', { windows: [window('24:00', '01:00')] }, 'windows.0.from'],
    ['an offset that no place has', { windows: [window('00:00', '01:00', '+15:00')] }, 'windows.0.utcOffset'],
    ['an offset without a sign', { windows: [window('00:00', '01:00', '08:00')] }, 'windows.0.utcOffset'],
    ['windows that overlap', { windows: [window('00:00', '02:00'), window('09:00', '09:30', '+08:00')] }, 'windows.1.from'],
    ['a day that is none', { validFrom: '2026-02-31' }, 'validFrom'],
  ])('may not have %s', (_what, change, path) => {
    const { error } = priceEntrySchema.safeParse({ ...row, ...change });
    expect(error?.issues.map((issue) => issue.path.join('.'))).toContain(path);
  });

  it('says which windows overlap', () => {
    const { error } = priceEntrySchema.safeParse({ ...row, windows: [window('00:00', '01:00'), window('02:00', '04:00'), window('03:00', '05:00')] });
    expect(error?.issues[0]?.message).toContain('overlaps window 2');
  });
});
