/** One file that may do what others may not. An allowance that its file no longer needs is reported by the rule itself. */
export interface Allowance {
  readonly path: string;
  readonly why: string;
}

/** Files of src/, besides base/clock.ts, that may read the clock or set timers themselves. */
export const clockAllowances: readonly Allowance[] = [
  { path: 'src/storage/folder-lock.ts', why: 'waits for the holder’s name at the start, and must keep the process alive meanwhile, which `Clock.after` does not' },
];

/** Files besides main, start, cli, launch and the tools that may end the process. */
export const exitAllowances: readonly Allowance[] = [
  { path: 'src/documents/reading/reader.ts', why: 'a program of its own, started for one document: it ends itself when that is read or its keeper is gone' },
];

/** Files besides client/ and the tools that may call `fetch`. */
export const fetchAllowances: readonly Allowance[] = [
  { path: 'src/tokens/tokenizer-file.ts', why: 'gets one file, once, when the operator says `tokenizer install --from <url>`; never on the way of a request' },
];
