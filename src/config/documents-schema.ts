import { z } from 'zod';
import { concurrencyMax, memoryMbMin } from '../documents/reading/reading-limits.ts';

/** `documents:` of moongate.yaml. */
export const documentsSchema = z
  .strictObject({
    concurrency: z.int().min(1).max(concurrencyMax).exactOptional().describe(`Documents that are read at a time. Default: as many as there are processors, from 2 to ${concurrencyMax}.`),
    spares: z.int().min(0).max(concurrencyMax).exactOptional().describe('Processes that are kept ready for the next documents, some 50 MB each, for ten minutes after the last one. Default 2.'),
    waitingMax: z.int().min(0).max(10_000).exactOptional().describe('Documents that may wait for their turn; one more is refused with 503. Default 100.'),
    memoryMb: z.int().min(memoryMbMin).max(65_536).exactOptional().describe('What the process that reads a document may take, in MiB; Node takes some 550 of it. Default 768.'),
    timeMs: z.int().min(1000).max(600_000).exactOptional().describe('How long the reading of a document may take. Default 30000.'),
    textCharsMax: z.int().min(1000).max(200_000_000).exactOptional().describe('At which length the text of a document is cut, in characters. Default 20971520.'),
  })
  .describe('How the text of uploaded documents is read.');
