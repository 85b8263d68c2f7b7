import type { Message } from './message.ts';

/** A conversation, cut where its oldest part may be left off: what is said from the start, and the turns after it. */
export interface Turns {
  /** System messages at the beginning. */
  readonly opening: readonly Message[];
  /** Each a message with the results of its calls, in order. */
  readonly turns: readonly (readonly Message[])[];
}

/** `messages` in turns: calls stay with their results, since one is refused without the other. */
export function turnsOf(messages: readonly Message[]): Turns {
  const start = messages.findIndex((message) => message.role !== 'system');
  const opening = start === -1 ? messages : messages.slice(0, start);
  const turns: Message[][] = [];
  for (const message of messages.slice(opening.length)) {
    const last = turns.at(-1);
    if (message.role === 'tool' && last !== undefined) last.push(message);
    else turns.push([message]);
  }
  return { opening, turns };
}

/**
 * `messages` without as many of the oldest turns as it takes for `fits` to hold, the last turn being kept whatever it says. `fits` is
 * asked a logarithmic number of times and must not say no to fewer turns than it said yes to.
 */
export async function withoutOldest(messages: readonly Message[], fits: (messages: readonly Message[]) => Promise<boolean>): Promise<readonly Message[]> {
  const { opening, turns } = turnsOf(messages);
  const without = (count: number): readonly Message[] => (count === 0 ? messages : [...opening, ...turns.slice(count).flat()]);
  let least = 0;
  let most = Math.max(0, turns.length - 1);
  while (least < most) {
    const middle = Math.floor((least + most) / 2);
    if (await fits(without(middle))) most = middle;
    else least = middle + 1;
  }
  return without(least);
}
