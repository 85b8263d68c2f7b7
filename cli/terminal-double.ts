import type { Terminal } from './terminal.ts';

/** A terminal for tests: remembers what was said and which server programs were run. */
export class TerminalDouble implements Terminal {
  readonly env: Record<string, string | undefined>;
  readonly folder: string;
  live = false;
  readonly runs: (readonly string[])[] = [];
  /** What is called at Ctrl-C. */
  readonly interrupts = new Set<() => void>();
  stdout = '';
  stderr = '';
  /** What the next server program exits with, or why it does not start. */
  outcome: number | Error = 0;

  constructor(folder: string, env: Record<string, string | undefined> = {}) {
    this.folder = folder;
    this.env = env;
  }

  nowMs(): number {
    return Date.parse('2026-06-01T00:00:00Z');
  }

  onInterrupt(listener: () => void): () => void {
    this.interrupts.add(listener);
    return () => void this.interrupts.delete(listener);
  }

  out(text: string): void {
    this.stdout += text;
  }

  err(text: string): void {
    this.stderr += text;
  }

  async runServer(args: readonly string[]): Promise<number> {
    this.runs.push(args);
    if (this.outcome instanceof Error) throw this.outcome;
    return this.outcome;
  }
}
