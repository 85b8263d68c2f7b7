import type { Clock } from '../../base/clock.ts';
import { Fault, type FaultCode } from '../../base/fault.ts';
import type { EventBatch } from '../../dialogue/event.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import { Fold } from '../../dialogue/fold.ts';
import type { DialogueReply } from '../../dialogue/reply.ts';
import type { Deadlines } from '../deadlines.ts';
import { AttemptFailure, type AttemptStage, type UpstreamHandler } from '../upstream.ts';
import type { Beat } from './sandbox-beats.ts';
import type { SandboxEnding } from './sandbox-failure.ts';
import { Pace, type PaceRules } from './sandbox-pace.ts';

export interface RunSettings {
  readonly clock: Clock;
  readonly handler: UpstreamHandler;
  readonly upstreamId: string;
  readonly streamed: boolean;
  /** What of the request it does not understand. */
  readonly losses: readonly Loss[];
  readonly rules: PaceRules;
  readonly deadlines: Pick<Deadlines, 'firstByteMs' | 'idleMs'>;
  /** Ends the run in place of any answer. */
  readonly opening: AttemptFailure | undefined;
  readonly beats: readonly Beat[];
  readonly ending: SandboxEnding;
}

/** One call as it goes on: plays the beats, ends as planned or when the signal says so, and settles exactly once. */
export class SandboxRun {
  readonly #settings: RunSettings;
  readonly #settled = Promise.withResolvers<DialogueReply | undefined>();
  readonly #pace: Pace;
  #cancelTimer: (() => void) | undefined;
  #committed = false;
  #over = false;

  constructor(settings: RunSettings) {
    this.#settings = settings;
    const { streamed, rules, beats, clock } = settings;
    const wholeMs = rules.tokensPerSecond === 0 ? 0 : (tokensOf(beats) / rules.tokensPerSecond) * 1_000;
    // A reply that is not streamed is one long wait, after which there is nothing to play.
    const paceRules = streamed ? rules : { ttftMs: rules.ttftMs + wholeMs, tokensPerSecond: 0 };
    this.#pace = new Pace(streamed ? beats : [], paceRules, clock, {
      onOpen: () => settings.handler.onOpen(this.#pace, settings.losses),
      onBatches: (batches) => this.#hand(batches),
      onEnd: () => this.#end(),
      onThrown: (thrown) => this.#reject(thrown),
    });
    this.#begin(paceRules.ttftMs);
  }

  /** Resolves or rejects as `Upstream.generate` has to. Ends within the same turn when `signal` aborts. */
  async play(signal: AbortSignal): Promise<DialogueReply | undefined> {
    const onAbort = (): void => this.#fail('caller_gone');
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#settled.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The deployment goes away under the call. */
  interrupt(): void {
    this.#fail('upstream_interrupted');
  }

  #begin(firstByteMs: number): void {
    const { opening, ending, deadlines, rules } = this.#settings;
    const tooLate = ending === 'silent' || firstByteMs > deadlines.firstByteMs;
    if (opening !== undefined) this.#after(rules.ttftMs, () => this.#reject(opening));
    else if (tooLate) this.#after(deadlines.firstByteMs, () => this.#fail('upstream_timeout'));
    else this.#pace.start();
  }

  #hand(batches: readonly EventBatch[]): void {
    this.#committed = true;
    this.#settings.handler.onBatches(batches);
  }

  #end(): void {
    switch (this.#settings.ending) {
      case 'complete':
        return this.#resolve();
      case 'cut':
        return this.#fail('upstream_interrupted');
      case 'error':
        // Before anything was handed out, an error is a verdict on the request.
        return this.#fail('upstream_failed', 'rejected', 'the sandbox was asked to fail in the middle of its answer');
      case 'hang':
      case 'silent':
        return this.#after(this.#settings.deadlines.idleMs, () => this.#fail('upstream_timeout'));
    }
  }

  #after(delayMs: number, task: () => void): void {
    this.#cancelTimer = this.#settings.clock.after(delayMs, task);
  }

  #resolve(): void {
    this.#over = true;
    this.#settled.resolve(this.#settings.streamed ? undefined : folded(this.#settings.beats));
  }

  #fail(code: FaultCode, stageBefore: AttemptStage = 'maybe', message?: string): void {
    const fault = new Fault(code, { upstream: this.#settings.upstreamId, ...(message === undefined ? {} : { message }) });
    this.#reject(new AttemptFailure(fault, this.#committed ? 'committed' : stageBefore));
  }

  #reject(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#pace.cancel();
    this.#cancelTimer?.();
    this.#settled.reject(reason);
  }
}

function folded(beats: readonly Beat[]): DialogueReply {
  const fold = new Fold();
  for (const beat of beats) for (const event of beat.events) fold.add(event);
  return fold.reply();
}

function tokensOf(beats: readonly Beat[]): number {
  return beats.reduce((total, beat) => total + beat.tokens, 0);
}
