import type { CompiledQuery } from 'kysely';
import { Fault } from '../base/fault.ts';
import type { TenantId } from '../base/id.ts';
import { storageMsFor } from '../catalog/storage-rating.ts';
import type { BookEntry } from '../ledger/ledger.ts';
import type { MeterPlace, StorageBooks, StorageMeter, StoragePiece } from '../ledger/storage-books.ts';
import type { StorageMetersTable } from '../ledger/storage-tables.ts';
import type { StorageHours } from '../records/storage-hours.ts';
import type { Database } from '../storage/database.ts';
import { chargeRateOf, legsAt, pieceOf, storedPieceOf } from './storage-piece.ts';
import { meterOf, type NewStorage } from './storage-terms.ts';
import type { Tariff } from './tariff.ts';

/** Why a cache is kept no longer, when nobody asked for that. */
export type StorageEndCause = 'expired' | 'unpaid';

/** A cache that has come to its end by itself. */
export interface StorageEnd {
  readonly cacheId: string;
  readonly tenantId: TenantId;
  readonly mode: 'live' | 'test';
  readonly upstreamId: string;
  readonly atMs: number;
  readonly cause: StorageEndCause;
}

export interface StorageBillingParts {
  readonly books: StorageBooks;
  readonly hours: Pick<StorageHours, 'addition'>;
  readonly tariff: Tariff;
  readonly database: Pick<Database, 'commitIf'>;
  /** The statements that mark a cache as ended, for the commit that bills it to its end. */
  readonly onEnd: (end: StorageEnd) => readonly CompiledQuery[];
}

/** What a round of billing did. */
export interface StorageRound {
  /** Pieces that were booked. */
  readonly pieceCount: number;
  readonly ended: readonly StorageEnd[];
  /** What went wrong first: beside it stands what was done all the same. */
  readonly failure?: unknown;
}

/** How many meters are read at once. */
const pageSize = 100;
const hourMs = 3_600_000;
/** A cache is billed by the hour, or as often as it comes to a hundredth of a unit, but not more than once a minute. */
const dueNanos = 10_000_000n;
const dueMsMin = 60_000;
/** So often money may come and go between looking and taking; then the piece counts as unpaid. */
const paymentTriesMax = 5;

/**
 * Bills the storage of context caches while they live. Each piece lies within one hour of UTC; a piece, the meter's mark and the hour of
 * the report are one commit, so that neither a crash nor a second server bills anything twice or leaves anything out.
 */
export class StorageBilling {
  readonly #parts: StorageBillingParts;

  constructor(parts: StorageBillingParts) {
    this.#parts = parts;
  }

  /**
   * The statements that begin to bill a cache, for the commit that makes it. What it costs is settled here, and stays so while it
   * lives. Throws `exchange_rate_missing`: ask before the upstream is.
   */
  opening({ cacheId, caller, attempt, tokens, startedMs, endsMs }: NewStorage): readonly CompiledQuery[] {
    const meter = meterOf({ cacheId, caller, attempt, tokens, startedMs, endsMs }, this.#parts.tariff);
    return this.#parts.books.opening({ ...meter, row: { ...meter.row, due_ms: dueAfter(meter.row, startedMs) } });
  }

  /** A guard that lets a cache live until `endsMs`, for a commit: changes no row when it is not billed, or has ended by `nowMs`. */
  prolongation(cacheId: string, endsMs: number, nowMs: number): CompiledQuery {
    return this.#parts.books.prolongation(cacheId, endsMs, nowMs);
  }

  /**
   * Bills what is due at `nowMs`, and ends what has expired by then or cannot be paid for. To be called every minute, by every server.
   * A cache that cannot be billed does not keep the others; a database that cannot be reached ends the round. Both are told in the
   * round, since what has ended by then must be let go all the same.
   */
  async accrue(nowMs: number, signal?: AbortSignal): Promise<StorageRound> {
    const failures: unknown[] = [];
    const ended: StorageEnd[] = [];
    let pieceCount = 0;
    try {
      for await (const meter of this.#due(nowMs)) {
        if (signal?.aborted === true) break;
        try {
          const billed = await this.#bill(meter, nowMs, undefined);
          pieceCount += billed.pieceCount;
          if (billed.end !== undefined) ended.push(billed.end);
        } catch (thrown) {
          if (thrown instanceof Fault && thrown.code === 'storage_unavailable') throw thrown;
          failures.push(thrown);
        }
      }
    } catch (thrown) {
      failures.push(thrown);
    }
    return { pieceCount, ended, ...(failures.length === 0 ? {} : { failure: failures[0] }) };
  }

  async *#due(nowMs: number): AsyncGenerator<StorageMeter> {
    for (let after: MeterPlace | undefined; ; ) {
      const meters = await this.#parts.books.due(nowMs, pageSize, after);
      yield* meters;
      const last = meters.at(-1);
      if (last === undefined || meters.length < pageSize) return;
      after = last.row;
    }
  }

  /**
   * Bills a cache up to `atMs`, or to its expiry if that was before, and no further: `joined` (what marks it as deleted) is in the commit
   * of the last piece. A cache that is not billed, or no longer, is only marked. Resolves with whether `joined` was done: a guard
   * of its own may have refused it. What was due before the last piece is billed in any case. Throws `storage_unavailable`.
   */
  async end(cacheId: string, atMs: number, joined: BookEntry): Promise<boolean> {
    const meter = await this.#parts.books.meter(cacheId);
    if (meter?.row.open === 1) {
      const { outcome } = await this.#bill(meter, atMs, joined);
      if (outcome !== 'closed') return outcome === 'ended';
    }
    return (await this.#parts.database.commitIf(joined.guards, joined.statements)).committed;
  }

  /**
   * `ended`: closed by this. `closed`: it was closed already, by another server. `going`: there is more to come, later. `refused`:
   * by a guard of `joined`.
   */
  async #bill(
    due: StorageMeter,
    untilMs: number,
    joined: BookEntry | undefined,
  ): Promise<{ readonly outcome: 'ended' | 'closed' | 'going' | 'refused'; readonly pieceCount: number; readonly end?: StorageEnd }> {
    const { books } = this.#parts;
    let meter: StorageMeter | undefined = due;
    let unpaid = false;
    for (let pieceCount = 0; ; ) {
      if (meter === undefined || meter.row.open === 0) return { outcome: 'closed', pieceCount };
      const { row } = meter;
      const stop = Math.max(row.billed_until_ms, Math.min(untilMs, row.ends_ms));
      const toMs = Math.min(stop, nextHourMs(row.billed_until_ms));
      const expired = toMs === row.ends_ms && untilMs >= row.ends_ms;
      if (toMs === row.billed_until_ms && !expired && joined === undefined) return { outcome: 'going', pieceCount };
      const span: Span = { toMs, stop, expired, joined };
      const booked = await this.#book(meter, span, unpaid);
      if (booked.outcome === 'refused') return { outcome: 'refused', pieceCount };
      if (booked.outcome === 'booked') {
        pieceCount += toMs > row.billed_until_ms ? 1 : 0;
        unpaid = booked.unpaid;
        if (isLast(span, unpaid)) {
          return { outcome: 'ended', pieceCount, ...(joined === undefined ? { end: endOf(row, toMs, unpaid) } : {}) };
        }
        if (toMs === stop) return { outcome: 'going', pieceCount };
      }
      // Where the mark stands now: moved by this, or by another server, or the cache lives longer by now.
      meter = await books.meter(row.cache_id);
    }
  }

  /** Books one piece: all of it paid, or paid as long as there was money, and the rest the operator's loss. */
  async #book(meter: StorageMeter, span: Span, unpaidBefore: boolean): Promise<{ readonly outcome: 'booked' | 'overtaken' | 'refused'; readonly unpaid: boolean }> {
    const { books } = this.#parts;
    const { billed_until_ms: fromMs } = meter.row;
    let paidUntilMs = unpaidBefore ? fromMs : span.toMs;
    let unpaid = unpaidBefore;
    for (let tries = 1; ; tries += 1) {
      const outcome = await books.book(this.#pieceOf(meter, span, paidUntilMs, unpaid));
      if (outcome !== 'short') return { outcome, unpaid };
      unpaid = true;
      paidUntilMs = tries < paymentTriesMax ? await this.#affordableUntil(meter, paidUntilMs) : fromMs;
    }
  }

  #pieceOf(meter: StorageMeter, span: Span, paidUntilMs: number, unpaid: boolean): StoragePiece {
    const { hours, onEnd } = this.#parts;
    const { row } = meter;
    const { toMs, joined } = span;
    const last = isLast(span, unpaid);
    const ending: BookEntry = last ? (joined ?? { guards: [], statements: onEnd(endOf(row, toMs, unpaid)) }) : { guards: [], statements: [] };
    const money = pieceOf(meter, toMs, paidUntilMs);
    const counted = toMs > row.billed_until_ms ? [hours.addition(storedPieceOf(row, money))] : [];
    return {
      ...money,
      dueMs: last ? undefined : dueAfter(row, toMs),
      joined: { guards: ending.guards, statements: [...counted, ...ending.statements] },
    };
  }

  /** The last moment up to which every account can pay from where the meter stands; it can not until `tooFarMs`. */
  async #affordableUntil(meter: StorageMeter, tooFarMs: number): Promise<number> {
    const { billed_until_ms: fromMs } = meter.row;
    const spare = await this.#parts.books.spare(legsAt(meter, fromMs));
    const affords = (untilMs: number): boolean =>
      legsAt(meter, untilMs).every(({ amountNanos }, index) => {
        const has = spare[index];
        return has === undefined || amountNanos <= has;
      });
    let good = fromMs;
    let bad = tooFarMs;
    while (bad - good > 1) {
      const middle = Math.floor((good + bad) / 2);
      if (affords(middle)) good = middle;
      else bad = middle;
    }
    return good;
  }
}

/** How far to bill at once, and why. */
interface Span {
  readonly toMs: number;
  /** Where this billing comes to its end; pieces are cut at the hours before. */
  readonly stop: number;
  /** `toMs` is the cache's expiry, and it is past. */
  readonly expired: boolean;
  /** What ends the cache at `stop`, if anything is to. */
  readonly joined: BookEntry | undefined;
}

function isLast({ toMs, stop, expired, joined }: Span, unpaid: boolean): boolean {
  return expired || (toMs === stop && (joined !== undefined || unpaid));
}

function endOf({ cache_id: cacheId, tenant_id: tenantId, mode, upstream_id: upstreamId }: StorageMetersTable, atMs: number, unpaid: boolean): StorageEnd {
  return { cacheId, tenantId: tenantId as TenantId, mode, upstreamId, atMs, cause: unpaid ? 'unpaid' : 'expired' };
}

/** When a meter that has been billed up to `atMs` is to be billed again. */
function dueAfter(row: StorageMetersTable, atMs: number): number {
  const rate = chargeRateOf(row);
  const worthMs = rate === undefined ? undefined : storageMsFor(rate, dueNanos);
  return Math.min(row.ends_ms, nextHourMs(atMs), worthMs === undefined ? Infinity : atMs + Math.max(dueMsMin, worthMs));
}

function nextHourMs(atMs: number): number {
  return (Math.floor(atMs / hourMs) + 1) * hourMs;
}
