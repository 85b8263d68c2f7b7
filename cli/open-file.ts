import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** A file of this machine, to be read while it is sent. Throws `CommandFailure` when there is none of that path. */
export async function openFile(path: string, terminal: Terminal): Promise<Blob> {
  const whole = resolve(terminal.folder, path);
  try {
    if (!(await stat(whole)).isDirectory()) return await openAsBlob(whole);
  } catch (thrown) {
    const isMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
    throw new CommandFailure('unreadable', isMissing ? 'there is no such file' : 'it cannot be read');
  }
  throw new CommandFailure('unreadable', 'this is a folder: name the files in it');
}
