import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairTurns } from './fair-turns.ts';

/** Asks for turns, and writes down who has got them or was refused. */
class Askers {
  readonly turns: FairTurns;
  readonly had: string[] = [];

  constructor(concurrency: number, waitingMax: number) {
    this.turns = new FairTurns({ concurrency, waitingMax });
  }

  ask(owner: string, name = owner, signal?: AbortSignal): void {
    this.turns.enter(owner, signal).then(() => this.had.push(name), (fault: unknown) => this.had.push(`${name} ${String((fault as { code: string }).code)}`));
  }

  /** Whose turns were given since the last time. */
  async taken(): Promise<readonly string[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.had.splice(0);
  }
}

describe('turns', () => {
  it('are all one owner’s as long as nobody else wants any, and then half of them', async () => {
    const askers = new Askers(4, 100);
    for (let count = 0; count < 10; count += 1) askers.ask('a');
    expect(await askers.taken()).toEqual(['a', 'a', 'a', 'a']);
    for (let count = 0; count < 3; count += 1) askers.ask('b');
    for (let count = 0; count < 4; count += 1) askers.turns.leave('a');
    // At first two of `b`'s, since `a` still had its half; then it is `a`'s turn again.
    expect(await askers.taken()).toEqual(['b', 'b', 'a', 'a']);
    askers.turns.leave('b');
    askers.turns.leave('a');
    expect(await askers.taken()).toEqual(['b', 'a']);
  });

  it('go round among the owners, and in the order of arrival within one', async () => {
    const askers = new Askers(1, 100);
    askers.ask('a', 'a0');
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) askers.ask(name.charAt(0), name);
    const order = [...(await askers.taken())];
    for (let count = 0; count < 6; count += 1) {
      askers.turns.leave(order.at(-1)?.charAt(0) ?? '');
      order.push(...(await askers.taken()));
    }
    // The round begins with who came first.
    expect(order).toEqual(['a0', 'a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('are not waited for by more than a quarter of the queue of one owner, nor by more than the queue of all', async () => {
    const askers = new Askers(1, 8);
    askers.ask('a');
    for (let count = 0; count < 3; count += 1) askers.ask('a');
    expect(await askers.taken()).toEqual(['a', 'a documents_busy']);
    for (const owner of ['b', 'c', 'd']) for (let count = 0; count < 2; count += 1) askers.ask(owner);
    expect(await askers.taken()).toEqual([]);
    askers.ask('e');
    expect(await askers.taken()).toEqual(['e documents_busy']);
  });

  it('are left by who is gone, and refused when it is over', async () => {
    const askers = new Askers(1, 8);
    askers.ask('a');
    const leaving = new AbortController();
    askers.ask('b', 'b1', leaving.signal);
    askers.ask('b', 'b2');
    leaving.abort();
    expect(await askers.taken()).toEqual(['a', 'b1 caller_gone']);
    askers.turns.leave('a');
    expect(await askers.taken()).toEqual(['b2']);
    askers.ask('c');
    askers.turns.close();
    askers.ask('d');
    expect([...(await askers.taken())].toSorted()).toEqual(['c shutting_down', 'd shutting_down']);
  });

  it('are given whenever there is a place, to everybody who waits', async () => {
    const act = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean());
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(act, { maxLength: 30 }), async (concurrency, acts) => {
        const askers = new Askers(concurrency, 1_000);
        const running: string[] = [];
        let waiting = 0;
        for (const [owner, asks] of acts) {
          if (asks) {
            askers.ask(owner);
            waiting += 1;
          } else {
            const [leaver] = running.splice(0, 1);
            if (leaver !== undefined) askers.turns.leave(leaver);
          }
          const taken = await askers.taken();
          running.push(...taken);
          waiting -= taken.length;
          expect(running.length <= concurrency && (waiting === 0 || running.length === concurrency)).toBe(true);
        }
        while (running.length > 0) {
          askers.turns.leave(running.shift() ?? '');
          const taken = await askers.taken();
          running.push(...taken);
          waiting -= taken.length;
        }
        expect(waiting).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
