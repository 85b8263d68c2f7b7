import type { RandomStream } from '../../../sim/random-stream.ts';
import type { CorpusFile } from '../corpus-files.ts';
import type { HostileFile } from './hostile-file.ts';

/** Good files, damaged by chance: bytes changed, pieces cut out, repeated or moved. What they give is harmless, or an error. */
export function mutantsOf(files: readonly CorpusFile[], count: number, random: RandomStream): readonly HostileFile[] {
  return Array.from({ length: count }, () => {
    const chosen = files[random.between(0, files.length - 1)];
    if (chosen === undefined) throw new Error('There is no file to damage');
    return { filename: chosen.file, attack: 'damaged by chance', outcome: 'harmless', make: (own) => damaged(chosen.bytes, own) };
  });
}

function damaged(bytes: Uint8Array, random: RandomStream): Uint8Array {
  let now = Buffer.from(bytes);
  for (let times = random.between(1, 6); times > 0; times -= 1) {
    const from = random.between(0, now.length - 1);
    const to = Math.min(now.length, from + random.between(1, 64));
    switch (random.between(0, 4)) {
      case 0: now[from] = random.between(0, 255); break;
      case 1: for (let at = from; at < to; at += 1) now[at] = random.between(0, 255); break;
      case 2: now = Buffer.concat([now.subarray(0, from), now.subarray(to)]); break;
      case 3: now = Buffer.concat([now.subarray(0, to), now.subarray(from)]); break;
      default: now = now.subarray(0, Math.max(1, now.length - random.between(1, 2000)));
    }
  }
  return now;
}
