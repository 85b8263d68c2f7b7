import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { Fault } from '../base/fault.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { GenerateOptions, Gateway } from '../gateway/gateway.ts';
import { InteractiveLoad } from '../gateway/interactive-load.ts';
import type { Batch } from './batch.ts';
import { CapacityPool, PoolPause } from './capacity-pool.ts';
import type { LineProtocol } from './line-protocol.ts';
import { type LineScene, runLine } from './line-run.ts';
import { UnheardLines } from './unheard-lines.ts';
import { PrefixTurns, WarmPrefixes } from './warm-prefixes.ts';

const batch: Batch = {
  id: 'batch_1', scope: { tenantId: 'ten_1', mode: 'live' }, keyId: 'key_1', status: 'in_progress', endpoint: '/v1/chat/completions', inputFileId: 'file_1',
  completionWindow: '24h', createdMs: 0, expiresMs: 1, lanesOpen: 1, problems: [],
};
const reply: DialogueReply = { id: 'up', model: 'm', createdS: 1, choices: [{ text: 'hi', toolCalls: [], finish: { reason: 'stop' } }] };
const usage = { inputUncached: 1, cacheRead: 0, cacheWrite: 0, output: 1, estimated: false };
const statement = { sql: '', parameters: [], query: { kind: 'RawNode', sqlFragments: [], parameters: [] }, queryId: { queryId: '' } } as const;

let clock: ManualClock;
let pool: CapacityPool;
/** What has been kept, by line. */
let kept: Map<number, 'output' | 'error'>;
let calls: number;
/** Calls in a row that fail so, or not, before all others succeed. */
let fate: (call: number) => Fault | undefined;
/** Throws what keeps an end from being told, or kept. */
let onEnd: (call: number) => void;
let decoded: number;
let unheard: UnheardLines;

beforeEach(() => {
  clock = new ManualClock();
  pool = new CapacityPool({ clock, random: { bytes: (count) => Buffer.alloc(count) }, concurrency: 4, placesAt: () => 4, load: new InteractiveLoad(), isOpen: () => true });
  kept = new Map();
  calls = 0;
  decoded = 0;
  unheard = new UnheardLines();
  fate = () => undefined;
  onEnd = () => undefined;
});

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** As the gateway ends a call: nothing is kept when its end cannot be booked. */
const generate: Gateway['generate'] = async (_caller, _request, options: GenerateOptions) => {
  calls += 1;
  const call = calls;
  const failure = fate(call);
  const part = options.endPart?.({ generationId: options.generationId, failure, reply: failure === undefined ? reply : undefined, usage, cost: undefined, attempt: undefined });
  onEnd(call);
  if (part !== undefined) staged.forEach((kind, line) => kept.set(line, kind));
  staged.clear();
  if (failure !== undefined) throw failure;
  return { usage, reply };
};

const staged = new Map<number, 'output' | 'error'>();

const protocol: LineProtocol = {
  surface: '/v1/chat/completions',
  decode: () => ((decoded += 1), { request: { protocol: 'openai-chat', model: 'm', messages: [{ role: 'user', content: 'hi' }], sampling: {}, stream: false }, encode: () => ({ body: {} }) }),
  encodeFault: ({ status }) => ({ status, body: {} }),
};

function sceneOf(): LineScene {
  return {
    deps: {
      clock, random: { bytes: (count) => Buffer.alloc(count) }, gateway: { generate },
      database: {
        commitIf: async () => {
          staged.forEach((kind, line) => kept.set(line, kind));
          staged.clear();
          return { committed: true, changes: [] };
        },
      },
      jobs: { fenced: () => statement },
      outcomes: { linesDone: async (_id, line) => new Set(kept.has(line) ? [line] : []), keeping: (_id, { line, kind }) => (staged.set(line, kind), statement) },
    },
    batch, protocol, pool, claim: { id: 'job_1', token: 1 }, caller: { tenantId: 'ten_1', keyId: 'key_1', mode: 'live' },
    warm: new WarmPrefixes(), turns: new PrefixTurns(), unheard, upstreamOf: () => 'u', stop: new AbortController().signal, abort: new AbortController().signal,
  };
}

/** Runs a line to its end, while time passes in steps of 100 ms; undefined: it has not ended by then. */
async function run(scene: LineScene, forMs = 60_000, number = 0): Promise<unknown> {
  let end: unknown;
  runLine(scene, { number, customId: `c${number}`, body: {} }).then(() => (end = 'ended'), (thrown: unknown) => (end = thrown));
  for (let passedMs = 0; passedMs < forMs && end === undefined; passedMs += 100) {
    await settled();
    clock.advance(100);
  }
  await settled();
  return end;
}

describe('a line', () => {
  it('is tried again when its end cannot be told, and is an error line in the end', async () => {
    onEnd = (call) => {
      if (call === 1) throw new TypeError('a mistake of ours');
    };
    expect([await run(sceneOf()), calls, kept.get(0)]).toEqual(['ended', 2, 'output']);
    onEnd = () => {
      throw new TypeError('a mistake of ours');
    };
    kept.clear();
    calls = 0;
    expect([await run(sceneOf()), calls, kept.get(0)]).toEqual(['ended', 3, 'error']);
  });

  it('is lost when its end is refused, unless something has come of it', async () => {
    onEnd = () => {
      throw new Fault('conflict');
    };
    expect(await run(sceneOf())).toMatchObject({ why: 'lost' });
    onEnd = () => {
      kept.set(0, 'output');
      throw new Fault('conflict');
    };
    expect([await run(sceneOf()), calls]).toEqual(['ended', 2]);
  });

  /** Runs a line as often as its chunk is given back. */
  async function runThrough(scene: LineScene, number = 0): Promise<unknown> {
    for (;;) {
      const end = await run(scene, 3_600_000, number);
      if (!(end instanceof PoolPause)) return end;
      clock.advance(Math.ceil(end.waitMs));
    }
  }

  it.each(['upstream_unreachable', 'no_upstream', 'upstream_failed', 'upstream_timeout'] as const)('waits for an upstream that is away for minutes: %s', async (code) => {
    const backMs = clock.nowMs() + 200_000;
    fate = () => (clock.nowMs() < backMs ? new Fault(code) : undefined);
    expect([await runThrough(sceneOf()), kept.get(0)]).toEqual(['ended', 'output']);
  });

  it('is an error line when it fails three times while others pass, and not much later when there are no others', async () => {
    fate = () => (pool.passed({ tenantId: 'ten_1', group: 'other', keyId: 'key_1', upstreamId: 'u' }), new Fault('upstream_failed'));
    expect([await run(sceneOf()), calls, kept.get(0)]).toEqual(['ended', 3, 'error']);
    calls = 0;
    fate = () => new Fault('upstream_failed');
    const startedMs = clock.nowMs();
    expect([await runThrough(sceneOf(), 1), calls, kept.get(1)]).toEqual(['ended', 23, 'error']);
    expect(clock.nowMs() - startedMs).toBeLessThan(1_200_000);
  });

  it('waits for money that other calls hold, and for no other', async () => {
    fate = (call) => (call < 5 ? new Fault('quota_exceeded', { othersHold: true }) : undefined);
    expect([await runThrough(sceneOf()), kept.get(0)]).toEqual(['ended', 'output']);
    fate = () => new Fault('quota_exceeded');
    expect([await runThrough(sceneOf(), 1), kept.get(1)]).toEqual(['ended', 'error']);
  });

  it('is not in memory as a request before it has a place', async () => {
    const stop = new AbortController();
    const scene = { ...sceneOf(), stop: stop.signal };
    const generating = { generate: () => new Promise<never>((_resolve, reject) => stop.signal.addEventListener('abort', () => reject(new Fault('internal')))) };
    const lines = Array.from({ length: 20 }, (_, number) => runLine({ ...scene, deps: { ...scene.deps, gateway: generating } }, { number, customId: `c${number}`, body: {} }));
    await settled();
    expect(decoded).toBe(4);
    stop.abort(new Error('stopped'));
    await Promise.allSettled(lines);
  });
});
