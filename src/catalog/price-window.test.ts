import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithin, overlapOf, toUtcSpan } from './price-window.ts';

const at = (time: string): number => Date.parse(`2026-11-01T${time}Z`);

describe('isWithin', () => {
  it.each([
    ['00:30', '08:30', '+08:00', '16:29:59.999', false],
    ['00:30', '08:30', '+08:00', '16:30:00.000', true],
    ['00:30', '08:30', '+08:00', '00:29:59.999', true],
    ['00:30', '08:30', '+08:00', '00:30:00.000', false],
    ['22:00', '06:00', '+00:00', '21:59:59.999', false],
    ['22:00', '06:00', '+00:00', '23:59:59.999', true],
    ['22:00', '06:00', '+00:00', '05:59:59.999', true],
    ['22:00', '06:00', '+00:00', '06:00:00.000', false],
    ['00:00', '24:00', '-05:00', '12:00:00.000', true],
    ['12:00', '24:00', '+00:00', '23:59:59.999', true],
    ['12:00', '24:00', '+00:00', '00:00:00.000', false],
    ['09:00', '10:00', '-03:30', '12:30:00.000', true],
    ['09:00', '10:00', '-03:30', '13:30:00.000', false],
  ])('from %s to %s at %s: %s is %s', (from, to, utcOffset, time, expected) => {
    expect(isWithin(toUtcSpan({ from, to, utcOffset }), at(time))).toBe(expected);
  });

  it('also holds before 1970', () => {
    expect(isWithin(toUtcSpan({ from: '23:00', to: '24:00', utcOffset: '+00:00' }), -1)).toBe(true);
  });
});

describe('overlapOf', () => {
  it.each([
    [[['00:00', '01:00', '+00:00'], ['01:00', '02:00', '+00:00']], undefined],
    [[['23:00', '01:00', '+00:00'], ['01:00', '23:00', '+00:00']], undefined],
    [[['00:00', '01:01', '+00:00'], ['01:00', '02:00', '+00:00']], { index: 1, earlier: 0 }],
    [[['23:00', '01:00', '+00:00'], ['00:59', '02:00', '+00:00']], { index: 1, earlier: 0 }],
    [[['01:00', '02:00', '+00:00'], ['09:30', '09:45', '+08:00']], { index: 1, earlier: 0 }],
    [[['01:00', '02:00', '+00:00'], ['01:00', '02:00', '+08:00'], ['00:00', '24:00', '+00:00']], { index: 2, earlier: 0 }],
  ] as const)('of %j is %j', (spans, expected) => {
    expect(overlapOf(spans.map(([from, to, utcOffset]) => ({ from, to, utcOffset })))).toEqual(expected);
  });

  it('law: spans overlap when a minute lies in both', () => {
    const time = fc.tuple(fc.nat({ max: 23 }), fc.constantFrom(0, 15, 59)).map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
    const span = fc.record({ from: time, to: time, utcOffset: fc.constantFrom('+00:00', '+05:45', '-11:00') }).filter(({ from, to }) => from !== to);
    fc.assert(
      fc.property(span, span, (one, other) => {
        const both = Array.from({ length: 1440 }, (_none, minute) => minute * 60_000).some((ms) => isWithin(toUtcSpan(one), ms) && isWithin(toUtcSpan(other), ms));
        expect(overlapOf([one, other]) !== undefined).toBe(both);
      }),
    );
  });
});
