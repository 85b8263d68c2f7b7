import { readdirSync, readFileSync } from 'node:fs';

/** How often to look, and of what. */
const everyMs = 40;

/** Watches how much memory the processes below this one take, on Linux; elsewhere nothing is known. */
export class ChildMemory implements Disposable {
  /** The most that any of them had resident, in bytes. */
  peakBytes = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#look(), everyMs);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (process.platform !== 'linux') return;
    const parents = new Map<number, number>();
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name)) parents.set(Number(name), statusOf(name)?.parent ?? 0);
    }
    for (const pid of parents.keys()) {
      if (isBelow(pid, parents)) this.peakBytes = Math.max(this.peakBytes, statusOf(String(pid))?.peakBytes ?? 0);
    }
  }
}

function isBelow(pid: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at = parents.get(pid) ?? 0; at > 1; at = parents.get(at) ?? 0) if (at === process.pid) return true;
  return false;
}

/** Undefined: it has ended meanwhile. */
function statusOf(pid: string): { readonly parent: number; readonly peakBytes: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return { parent: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0), peakBytes: Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1024 };
  } catch {
    return undefined;
  }
}
