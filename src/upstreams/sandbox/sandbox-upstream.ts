import type { Clock } from '../../base/clock.ts';
import { Fault, toFault } from '../../base/fault.ts';
import type { DialogueReply } from '../../dialogue/reply.ts';
import type { Deadlines } from '../deadlines.ts';
import { AttemptFailure, type Upstream, type UpstreamCall, type UpstreamHandler } from '../upstream.ts';
import { PrefixCache } from './prefix-cache.ts';
import { composeAnswer } from './sandbox-answer.ts';
import { sandboxLosses } from './sandbox-losses.ts';
import { openingFailure, planEnding } from './sandbox-failure.ts';
import { SandboxRun } from './sandbox-run.ts';
import { parseSandboxScript, type SandboxScript } from './sandbox-script.ts';

export interface SandboxOptions {
  readonly clock: Clock;
  /** Tokens of a text. Default: a quarter of its UTF-8 bytes, rounded up. */
  readonly countTokens?: (text: string) => number;
  /** A model's context in tokens, where it is known; longer prompts are then refused. */
  readonly contextTokens?: (upstreamModel: string) => number | undefined;
  /** Time to the first token in milliseconds (150) and speed (200; 0 is as fast as can be), where no script says. */
  readonly ttftMs?: number;
  readonly tokensPerSecond?: number;
  /** How it behaves where a call does not say: see `sandboxScriptHelp`. */
  readonly script?: string;
  /** How long a hang lasts. */
  readonly deadlines?: Pick<Deadlines, 'firstByteMs' | 'idleMs'>;
  /** Configured id. */
  readonly id?: string;
}

/** What the sandbox calls itself in its replies. */
const provider = 'sandbox';

const ttftMsDefault = 150;
const slowTtftMs = 20_000;
const tokensPerSecondDefault = 200;
const deadlinesDefault = { firstByteMs: 120_000, idleMs: 60_000 };

/**
 * A Kimi deployment that is none: it thinks, answers, calls tools, counts tokens and fails, all by rule and always the same
 * way. It answers when no upstream is configured, and always for test keys.
 */
export class SandboxUpstream implements Upstream {
  readonly id: string;
  readonly #options: SandboxOptions;
  readonly #defaults: SandboxScript;
  readonly #countTokens: (text: string) => number;
  readonly #deadlines: Pick<Deadlines, 'firstByteMs' | 'idleMs'>;
  readonly #cache = new PrefixCache();
  readonly #runs = new Set<SandboxRun>();
  #disposed = false;

  /** Throws an `invalid_request` fault when `options.script` is no script. */
  constructor(options: SandboxOptions) {
    this.id = options.id ?? provider;
    this.#options = options;
    this.#defaults = parseSandboxScript(options.script ?? '');
    this.#countTokens = options.countTokens ?? approximateTokens;
    this.#deadlines = options.deadlines ?? deadlinesDefault;
  }

  generate(call: UpstreamCall, handler: UpstreamHandler, signal: AbortSignal): Promise<DialogueReply | undefined> {
    if (signal.aborted || this.#disposed) {
      const fault = new Fault(signal.aborted ? 'caller_gone' : 'upstream_unreachable', { upstream: this.id });
      return Promise.reject(new AttemptFailure(fault, 'not-sent'));
    }
    try {
      const run = this.#newRun(call, handler);
      this.#runs.add(run);
      return run.play(signal).finally(() => this.#runs.delete(run));
    } catch (thrown) {
      return Promise.reject(new AttemptFailure(toFault(thrown), 'rejected'));
    }
  }

  /** Breaks off what is running. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    for (const run of this.#runs) run.interrupt();
    return Promise.resolve();
  }

  #ttftMs(script: SandboxScript): number {
    return script.fault === 'slow-first-token' ? slowTtftMs : this.#options.ttftMs ?? ttftMsDefault;
  }

  #newRun(call: UpstreamCall, handler: UpstreamHandler): SandboxRun {
    const { clock, contextTokens } = this.#options;
    const script = parseSandboxScript(call.sandboxScript ?? '', this.#defaults);
    const opening = openingFailure(script, this.id);
    const beats = opening !== undefined ? [] : composeAnswer(call, script, {
      countTokens: this.#countTokens,
      contextTokens: contextTokens?.(call.upstreamModel),
      cache: this.#cache,
      createdS: Math.floor(clock.nowMs() / 1_000),
      provider,
    });
    return new SandboxRun({
      clock,
      handler,
      upstreamId: this.id,
      streamed: call.request.stream,
      losses: sandboxLosses(call.request),
      rules: {
        ttftMs: script.ttftMs ?? (opening === undefined ? this.#ttftMs(script) : 0),
        tokensPerSecond: script.tokensPerSecond ?? this.#options.tokensPerSecond ?? tokensPerSecondDefault,
      },
      deadlines: deadlinesOf(script) ?? this.#deadlines,
      opening,
      ...planEnding(beats, script),
    });
  }
}

function deadlinesOf({ timeoutMs }: SandboxScript): Pick<Deadlines, 'firstByteMs' | 'idleMs'> | undefined {
  return timeoutMs === undefined ? undefined : { firstByteMs: timeoutMs, idleMs: timeoutMs };
}

function approximateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}
