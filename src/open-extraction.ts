import { type Log, stackOf } from './base/log.ts';
import type { ServerInfo } from '../contract/server-info.ts';
import type { Config } from './config/config.ts';
import { ConfinedExtractor } from './documents/reading/confined-extractor.ts';
import { Confinement } from './documents/reading/confinement.ts';
import { readingProgram } from './documents/reading/reading-program.ts';

export interface ExtractionParts {
  readonly config: Pick<Config, 'documents'>;
  readonly log: Log;
}

/** What reads documents, and how it is held. */
export interface OpenExtraction {
  readonly extractor: ConfinedExtractor;
  /** Resolves when the machine has been probed. */
  info(): Promise<ServerInfo['documents']>;
}

/**
 * Opens the reading of documents. What the machine has to confine it is tried out meanwhile, and said in a line of the log; nobody
 * waits for that but the first document. Reading processes end with `stack`.
 */
export function openExtraction({ config, log }: ExtractionParts, stack: AsyncDisposableStack): OpenExtraction {
  const { settings, programPath } = config.documents;
  const confinement = Confinement.probe(readingProgram(), programPath);
  confinement.then(
    (found) => report(found, log),
    (thrown: unknown) => {
      const frames = stackOf(thrown);
      log.write('error', 'documents cannot be read: how to confine it could not be found out', frames === undefined ? {} : { stack: frames });
    },
  );
  const extractor = stack.use(new ConfinedExtractor({ settings, confinement }));
  return { extractor, info: async () => infoOf(await confinement) };
}

const heldBy = {
  bubblewrap: 'documents are read by processes that see no file, no network and no other process (bubblewrap)',
  unshare: 'documents are read by processes without network (unshare); install bubblewrap to hide files from them as well',
  none: 'documents are read by processes that could use the network: neither bubblewrap nor unshare works here; install bubblewrap and allow user namespaces',
} as const;

function report(found: Confinement, log: Log): void {
  log.write(found.offline ? 'info' : 'warn', heldBy[found.kind]);
  if (!found.limitsMemory) log.write('warn', 'the memory of processes that read documents is watched, not limited: there is no prlimit here');
  if (found.ocr === undefined) log.write('info', 'text in pictures is not recognised: there is no tesseract here');
}

function infoOf({ kind, limitsMemory, ocr }: Confinement): ServerInfo['documents'] {
  const languages = ocr?.languages.filter((name) => name !== 'osd') ?? [];
  return { confinement: kind, memory: limitsMemory ? 'limited' : 'watched', ocrLanguages: [...languages] };
}
