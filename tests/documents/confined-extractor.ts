import { ConfinedExtractor } from '../../src/documents/reading/confined-extractor.ts';
import { Confinement, type ConfinementKind } from '../../src/documents/reading/confinement.ts';
import { readingSettings } from '../../src/documents/reading/reading-limits.ts';
import { readingProgram } from '../../src/documents/reading/reading-program.ts';

/** An extractor as a server has it, held by the strictest of `kinds` that works here. `none` leaves it the network. */
export async function confinedExtractor(concurrency: number, kinds: readonly ConfinementKind[] = ['bubblewrap', 'unshare']): Promise<{ readonly extractor: ConfinedExtractor; readonly confinement: Confinement }> {
  const confinement = await Confinement.probe(readingProgram(), process.env['PATH'], kinds);
  return { extractor: new ConfinedExtractor({ settings: readingSettings(concurrency, {}), confinement: Promise.resolve(confinement) }), confinement };
}
