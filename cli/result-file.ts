import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Writes a command's answer to the file that `--out` names, in place of what it held. Throws `CommandFailure` when that cannot be. */
export function writeResult(path: string, text: string, terminal: Terminal): void {
  try {
    writeFileSync(resolve(terminal.folder, path), text);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CommandFailure('not_written', `${path} cannot be written (${reason}); name another file with --out`);
  }
}
