import { z } from 'zod';
import { priceEntrySchema } from './price-entry-schema.ts';

const word = z.string().min(1).max(200);

/** Above -100: a discount of all of it would be a gift, which is no price. */
const percent = z
  .string({ error: 'quote the percentage, so that it stays a decimal: "-20"' })
  .regex(/^[+-]?\d{1,4}(\.\d{1,2})?$/, 'a percentage with at most two decimal places, such as "-20" or "+12.5"')
  .refine((text) => Number(text) > -100, { error: 'expected more than -100 percent' });

const { list: _list, id: _id, ...priceFields } = priceEntrySchema.shape;

/** One rule of `money.sell`. */
export const sellRuleSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, "-" and "_"').describe('Your name for the rule; stored with each charge.'),
    tenant: word.exactOptional().describe('Name or id of the tenant; absent: all.'),
    key: word.exactOptional().describe('Id of the key (key_…); absent: all.'),
    model: word.exactOptional().describe('Any name of the model; absent: all.'),
    upstream: word.exactOptional().describe('Id of the upstream that answers; absent: all.'),
    basis: z.enum(['offer', 'official']).exactOptional().describe('offer: what the upstream charges (default). official: the list price of the maker.'),
    percent: percent.exactOptional().describe('On top of the basis; negative: a discount. Default "0".'),
    price: z.strictObject(priceFields).exactOptional().describe('A price of your own, in place of basis and percent.'),
  })
  .superRefine(({ basis, percent: given, price }, context) => {
    if (price !== undefined && (basis !== undefined || given !== undefined)) {
      context.addIssue({ code: 'custom', path: ['price'], message: 'expected either a price of its own, or basis and percent' });
    }
    if (price === undefined && basis === undefined && given === undefined) {
      context.addIssue({ code: 'custom', path: [], message: 'expected basis, percent or price: what is to be asked' });
    }
  });

export type SellRuleEntry = z.output<typeof sellRuleSchema>;
