import { z } from 'zod';
import { statedRateSchema } from '../catalog/exchange-rate.ts';
import { currencyCode } from '../catalog/price-entry-schema.ts';
import { sellRuleSchema } from '../catalog/sell-rule-schema.ts';

/** `money:` of `moongate.yaml`. */
export const moneySchema = z
  .strictObject({
    currency: currencyCode.optional().describe('Currency that prices are shown in when none is asked for. Default: each in its own.'),
    rates: z.array(statedRateSchema).optional().describe('Exchange rates: { from: EUR, to: USD, rate: "1.0867", date: 2026-10-30 }.'),
    ratesFile: z.string().min(1).optional().describe('CSV file with the header from,to,rate,date; its path begins at this file.'),
    feed: z.enum(['off', 'ecb', 'cbr']).optional().describe('Fetch the rates of a central bank: ecb (euro), cbr (Bank of Russia, ruble). Default off.'),
    staleDays: z.int().min(1).max(3650).optional().describe('From this age on a rate is stale. Default 7.'),
    staleRates: z.enum(['flag', 'refuse']).optional().describe('Use a stale rate and mark it (default), or refuse to convert.'),
    sell: z.array(sellRuleSchema).optional().describe('What callers are asked for. The first rule that is for a call holds; without one, it costs what the upstream charges.'),
  })
  .describe('Currencies, exchange rates, and what callers are asked for.');
