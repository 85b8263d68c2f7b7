import { request } from 'undici';
import type { Clock } from './base/clock.ts';
import { Fault, toFault } from './base/fault.ts';
import type { Log } from './base/log.ts';
import { type FeedName, feeds } from './catalog/exchange-rate-feed.ts';
import type { ExchangeRateStore } from './catalog/exchange-rate-store.ts';
import type { ExchangeRates } from './catalog/exchange-rates.ts';

export interface RateFeedOptions {
  /** Undefined: no feed is asked; what is imported elsewhere is taken up all the same. */
  readonly feed: FeedName | undefined;
  readonly exchange: ExchangeRates;
  readonly store: Pick<ExchangeRateStore, 'rows' | 'count' | 'add'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the feed is, in place of the bank's own address. */
  readonly base?: string;
}

/** How often a feed is asked: banks publish once a working day. */
const askEveryMs = 4 * 3_600_000;
/** How soon it is asked again when it gave no answer. */
const askAgainMs = 15 * 60_000;
/** How often the table is read again: another replica may have imported or fetched rates. */
const reloadEveryMs = 60_000;
const deadlineMs = 20_000;
/** Both files have less than 20 kB. */
const bodyBytesMax = 1024 * 1024;

/**
 * Keeps the exchange rates of a running server up to date: asks the feed that is switched on, stores what it says, and takes up
 * what is in the table. Whatever fails is logged and tried again; the rates that were known last stay in force until then.
 */
export class RateFeed implements AsyncDisposable {
  readonly #options: RateFeedOptions;
  readonly #closing = new AbortController();
  readonly #cancels = new Map<'ask' | 'reload', () => void>();
  readonly #running = new Set<Promise<void>>();
  #loaded = 0;

  constructor(options: RateFeedOptions) {
    this.#options = options;
  }

  /** Begins, and returns at once. */
  start(): void {
    this.#in(reloadEveryMs, 'reload');
    if (this.#options.feed !== undefined) this.#run('ask');
  }

  /** Takes up the rows of the table now, if there are new ones. Throws as `Database.query` does. */
  async reload(): Promise<void> {
    const { exchange, store } = this.#options;
    if ((await store.count()) === this.#loaded) return;
    const rows = await store.rows();
    exchange.setStored(rows);
    this.#loaded = rows.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const cancel of this.#cancels.values()) cancel();
    await Promise.all(this.#running);
  }

  #in(delayMs: number, task: 'ask' | 'reload'): void {
    if (this.#closing.signal.aborted) return;
    this.#cancels.set(task, this.#options.clock.after(delayMs, () => this.#run(task)));
  }

  #run(task: 'ask' | 'reload'): void {
    const running = (task === 'ask' ? this.#ask() : this.#reloadAgain()).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #reloadAgain(): Promise<void> {
    await this.#noted('exchange rates could not be read from the database', () => this.reload());
    this.#in(reloadEveryMs, 'reload');
  }

  async #ask(): Promise<void> {
    const { feed, store, clock, log } = this.#options;
    if (feed === undefined) return;
    const asked = await this.#noted('exchange rates could not be fetched; the last ones stay in force', async () => {
      const rows = feeds[feed].parse(await this.#fetch(feed));
      const { stored } = await store.add(rows, clock.nowMs());
      await this.reload();
      log.write('info', 'exchange rates fetched', { upstream: feed, count: stored });
    });
    this.#in(asked ? askEveryMs : askAgainMs, 'ask');
  }

  /** Whether `work` went well; if not, it is logged. */
  async #noted(message: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (thrown) {
      const { feed, log } = this.#options;
      if (!this.#closing.signal.aborted) log.write('warn', message, { ...(feed === undefined ? {} : { upstream: feed }), faultCode: toFault(thrown).code });
      return false;
    }
  }

  async #fetch(feed: FeedName): Promise<Buffer> {
    const { clock, base } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(deadlineMs, () => late.abort());
    const url = feeds[feed].url(base ?? feeds[feed].base, new Date(clock.nowMs()).toISOString().slice(0, 10));
    try {
      const signal = AbortSignal.any([late.signal, this.#closing.signal]);
      const { statusCode, body } = await request(url, { signal, headers: { accept: 'application/xml, text/xml' } });
      const parts: Buffer[] = [];
      let bytes = 0;
      for await (const part of body as AsyncIterable<Buffer>) {
        bytes += part.length;
        if (bytes > bodyBytesMax) throw new Fault('upstream_invalid_reply', { upstream: feed });
        parts.push(part);
      }
      if (statusCode !== 200) throw new Fault('upstream_failed', { upstream: feed });
      return Buffer.concat(parts);
    } catch (thrown) {
      if (thrown instanceof Fault) throw thrown;
      throw new Fault(late.signal.aborted ? 'upstream_timeout' : 'upstream_unreachable', { upstream: feed, cause: thrown });
    } finally {
      cancel();
    }
  }
}
