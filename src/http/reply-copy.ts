import type { Fault } from '../base/fault.ts';

/** Of a reply: what is sent again with its body. */
export interface KeptHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface KeptReply extends KeptHead {
  readonly body: string;
}

/** What becomes of the key of a request that was answered. Each resolves when that is durable; at most one is called with success. */
export interface ReplyKeeper {
  /** Undefined: the body is too large. */
  keep(reply: KeptReply | undefined): Promise<void>;
  /** Nothing has happened: the key is free again. */
  release(): Promise<void>;
  /** Nobody knows how much has happened. */
  cut(): Promise<void>;
  /** One of the above failed where nobody is told: the key stays claimed. */
  lost(cause: unknown): void;
}

/** A reply with a larger body is not kept, only that there was one. */
export const keptBytesMax = 8 * 1024 * 1024;

/** Headers that belong to the reply; the others belong to the connection or to the one request. */
const keptHeaders = /^(content-type|cache-control|x-accel-buffering|x-generation-id|x-moongate-.*|msh-context-cache-.*)$/;

/**
 * Takes down a reply while it is sent, so that it can be sent again. The surface adds each piece of the body that it sends and,
 * before the last one, waits for `keep`: whoever has seen the whole reply can ask for it again.
 */
export class ReplyCopy {
  readonly #keeper: ReplyKeeper;
  #parts: string[] = [];
  #bytes = 0;
  #settled = false;

  constructor(keeper: ReplyKeeper) {
    this.#keeper = keeper;
  }

  /** Whether it is known what became of the reply. */
  get settled(): boolean {
    return this.#settled;
  }

  /** A piece of the body that is being sent. */
  add(text: string): void {
    if (text === '' || this.#bytes > keptBytesMax) return;
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > keptBytesMax) this.#parts = [];
    else this.#parts.push(text);
  }

  /** The rest of the body, and what it is sent with. Resolves when the reply is durable; throws a `storage_unavailable` fault. */
  async keep(head: KeptHead, rest: string): Promise<void> {
    this.add(rest);
    const headers = Object.fromEntries(Object.entries(head.headers).filter(([name]) => keptHeaders.test(name)));
    const body = this.#parts.join('');
    this.#parts = [];
    await this.#keeper.keep(this.#bytes > keptBytesMax ? undefined : { status: head.status, headers, body });
    this.#settled = true;
  }

  /** As `keep`, for a reply that ends in `fault`; what is kept follows from that. Does not throw: the caller is told the fault anyway. */
  async fail(fault: Fault, head: KeptHead, rest: string): Promise<void> {
    try {
      const outcome = outcomeOf(fault);
      if (outcome === 'failed') await this.keep(head, rest);
      else await (outcome === 'unknown' ? this.#keeper.cut() : this.#keeper.release());
    } catch (thrown) {
      this.#keeper.lost(thrown);
    }
    this.#settled = true;
  }
}

/**
 * What a failure says of the call. `failed`: an upstream was tried, so that the reply is kept. `nothing-happened`: refused
 * before any was (not allowed, over a limit, nobody to ask), so that the key is free again. `unknown`: the caller left, we
 * are closing, or the books could not be written.
 */
export function outcomeOf(fault: Fault): 'failed' | 'nothing-happened' | 'unknown' {
  if (fault.code === 'caller_gone' || fault.code === 'shutting_down' || fault.code === 'storage_unavailable') return 'unknown';
  if (fault.upstream !== undefined || fault.code === 'internal') return 'failed';
  // Without an upstream it is the plan's word: all that could be asked are resting.
  return fault.blame === 'upstream' && fault.code !== 'upstream_rate_limited' ? 'failed' : 'nothing-happened';
}
