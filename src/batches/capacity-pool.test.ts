import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import type { Random } from '../base/random.ts';
import { InteractiveLoad } from '../gateway/interactive-load.ts';
import { CapacityPool, type Demand, type Place, PoolPause, type PoolParts } from './capacity-pool.ts';

const random: Random = { bytes: (count) => Buffer.alloc(count) };
const demand = (over: Partial<Demand> = {}): Demand => ({ tenantId: 't', group: 'b', keyId: 'k', upstreamId: 'u', ...over });

let clock: ManualClock;
let load: InteractiveLoad;
/** Who has got in, in order. */
let entered: string[];
let places: Map<string, Place>;
let refused: Map<string, unknown>;

beforeEach(() => {
  clock = new ManualClock();
  load = new InteractiveLoad();
  entered = [];
  places = new Map();
  refused = new Map();
});

function poolOf(over: Partial<PoolParts> = {}): CapacityPool {
  return new CapacityPool({ clock, random, concurrency: 4, placesAt: () => 4, load, isOpen: () => true, ...over });
}

function ask(pool: CapacityPool, name: string, wanted: Demand = demand(), signal = new AbortController().signal): void {
  pool.enter(wanted, signal).then((place) => (entered.push(name), places.set(name, place)), (thrown: unknown) => refused.set(name, thrown));
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function leave(...names: string[]): Promise<void> {
  for (const name of names) places.get(name)?.leave();
  await settled();
}

async function after(ms: number): Promise<void> {
  clock.advance(ms);
  await settled();
}

describe('the pool', () => {
  it('lets in as many as there are places, in all and at each upstream', async () => {
    const pool = poolOf({ concurrency: 3, placesAt: (id) => (id === 'narrow' ? 1 : 3) });
    for (const name of ['n1', 'n2']) ask(pool, name, demand({ upstreamId: 'narrow' }));
    for (const name of ['w1', 'w2', 'w3']) ask(pool, name, demand({ upstreamId: 'wide' }));
    await settled();
    expect(entered).toEqual(['n1', 'w1', 'w2']);
    await leave('w1');
    expect(entered.slice(3)).toEqual(['w3']);
    await leave('n1', 'w2');
    expect(entered.slice(4)).toEqual(['n2']);
  });

  it('lets tenants take turns, and batches within a tenant', async () => {
    const pool = poolOf({ concurrency: 1 });
    ask(pool, 'first');
    for (const name of ['a1', 'a2', 'a3']) ask(pool, name, demand({ tenantId: 'a', group: 'one' }));
    for (const name of ['a4', 'a5']) ask(pool, name, demand({ tenantId: 'a', group: 'other' }));
    for (const name of ['b1', 'b2']) ask(pool, name, demand({ tenantId: 'b' }));
    await settled();
    for (let turn = 0; turn < 8; turn += 1) await leave(entered.at(-1) ?? '');
    expect(entered).toEqual(['first', 'a1', 'b1', 'a4', 'b2', 'a2', 'a5', 'a3']);
  });

  it('yields its places at an upstream to calls that run there, but for one', async () => {
    const pool = poolOf();
    const ends = [1, 2, 3].map(() => load.running('u'));
    for (const name of ['1', '2', '3']) ask(pool, name);
    await settled();
    expect(entered).toEqual(['1']);
    for (const end of ends) end();
    await after(100);
    expect(entered).toEqual(['1', '2', '3']);
  });

  it('begins nothing of a tenant while a call of it waits to be let in', async () => {
    const pool = poolOf();
    const end = load.waiting('t');
    ask(pool, 'mine');
    ask(pool, 'other', demand({ tenantId: 'other' }));
    await settled();
    expect(entered).toEqual(['other']);
    end();
    await after(100);
    expect(entered).toEqual(['other', 'mine']);
  });

  it('begins nothing while the event loop is late, if something is under way', async () => {
    const late = new ManualClock();
    const pool = poolOf({ clock: { ...late, nowMs: () => late.nowMs(), monotonicMs: () => late.monotonicMs() + lagMs, after: (ms, task) => late.after(ms, task) } });
    let lagMs = 0;
    ask(pool, 'first');
    await settled();
    lagMs = 60;
    late.advance(100);
    ask(pool, 'second');
    await settled();
    expect(entered).toEqual(['first']);
    late.advance(100);
    await settled();
    expect(entered).toEqual(['first', 'second']);
  });

  it('stops for as long as a refusal says, then goes on with half as many, and more again with each that passes', async () => {
    const pool = poolOf();
    for (let name = 1; name <= 9; name += 1) ask(pool, String(name));
    await settled();
    expect(entered).toHaveLength(4);
    pool.refused(demand(), 'upstream', 1_000);
    pool.refused(demand(), 'upstream', 900);
    await leave('1', '2', '3', '4');
    await after(900);
    expect(entered).toHaveLength(4);
    await after(200);
    expect(entered).toHaveLength(6);
    for (let passed = 0; passed < 4; passed += 1) pool.passed(demand());
    await leave('5', '6');
    expect(entered).toHaveLength(9);
  });

  it('waits longer after each refusal where nobody says how long, and holds for those of the same key or upstream only', async () => {
    const pool = poolOf();
    const waits: number[] = [];
    for (let times = 0; times < 4; times += 1) {
      pool.refused(demand(), 'key', undefined);
      const begunMs = clock.monotonicMs();
      ask(pool, `${times}`);
      ask(pool, `other ${times}`, demand({ keyId: 'other' }));
      await settled();
      expect(entered.at(-1)).toBe(`other ${times}`);
      for (let waited = 0; !places.has(`${times}`) && waited < 100; waited += 1) await after(100);
      waits.push(clock.monotonicMs() - begunMs);
      await leave(`${times}`, `other ${times}`);
    }
    expect(waits).toEqual([100, 200, 400, 800]);
  });

  it('sends away who would wait for long, and who has left', async () => {
    let open = true;
    const pool = poolOf({ concurrency: 1, isOpen: () => open });
    const leaving = new AbortController();
    ask(pool, 'in');
    ask(pool, 'leaving', demand(), leaving.signal);
    ask(pool, 'waiting');
    await settled();
    leaving.abort(new Error('gone'));
    await settled();
    expect(refused.get('leaving')).toMatchObject({ message: 'gone' });
    pool.refused(demand(), 'upstream', 20_000);
    await settled();
    expect(refused.get('waiting')).toBeInstanceOf(PoolPause);
    expect(refused.get('waiting')).toMatchObject({ waitMs: 20_000 });
    await leave('in');
    await after(20_000);
    open = false;
    ask(pool, 'at night');
    await settled();
    expect(refused.get('at night')).toBeInstanceOf(PoolPause);
    open = true;
    ask(pool, 'by day');
    await settled();
    expect(entered.at(-1)).toBe('by day');
  });
});
