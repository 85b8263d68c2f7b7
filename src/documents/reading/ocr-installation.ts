import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { parseLanguageList } from '../formats/ocr.ts';
import { findProgram } from './program-search.ts';

/** The `tesseract` of this machine. */
export interface OcrInstallation {
  readonly program: string;
  readonly languages: readonly string[];
  /** Where its language packs lie. */
  readonly languageFolder: string;
}

const listLimitMs = 10_000;

/** Undefined when it is not there, does not start, or has learned no language. */
export async function findOcr(folders: readonly string[]): Promise<OcrInstallation | undefined> {
  const found = await findProgram('tesseract', folders);
  if (found === undefined) return undefined;
  const program = await realpath(found);
  const output = await new Promise<string>((resolve) => {
    execFile(program, ['--list-langs'], { env: {}, cwd: '/', timeout: listLimitMs, killSignal: 'SIGKILL' }, (error, text) => resolve(error === null ? text : ''));
  });
  const { folder, languages } = parseLanguageList(output);
  if (folder === undefined || languages.every((name) => name === 'osd')) return undefined;
  return { program, languages, languageFolder: folder };
}
