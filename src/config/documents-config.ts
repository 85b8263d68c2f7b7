import { availableParallelism } from 'node:os';
import { type ReadingSettings, readingSettings } from '../documents/reading/reading-limits.ts';
import type { ConfigDocument } from './config-file.ts';
import type { ReadVariable } from './environment-reader.ts';

export interface DocumentsConfig {
  readonly settings: ReadingSettings;
  /** Where the programs are looked for that hold reading processes, and that recognise text: `PATH`. */
  readonly programPath?: string;
}

/** `documents:`, with what depends on the machine filled in. */
export function documentsConfig(document: ConfigDocument, read: ReadVariable): DocumentsConfig {
  const programPath = read('PATH');
  return { settings: readingSettings(availableParallelism(), document.file.documents ?? {}), ...(programPath === undefined ? {} : { programPath }) };
}
