import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** The text of the CSV file that a command was given; `header` says what it should begin with. Throws `CommandFailure`. */
export function readCsv(file: string, header: string, terminal: Terminal): string {
  try {
    return readFileSync(resolve(terminal.folder, file), 'utf8');
  } catch {
    throw new CommandFailure('file_unreadable', `${file} cannot be read; give the path of a CSV file with the header ${header}`);
  }
}
