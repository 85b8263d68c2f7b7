/** What a command sees of the world outside; injected so that tests own it. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths begin. */
  readonly folder: string;
  nowMs(): number;
  /** Whether a person sees what is said by `err` at once, and a line can be written over. */
  readonly live: boolean;
  /** Calls `listener` in place of ending at Ctrl-C, once, until the function that is returned has been called. */
  onInterrupt(listener: () => void): () => void;
  out(text: string): void;
  err(text: string): void;
  /**
   * Runs the server program with these arguments in our place, with our stdio. Resolves with its exit code.
   * Rejects when it does not start.
   */
  runServer(args: readonly string[]): Promise<number>;
}
