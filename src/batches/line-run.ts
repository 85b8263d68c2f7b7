import type { Caller } from '../access/caller.ts';
import { type Fault, toFault } from '../base/fault.ts';
import { newId } from '../base/id.ts';
import { pause } from '../base/pause.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { CallEnd } from '../gateway/gateway.ts';
import type { CapacityPool, Demand } from './capacity-pool.ts';
import type { DecodedLine } from './line-protocol.ts';
import { isDone, keepError, lineEnd, type LineKeeper } from './line-end.ts';
import type { PlacedLine } from './read-chunk.ts';
import { RunStopped } from './run-stopped.ts';
import { type LineIds, newLineIds } from './told-line.ts';
import { prefixOf, type PrefixTurns, type WarmPrefixes } from './warm-prefixes.ts';

/** What the lines of a chunk have in common. */
export interface LineScene extends LineKeeper {
  readonly caller: Caller;
  readonly pool: Pick<CapacityPool, 'enter' | 'refused' | 'passed' | 'hasCompany'>;
  readonly warm: WarmPrefixes;
  readonly turns: PrefixTurns;
  /** The upstream that a model's calls of this caller go to first. */
  upstreamOf(caller: Caller, model: string): string;
  /** Aborts when no line is to begin any more; what is under way goes on. */
  readonly stop: AbortSignal;
  /** Ends what is under way. */
  readonly abort: AbortSignal;
}

/** How often a line is tried that fails for a reason that may pass, and how long after the first failure it is tried again; four times as long after each. */
const triesMax = 3;
const retryMs = 1_000;
const storageRetryMs = 1_000;

/** One try of a line. */
interface Try {
  readonly line: PlacedLine;
  readonly decoded: DecodedLine;
  readonly ids: LineIds;
  readonly demand: Demand;
  readonly prefix: string | undefined;
  /** From 1; a try that was refused as too much is none. */
  readonly tries: number;
}

/** What follows a try: the line has ended, or it is to be tried again. */
type Verdict = 'ended' | { readonly waitMs: number; readonly counts: boolean };

/**
 * Runs one line to its end: one output or error, kept in the same commit as its record and its charge. Rejects when it has to be run later:
 * with `PoolPause`, with the reason of `stop` or `abort`, and with `RunStopped` when another has the chunk.
 */
export async function runLine(scene: LineScene, line: PlacedLine): Promise<void> {
  const { deps, batch, caller, protocol, warm, turns, upstreamOf } = scene;
  const ids = newLineIds(deps.random);
  let decoded: DecodedLine;
  try {
    decoded = await protocol.decode(caller, line.body);
  } catch (thrown) {
    return keepError(scene, line, ids, toFault(thrown));
  }
  const { request } = decoded;
  const prefix = prefixOf(request);
  const demand: Demand = { tenantId: caller.tenantId, group: batch.id, keyId: caller.keyId, upstreamId: upstreamOf(caller, request.model) };
  const isWarm = prefix === undefined || warm.holder(prefix, deps.clock.monotonicMs()) !== undefined;
  const done = isWarm ? undefined : await turns.turn(prefix);
  try {
    await untilEnded(scene, { line, decoded, ids, demand, prefix });
  } finally {
    done?.();
  }
}

async function untilEnded(scene: LineScene, first: Omit<Try, 'tries'>): Promise<void> {
  const { deps, pool, stop } = scene;
  for (let tries = 1; ; ) {
    const place = await pool.enter(first.demand, stop);
    let verdict: Verdict;
    try {
      verdict = await tryOnce(scene, { ...first, tries });
    } finally {
      place.leave();
    }
    if (verdict === 'ended') return;
    if (verdict.counts) tries += 1;
    await pause(deps.clock, verdict.waitMs, stop);
    stop.throwIfAborted();
  }
}

async function tryOnce(scene: LineScene, attempt: Try): Promise<Verdict> {
  const { deps, batch, caller, pool, protocol, abort } = scene;
  const { decoded, demand } = attempt;
  let told = false;
  try {
    await deps.gateway.generate(
      caller,
      requestOf(scene, attempt),
      {
        generationId: newId('gen', deps.clock, deps.random),
        surface: protocol.surface,
        atBatchRates: true,
        batchId: batch.id,
        ...(batch.sandboxScript === undefined ? {} : { sandboxScript: batch.sandboxScript }),
        endPart(end) {
          if (end.failure !== undefined && !isFinal(scene, attempt, end.failure)) return undefined;
          noteWarm(scene, attempt, end);
          const part = lineEnd(scene, attempt.line, attempt.ids, decoded, end);
          told = true;
          return part;
        },
      },
      { onOpen: () => undefined, onBatches: () => undefined },
      abort,
    );
    pool.passed(demand);
    return 'ended';
  } catch (thrown) {
    abort.throwIfAborted();
    return afterFailure(scene, attempt, toFault(thrown), told);
  }
}

/** What a failed try means. `told`: its commit was to keep the line. */
async function afterFailure(scene: LineScene, attempt: Try, fault: Fault, told: boolean): Promise<Verdict> {
  const { pool } = scene;
  const { line, ids, demand, tries } = attempt;
  if ((told || fault.code === 'storage_unavailable') && (await isDone(scene, line))) return 'ended';
  if (fault.code === 'storage_unavailable') return { waitMs: storageRetryMs, counts: false };
  // The commit was refused: the chunk is another's.
  if (told && fault.code === 'conflict') throw new RunStopped('lost');
  const refusedBy = refuserOf(scene, attempt, fault);
  if (refusedBy !== undefined) {
    pool.refused(demand, refusedBy, fault.retryAfterMs);
    return { waitMs: 0, counts: false };
  }
  if (!isFinal(scene, attempt, fault)) return { waitMs: retryMs * 4 ** (tries - 1), counts: true };
  await keepError(scene, line, ids, fault);
  return 'ended';
}

/** Whether a line that failed so has come to its end. */
function isFinal(scene: LineScene, attempt: Try, fault: Fault): boolean {
  if (fault.code === 'storage_unavailable' || scene.abort.aborted) return false;
  if (refuserOf(scene, attempt, fault) !== undefined) return false;
  return !fault.retryable || attempt.tries >= triesMax;
}

/** Who finds it too much at this moment, so that the line waits, however long; undefined: that is not why it failed. */
function refuserOf({ pool }: LineScene, { demand }: Try, fault: Fault): 'key' | 'upstream' | undefined {
  switch (fault.code) {
    case 'rate_limited':
      return fault.retryable ? 'key' : undefined;
    case 'quota_exceeded':
      // Each call holds more than it will cost: what the others hold may come free.
      return pool.hasCompany(demand) ? 'key' : undefined;
    case 'upstream_rate_limited':
    case 'upstream_overloaded':
      return 'upstream';
    case 'no_upstream':
      return fault.retryAfterMs === undefined ? undefined : 'upstream';
    default:
      return undefined;
  }
}

/** Lines with one beginning go to one upstream, under one name for its cache. */
function requestOf({ batch, deps, warm }: LineScene, { decoded, prefix }: Try): DialogueRequest {
  const { request } = decoded;
  if (prefix === undefined) return request;
  const holder = warm.holder(prefix, deps.clock.monotonicMs());
  return {
    ...request,
    ...(request.cacheKey === undefined ? { cacheKey: `${batch.id}-${prefix}` } : {}),
    ...(holder === undefined || request.lastUpstreamId !== undefined ? {} : { lastUpstreamId: holder }),
  };
}

function noteWarm({ deps, warm }: LineScene, { prefix }: Try, { failure, attempt }: CallEnd): void {
  if (prefix !== undefined && failure === undefined && attempt !== undefined) warm.read(prefix, attempt.offer.upstreamId, deps.clock.monotonicMs());
}
