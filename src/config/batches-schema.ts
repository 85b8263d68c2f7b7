import { z } from 'zod';

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'expected hours and minutes such as "23:30"');
const places = z.int().min(1).max(10_000);

/** `batches:` of moongate.yaml. */
export const batchesSchema = z
  .strictObject({
    concurrency: places.optional().describe('Lines of batches that a server runs at once, in all. Default 32.'),
    perUpstream: places.optional().describe('The same at one upstream, less one for each other call that runs there. Default 16.'),
    upstreams: z.record(z.string(), places).optional().describe('The same for single upstreams, by their id.'),
    hours: z
      .array(
        z.strictObject({
          from: time,
          to: time.describe('Earlier than from: on the next day.'),
          utcOffset: z.string().regex(/^[+-](0\d|1[0-4]):[0-5]\d$/, 'expected hours and minutes from UTC such as "+08:00"'),
        }),
      )
      .min(1)
      .optional()
      .describe('Hours of the day in which lines run: an upstream may cost less then, or have nothing else to do. Default: always.'),
    pollS: z.int().min(1).max(3600).optional().describe('How often, in seconds, an upstream that makes a batch by itself is asked how far it is. Default 60.'),
    linesMax: z.int().min(1).max(1_000_000).optional().describe('Most requests of one batch. Default 50000.'),
    openMax: z.int().min(1).max(100_000).optional().describe('Batches of one tenant that have not ended. Default 200.'),
  })
  .describe('Many requests in one file, answered within hours or days.');
