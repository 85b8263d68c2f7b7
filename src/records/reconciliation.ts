import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import { balanceMoves, type BalanceSnapshot, placedMsMax } from './balance-moves.ts';
import { parseFigureCsv } from './figure-csv.ts';
import { type AskableReply, type DaySpan, FiguresStore } from './figures-store.ts';
import { type ReconciledSpan, reconcile } from './reconciled-day.ts';
import type { UpstreamAccount } from './upstream-account.ts';
import type { UpstreamFigure } from './upstream-figure.ts';
import { dayMs, type UtcDay, utcDayOf } from './utc-day.ts';

export interface ReconciliationOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** Those that can be asked, by upstream. */
  readonly accounts: ReadonlyMap<string, UpstreamAccount>;
  /** Ids of the configuration, whether switched on or not. */
  readonly upstreamIds: ReadonlySet<string>;
}

/** What to ask an upstream for. */
export interface FetchOrder {
  /** Of the calls, where single calls are asked about; yesterday when it is not given. */
  readonly day?: UtcDay | undefined;
  /** How many calls at most. */
  readonly limit: number;
  /** Gives the asking up. */
  readonly signal?: AbortSignal;
}

/** What asking an upstream came to. */
export interface FetchedFigures {
  readonly source: 'balance' | 'generation';
  /** Those that are new or have changed. */
  readonly figures: readonly UpstreamFigure[];
  /** For `balance`: what is in the account now. */
  readonly balance?: { readonly amountNanos: Nanos; readonly currency: string };
  /** For `generation`: ids of our generations whose reply the upstream does not know. */
  readonly missing: readonly string[];
}

/** An admin client waits half a minute for its answer. */
const fetchMs = 20_000;
const asksAtATime = 8;

/** Compares what we have recorded that an upstream costs with what it says itself. */
export class Reconciliation {
  readonly #store: FiguresStore;
  readonly #clock: Clock;
  readonly #accounts: ReadonlyMap<string, UpstreamAccount>;
  readonly #upstreamIds: ReadonlySet<string>;

  constructor({ database, clock, accounts, upstreamIds }: ReconciliationOptions) {
    this.#store = new FiguresStore(database);
    this.#clock = clock;
    this.#accounts = accounts;
    this.#upstreamIds = upstreamIds;
  }

  /** Ids of the upstreams whose balance can be read. */
  get balanceUpstreams(): readonly string[] {
    return [...this.#accounts].filter(([, account]) => account.balance !== undefined).map(([id]) => id);
  }

  /**
   * Takes in the text of a CSV file, all of it or nothing; see `parseFigureCsv`. Throws `invalid_request` for what is wrong in
   * it, and `not_found` for an upstream that nobody knows.
   */
  async importCsv(upstreamId: string, csv: string): Promise<readonly UpstreamFigure[]> {
    await this.#mustKnow(upstreamId);
    const figures = parseFigureCsv(csv, utcDayOf(this.#clock.nowMs())).map((one) => ({ ...one, upstreamId, source: 'csv' as const }));
    await this.#store.save(figures, this.#clock.nowMs());
    return figures;
  }

  /**
   * Asks the upstream: for its balance now, or for what up to `limit` calls of `day` cost, the dearest first. Throws `not_found`, `invalid_request` when this upstream does not tell, and faults of the upstream's.
   */
  async fetch(upstreamId: string, { day, limit, signal }: FetchOrder): Promise<FetchedFigures> {
    const account = this.#accounts.get(upstreamId);
    if (account === undefined) {
      await this.#mustKnow(upstreamId);
      const message = `the upstream "${upstreamId}" tells nothing about its account, or is switched off; only Moonshot and OpenRouter tell. Import a CSV file instead`;
      throw new Fault('invalid_request', { message, field: 'upstream' });
    }
    const enough = new AbortController();
    const cancel = this.#clock.after(fetchMs, () => enough.abort());
    const either = signal === undefined ? enough.signal : AbortSignal.any([enough.signal, signal]);
    try {
      if (account.balance !== undefined) return await this.#takeSnapshot(upstreamId, account.balance, either);
      if (account.replies !== undefined) {
        const days = { day: day ?? utcDayOf(this.#clock.nowMs()) - 1, limit };
        return await this.#askReplies(upstreamId, account.replies, days, either);
      }
    } catch (thrown) {
      if (enough.signal.aborted) throw new Fault('upstream_timeout', { message: `the upstream did not answer within ${fetchMs / 1000} s`, upstream: upstreamId, cause: thrown });
      throw thrown;
    } finally {
      cancel();
    }
    throw new Error(`the account at ${upstreamId} tells nothing`);
  }

  /** Both sides, day by day. Throws `not_found` for an upstream that nobody knows. */
  async show(upstreamId: string, span: DaySpan): Promise<ReconciledSpan> {
    await this.#mustKnow(upstreamId);
    const [own, figures, snapshots] = await Promise.all([
      this.#store.ownCosts(upstreamId, span),
      this.#store.figures(upstreamId, span),
      this.#store.snapshots(upstreamId, span.fromDay * dayMs - placedMsMax, span.toDay * dayMs + placedMsMax),
    ]);
    return reconcile(span, { own, figures, moves: balanceMoves(snapshots) });
  }

  async #mustKnow(upstreamId: string): Promise<void> {
    if (this.#upstreamIds.has(upstreamId) || (await this.#store.isKnown(upstreamId))) return;
    const known = [...this.#upstreamIds].join(', ');
    const message = `no upstream "${upstreamId.slice(0, 60)}" is configured, and none of its calls is recorded; expected ${known === '' ? 'one of the configuration' : `one of: ${known}`}`;
    throw new Fault('not_found', { message, field: 'upstream' });
  }

  async #takeSnapshot(upstreamId: string, { currency, read }: NonNullable<UpstreamAccount['balance']>, signal: AbortSignal): Promise<FetchedFigures> {
    const balanceNanos = await read(signal);
    const snapshot: BalanceSnapshot = { takenMs: this.#clock.nowMs(), currency, balanceNanos };
    const lastMs = await this.#store.lastSnapshotMs(upstreamId);
    const figures = lastMs === undefined ? [] : await this.#balanceFigures(upstreamId, utcDayOf(lastMs), snapshot);
    await this.#store.saveSnapshot(upstreamId, snapshot, figures);
    return { source: 'balance', figures, balance: { amountNanos: balanceNanos, currency }, missing: [] };
  }

  /** What the days from `day` on come to with one more snapshot: made of all of theirs again, so that nothing is added twice. */
  async #balanceFigures(upstreamId: string, day: UtcDay, snapshot: BalanceSnapshot): Promise<readonly UpstreamFigure[]> {
    const earlier = await this.#store.snapshots(upstreamId, day * dayMs - placedMsMax, snapshot.takenMs);
    return balanceMoves([...earlier, snapshot])
      .days.filter((one) => one.day >= day)
      .map((one) => ({ upstreamId, day: one.day, currency: one.currency, source: 'balance', amountNanos: one.fellNanos }));
  }

  async #askReplies(
    upstreamId: string,
    replies: NonNullable<UpstreamAccount['replies']>,
    { day, limit }: { readonly day: UtcDay; readonly limit: number },
    signal: AbortSignal,
  ): Promise<FetchedFigures> {
    const asked = await this.#store.askableReplies(upstreamId, day, replies.currency, limit);
    const answers = await costsOf(asked, replies, signal);
    const known = answers.filter(({ costNanos }) => costNanos !== undefined);
    const missing = answers.filter(({ costNanos }) => costNanos === undefined).map(({ reply }) => reply.generationId);
    if (asked.length === 0) return { source: 'generation', figures: [], missing };
    const figure: UpstreamFigure = {
      upstreamId,
      day,
      currency: replies.currency,
      source: 'generation',
      amountNanos: known.reduce((sum, { costNanos = 0n }) => sum + costNanos, 0n),
      compared: { ownNanos: known.reduce((sum, { reply }) => sum + reply.costNanos, 0n), count: asked.length, missingCount: missing.length },
    };
    await this.#store.save([figure], this.#clock.nowMs());
    return { source: 'generation', figures: [figure], missing };
  }
}

interface ReplyAnswer {
  readonly reply: AskableReply;
  readonly costNanos: Nanos | undefined;
}

/** Asks for a few at a time, in order; the first failure ends it. */
async function costsOf(asked: readonly AskableReply[], { cost }: NonNullable<UpstreamAccount['replies']>, signal: AbortSignal): Promise<readonly ReplyAnswer[]> {
  const answers: ReplyAnswer[] = [];
  for (let at = 0; at < asked.length; at += asksAtATime) {
    const batch = asked.slice(at, at + asksAtATime);
    answers.push(...(await Promise.all(batch.map(async (reply) => ({ reply, costNanos: await cost(reply.replyId, signal) })))));
  }
  return answers;
}
