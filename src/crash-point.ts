import { StartRefusal } from './base/start-refusal.ts';
import { batchCheckpoints } from './batches/batch-checkpoint.ts';
import { checkpoints } from './gateway/checkpoint.ts';

const places = [...checkpoints, ...batchCheckpoints] as const;

/** A place at which the process can be told to die. */
export type CrashPlace = (typeof places)[number];

/**
 * Makes the process die, as by kill -9, when a call or a batch passes a place for the n-th time: `MOONGATE_CRASH_AT=after-hold:7`. The
 * simulation of kills (`npm run sim:kills`) sets it, for deaths that a kill from outside would hardly ever hit. Undefined
 * text: never. Throws `StartRefusal` for what is no such place.
 */
export function crashAt(text: string | undefined, die: () => void): ((passed: CrashPlace) => void) | undefined {
  if (text === undefined) return undefined;
  const [name, count = '1'] = text.split(':');
  const point = places.find((one) => one === name);
  let left = Number(count);
  if (point === undefined || !Number.isSafeInteger(left) || left < 1) {
    throw new StartRefusal(`MOONGATE_CRASH_AT: expected <place>:<count>, the place one of ${places.join(', ')}`);
  }
  return (passed) => {
    if (passed !== point) return;
    left -= 1;
    if (left === 0) die();
  };
}
