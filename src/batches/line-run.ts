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
import type { UnheardLines } from './unheard-lines.ts';
import { prefixOf, type PrefixTurns, type WarmPrefixes } from './warm-prefixes.ts';

/** What the lines of a chunk have in common. */
export interface LineScene extends LineKeeper {
  readonly caller: Caller;
  readonly pool: Pick<CapacityPool, 'enter' | 'refused' | 'passed' | 'passesAt'>;
  readonly warm: WarmPrefixes;
  readonly turns: PrefixTurns;
  readonly unheard: UnheardLines;
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
/** The same for what fails here, which is no line's fault. */
const ownRetryMs = 1_000;

/** A line on its way to its end. */
interface Course {
  readonly line: PlacedLine;
  readonly ids: LineIds;
  readonly demand: Demand;
  /** From 1; a try that was refused as too much is none. */
  tries: number;
  /** Says that those that wait for this line to go first need wait no more. */
  endTurn: (() => void) | undefined;
}

/** One try of a line. */
interface Try extends Readonly<Course> {
  readonly decoded: DecodedLine;
  readonly prefix: string | undefined;
  /** How many lines had passed at its upstream when it began. */
  readonly passes: number;
}

/** What follows a try: the line has ended, it is to be tried again, or another goes first with its prefix. */
type Verdict = 'ended' | { readonly waitMs: number; readonly counts: boolean } | { readonly behind: Promise<void> };

/**
 * Runs one line to its end: one output or error, kept in the same commit as its record and its charge. Rejects when it has to be run later:
 * with `PoolPause`, with the reason of `stop` or `abort`, and with `RunStopped` when another has the chunk. Only while it has a place
 * is it in memory as a request, which may be many times as large as its line.
 */
export async function runLine(scene: LineScene, line: PlacedLine): Promise<void> {
  const { deps, batch, caller, pool, stop, upstreamOf } = scene;
  const { model } = line.body;
  const upstreamId = upstreamOf(caller, typeof model === 'string' ? model : '');
  const demand: Demand = { tenantId: caller.tenantId, group: batch.id, keyId: caller.keyId, upstreamId };
  const course: Course = { line, ids: newLineIds(deps.random), demand, tries: 1, endTurn: undefined };
  try {
    for (;;) {
      const place = await pool.enter(demand, stop);
      let verdict: Verdict;
      try {
        verdict = await placed(scene, course);
      } finally {
        place.leave();
      }
      if (verdict === 'ended') return;
      if ('behind' in verdict) {
        await verdict.behind;
      } else {
        if (verdict.counts) course.tries += 1;
        await pause(deps.clock, verdict.waitMs, stop);
      }
      stop.throwIfAborted();
    }
  } finally {
    course.endTurn?.();
  }
}

/** What a line does with its place. */
async function placed(scene: LineScene, course: Course): Promise<Verdict> {
  const { deps, caller, protocol, pool, warm, turns } = scene;
  const { line, ids, demand } = course;
  let decoded: DecodedLine;
  try {
    decoded = await protocol.decode(caller, line.body);
  } catch (thrown) {
    const fault = toFault(thrown);
    if (isOurs(fault)) return { waitMs: ownRetryMs, counts: false };
    await keepError(scene, line, ids, fault);
    return 'ended';
  }
  const prefix = prefixOf(decoded.request);
  if (prefix !== undefined && course.endTurn === undefined && warm.holder(prefix, deps.clock.monotonicMs()) === undefined) {
    const turn = turns.take(prefix);
    if ('behind' in turn) return turn;
    course.endTurn = turn.done;
  }
  return tryOnce(scene, { ...course, decoded, prefix, passes: pool.passesAt(demand) });
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
  const { batch, pool, unheard } = scene;
  const { line, ids, demand, tries } = attempt;
  if ((told || fault.code === 'storage_unavailable') && (await isDone(scene, line))) return 'ended';
  if (isOurs(fault)) return { waitMs: ownRetryMs, counts: false };
  // The commit was refused: the chunk is another's.
  if (told && fault.code === 'conflict') throw new RunStopped('lost');
  const refusedBy = refuserOf(scene, attempt, fault);
  if (refusedBy !== undefined) {
    if (isDoubtful(fault)) unheard.add(batch.id, line.number);
    pool.refused(demand, refusedBy, fault.retryAfterMs);
    return { waitMs: 0, counts: false };
  }
  if (!isFinal(scene, attempt, fault)) return { waitMs: retryMs * 4 ** (tries - 1), counts: true };
  await keepError(scene, line, ids, fault);
  return 'ended';
}

/** Whether a line that failed so has come to its end. */
function isFinal(scene: LineScene, attempt: Try, fault: Fault): boolean {
  if (isOurs(fault) || scene.abort.aborted) return false;
  if (refuserOf(scene, attempt, fault) !== undefined) return false;
  return !fault.retryable || attempt.tries >= triesMax;
}

/** Whether it is for want of something here, which is no line's fault, and passes. */
function isOurs({ code }: Fault): boolean {
  return code === 'storage_unavailable' || code === 'documents_busy';
}

/** Whether it may be the fault of the line as well as of the upstream: some fail at what they are asked. */
function isDoubtful({ code }: Fault): boolean {
  return code === 'upstream_failed' || code === 'upstream_timeout' || code === 'upstream_interrupted';
}

/** Who cannot take it at this moment, so that the line waits, however long; undefined: that is not why it failed. */
function refuserOf({ batch, pool, unheard }: LineScene, { line, demand, passes }: Try, fault: Fault): 'key' | 'upstream' | undefined {
  switch (fault.code) {
    case 'quota_exceeded':
      // Each call holds more than it will cost: what the others hold may come free.
      return fault.othersHold ? 'key' : undefined;
    case 'upstream_rate_limited':
    case 'upstream_overloaded':
    case 'upstream_unreachable':
    case 'no_upstream':
      return 'upstream';
    default:
      // The upstream's fault, unless others pass there: then it is the line's.
      return isDoubtful(fault) && pool.passesAt(demand) === passes && !unheard.isOften(batch.id, line.number) ? 'upstream' : undefined;
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
