import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { ReplicaView } from './replica-view.ts';
import { ValkeyLink } from './valkey-link.ts';

/** How fast the counters' loss, and a replica's, is noticed. Milliseconds. */
export interface ReplicaTiming {
  readonly beatMs: number;
  /** A replica without a beat for so long is gone, and its slots are free. */
  readonly memberMs: number;
  /** Longest that a request waits for the counters; then they count as gone. */
  readonly commandMs: number;
}

/** Slots of a killed replica are free 10 s after its last beat: the promise is 15 s. */
export const replicaTiming: ReplicaTiming = { beatMs: 1_000, memberMs: 10_000, commandMs: 250 };

/** How long after a failure to try to come in again. */
const enterAgainMs = 250;
const enterLimitMs = 500;

export interface MembershipParts {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timing: ReplicaTiming;
  /** Begins every key. */
  readonly prefix: string;
  /** Sends what the counters do not know yet, before anything else is asked. `sameData`: what they knew of us they still know. */
  readonly publish: (sameData: boolean) => Promise<void>;
}

/** What an act is about. */
export interface Act {
  readonly act: 'take' | 'end' | 'publish';
  /** Ids of counters. */
  readonly counters: readonly string[];
  readonly args: readonly (string | number)[];
  readonly onLate?: (answer: readonly unknown[]) => void;
}

/**
 * This replica's place among those that share the counters. It comes in under a new name (member) whenever it had lost the
 * connection, an answer, or its place: what may still arrive under the old name then does nothing, and slots that were
 * counted under it are gone with it.
 */
export class ReplicaMembership {
  readonly #parts: MembershipParts;
  readonly #link: ValkeyLink;
  readonly #node: string;
  readonly #view: ReplicaView;
  #session = 0;
  #member: string;
  /** Undefined: never came in, or could not publish all, so that all must be published again. */
  #era: string | undefined;
  #isUp = false;
  #closed = false;
  #entering: Promise<void> | undefined;
  #stopTimer: () => void = () => {};
  #lastBeatMs = 0;
  /** From when on the others must know that we are there; until then, no share of ours has been left by them. */
  #reckonedFromMs = Infinity;
  #clockLeadMs = 0;
  #latestMs = 0;

  constructor(parts: MembershipParts) {
    const { clock, random, timing } = parts;
    this.#parts = parts;
    this.#node = random.bytes(8).toString('hex');
    this.#member = `${this.#node}.0`;
    this.#view = new ReplicaView(this.#node, timing.memberMs);
    this.#link = new ValkeyLink({
      url: parts.url, clock,
      onReady: () => void this.#enter(),
      onClose: () => this.#fail(),
    });
  }

  /** Begins to connect. Resolves when it is in, or after `limitMs`; it goes on trying. */
  async start(limitMs: number): Promise<void> {
    this.#link.open();
    const { clock } = this.#parts;
    const untilMs = clock.monotonicMs() + limitMs;
    while (!this.#isUp && !this.#link.isKeyRefused && clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => void clock.after(10, resolve));
    }
    if (!this.#isUp) this.#parts.log.write('warn', 'the limit counters (MOONGATE_VALKEY_URL) are not reachable');
  }

  /** Whether the shared counters are to be asked. */
  get isUp(): boolean {
    return this.#isUp;
  }

  get isKeyRefused(): boolean {
    return this.#link.isKeyRefused;
  }

  /** The counters' time, as far as it is known; never goes back. */
  nowMs(): number {
    this.#latestMs = Math.max(this.#latestMs, this.#parts.clock.monotonicMs() + this.#clockLeadMs);
    return this.#latestMs;
  }

  /** This replica's part of a limit while the counters are gone; undefined when it cannot know. */
  shareOf(limit: number): number | undefined {
    return this.#reckonedFromMs <= this.#parts.clock.monotonicMs() ? this.#view.shareOf(limit) : undefined;
  }

  /** Asks the counters; undefined when they do not know us any more. Rejects when they do not answer, and counts as down from then on. */
  async ask({ act, counters, args, onLate }: Act): Promise<readonly unknown[] | undefined> {
    const member = this.#member;
    // What became of a question asked under an earlier name says nothing of the present one.
    const fail = (): void => (member === this.#member ? this.#fail() : undefined);
    try {
      const answer = await this.#call(act, member, counters, args, this.#parts.timing.commandMs, onLate);
      if (answer[0] !== -1) return answer;
    } catch (thrown) {
      fail();
      throw thrown;
    }
    fail();
    return undefined;
  }

  /** Resolves when an attempt to come in that is under way has ended, with whether we are in. */
  async entered(): Promise<boolean> {
    if (this.#link.isReady && !this.#isUp) await this.#enter();
    return this.#isUp;
  }

  /** Corrections hold for the life of the data that they correct. */
  get era(): string {
    return this.#era ?? '';
  }

  /** Gives up our place and the connection. */
  async close(): Promise<void> {
    if (this.#isUp) await this.#call('leave', this.#member, [], [], this.#parts.timing.commandMs).catch(() => {});
    this.#closed = true;
    this.#isUp = false;
    this.#stopTimer();
    this.#link.close();
  }

  #enter(): Promise<void> {
    this.#stopTimer();
    this.#entering ??= this.#tryToEnter().finally(() => {
      this.#entering = undefined;
    });
    return this.#entering;
  }

  async #tryToEnter(): Promise<void> {
    const { clock, random, timing, log } = this.#parts;
    const member = `${this.#node}.${(this.#session += 1)}`;
    let answer: readonly unknown[];
    try {
      answer = await this.#call('enter', member, [], [this.#member, random.bytes(8).toString('hex')], enterLimitMs, undefined, true);
    } catch {
      this.#later(enterAgainMs, () => void this.#enter());
      return;
    }
    // Answers that came right before this one are taken in first: what they let in is to be published as well.
    await new Promise<void>((resolve) => void clock.after(0, resolve));
    if (this.#closed) return;
    const [serverMs, era, known, ...members] = answer;
    const nowMs = clock.monotonicMs();
    const wasIn = known === 1 || members.some((other) => other !== member && nodeOf(other) === this.#node);
    // Data that is new has forgotten everybody; the others still reckon with us as we do with them.
    const isNewcomer = this.#reckonedFromMs === Infinity || (!wasIn && era === this.#era);
    const isAlone = members.every((other) => nodeOf(other) === this.#node);
    if (isNewcomer) this.#reckonedFromMs = nowMs + (isAlone ? 0 : 2 * timing.beatMs);
    this.#view.excuse(nowMs);
    this.#note(serverMs, members);
    const sameData = era === this.#era;
    this.#member = member;
    this.#era = String(era);
    this.#isUp = true;
    log.write('info', 'the limit counters are shared', { count: this.#view.count });
    this.#beatLater();
    try {
      await this.#parts.publish(sameData);
    } catch {
      this.#era = undefined;
      this.#fail();
    }
  }

  #beatLater(): void {
    const member = this.#member;
    this.#later(this.#parts.timing.beatMs, () => {
      this.#call('beat', member, [], [], this.#parts.timing.commandMs).then(
        ([serverMs, ...members]) => {
          if (!this.#isUp || member !== this.#member) return;
          if (serverMs === -1) return this.#fail();
          this.#note(serverMs, members);
          this.#beatLater();
        },
        () => (member === this.#member ? this.#fail() : undefined),
      );
    });
  }

  #note(serverMs: unknown, members: readonly unknown[]): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#lastBeatMs = nowMs;
    this.#clockLeadMs = Number(serverMs) - nowMs;
    this.#view.see(members.map(nodeOf), nowMs);
  }

  /** The counters are gone, or we are gone from them: from now on they are not asked until we are in again. */
  #fail(): void {
    if (this.#closed || !this.#isUp) return;
    const { clock, timing, log } = this.#parts;
    this.#isUp = false;
    // After a long sleep the others have shared our part among them.
    if (clock.monotonicMs() - this.#lastBeatMs > timing.memberMs) this.#reckonedFromMs = Infinity;
    log.write('warn', 'the limit counters (MOONGATE_VALKEY_URL) are gone');
    this.#later(0, () => void this.#enter());
  }

  /** One timer: the next beat while we are in, the next attempt to come in while not. */
  #later(delayMs: number, task: () => void): void {
    this.#stopTimer();
    if (!this.#closed) this.#stopTimer = this.#parts.clock.after(delayMs, task);
  }

  #call(
    act: string, member: string, counters: readonly string[], args: readonly (string | number)[],
    limitMs: number, onLate?: (answer: readonly unknown[]) => void, load = false,
  ): Promise<readonly unknown[]> {
    const { prefix, timing } = this.#parts;
    return this.#link.call({
      keys: ['meta', 'nodes', ...counters].map((name) => prefix + name),
      args: [act, timing.memberMs, member, ...args],
      limitMs, load,
      ...(onLate === undefined ? {} : { onLate }),
    });
  }
}

/** The replica behind a member's name. */
function nodeOf(member: unknown): string {
  return String(member).split('.', 1)[0] ?? '';
}
