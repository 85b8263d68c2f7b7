import { execFile } from 'node:child_process';
import type { Clock } from '../../base/clock.ts';
import type { ReadingProcess } from './reading-process.ts';

export interface MemoryWatchdogDeps {
  /** The absolute path of `ps`. */
  readonly ps: string;
  readonly memoryMb: number;
  readonly watched: ReadonlySet<ReadingProcess>;
  readonly clock: Clock;
}

const everyMs = 250;
const listLimitMs = 5000;

/**
 * Ends reading processes that take more memory than they may, where the kernel cannot be told to. What they can take between two
 * looks is not bounded, so that this is the lesser way.
 */
export class MemoryWatchdog implements Disposable {
  readonly #deps: MemoryWatchdogDeps;
  #cancel: () => void = () => undefined;
  #watching = false;
  #disposed = false;

  constructor(deps: MemoryWatchdogDeps) {
    this.#deps = deps;
  }

  /** Goes on for as long as there is one to be watched. */
  watch(): void {
    if (this.#watching || this.#disposed) return;
    this.#watching = true;
    this.#cancel = this.#deps.clock.after(everyMs, () => void this.#look());
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const residentMb = await residentMbByGroup(this.#deps.ps);
    for (const one of this.#deps.watched) {
      if (one.pid !== undefined && (residentMb.get(one.pid) ?? 0) > this.#deps.memoryMb) one.kill('memory');
    }
    this.#watching = false;
    if (this.#deps.watched.size > 0) this.watch();
  }
}

/** Resident mebibytes of each process group; nothing when `ps` does not answer. */
async function residentMbByGroup(ps: string): Promise<ReadonlyMap<number, number>> {
  const list = await new Promise<string>((resolve) => {
    execFile(ps, ['-A', '-o', 'pgid=,rss='], { timeout: listLimitMs, maxBuffer: 4 * 1024 * 1024 }, (_error, output) => resolve(output));
  });
  const found = new Map<number, number>();
  for (const line of list.split('\n')) {
    const [group = NaN, kilobytes = NaN] = line.trim().split(/\s+/).map(Number);
    if (Number.isFinite(group) && Number.isFinite(kilobytes)) found.set(group, (found.get(group) ?? 0) + kilobytes / 1024);
  }
  return found;
}
