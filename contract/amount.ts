import { z } from 'zod';

/** Money on the wire: a decimal string of whole units, exact to nine places (`"0.0000006"`); never a float. */
export const amount = z.string().regex(/^-?\d{1,18}(\.\d{1,9})?$/, 'expected a decimal number as a string');

/** Money in a request: more than nothing, and below a billion units, so that sums of many stay exact. */
export const positiveAmount = z
  .string()
  .regex(/^(?=.*[1-9])\d{1,9}(\.\d{1,9})?$/, 'expected a positive amount such as "5.00", with at most 9 digits before the point and 9 after it');

/** ISO 4217 code, upper case. */
export const currency = z.string().regex(/^[A-Z]{3}$/, 'expected a currency code of three capital letters');
