import { expect, it } from 'vitest';
import { inputOf } from './tool-input.ts';

it.each(['{"n":12345678901234567890}', '{"n":123456789.123456789123}', '{"n":0.12345678901234567}', '{"n":1.5e-999}', '{"n":-1234567.89012345678}'])('%s keeps its number', (written) => {
  expect(JSON.stringify(inputOf(written))).toBe(written);
});

it('what is no object, or one nested without end, stands in one as a text, and no text at all is an empty one', () => {
  const deep = '{"a":'.repeat(100) + '1' + '}'.repeat(100);
  for (const written of ['[1]', 'oops', '{"a":', 'null', deep]) expect(inputOf(written)).toEqual({ INVALID_JSON: written });
  expect(inputOf(' ')).toEqual({});
});
