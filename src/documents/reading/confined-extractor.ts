import { Fault } from '../../base/fault.ts';
import type { DocumentSource, ExtractedText, Extractor } from '../extraction.ts';
import type { Confinement } from './confinement.ts';
import { ReadingDesk } from './reading-desk.ts';
import { FairTurns } from './fair-turns.ts';
import type { ReadingRequest } from './reading-frame.ts';
import type { ReadingSettings } from './reading-limits.ts';
import type { Ending, Reading } from './reading-process.ts';

export interface ConfinedExtractorDeps {
  readonly settings: ReadingSettings;
  /** Being probed: who sends a document before that is done waits for it. */
  readonly confinement: Promise<Confinement>;
}

/** To be counted up with every change of a reader after which documents are to be read again. */
const readersVersion = 'readers-1';

/** Of the time for a document, what its pictures may take together: the rest is for opening it, rendering and answering. */
const pictureShare = 0.7;

interface Means {
  readonly confinement: Confinement;
  readonly desk: ReadingDesk;
}

function meansOf({ limits, spares }: ReadingSettings, confinement: Confinement): Means {
  const { ps, limitsMemory } = confinement;
  const watch = limitsMemory || ps === undefined ? undefined : { ps, memoryMb: limits.memoryMb };
  return { confinement, desk: new ReadingDesk({ command: confinement.command(limits), spares, ...(watch === undefined ? {} : { watch }) }) };
}

/**
 * Has each document read by a process of its own, which holds nothing else and cannot reach anything: no files, no network, no
 * secrets, bounded in memory, time and output, and killed with all its children when it is done, when it takes too much, and when
 * nobody waits for it any more. See docs/decisions/0022-documents-are-read-elsewhere.md.
 */
export class ConfinedExtractor implements Extractor {
  readonly #deps: ConfinedExtractorDeps;
  readonly #means: Promise<Means>;
  readonly #turns: FairTurns;
  /** What pictures are read with: when a language is installed, they are to be read again. */
  #pictures = 'unknown';

  constructor(deps: ConfinedExtractorDeps) {
    this.#deps = deps;
    this.#turns = new FairTurns(deps.settings);
    this.#means = deps.confinement.then((confinement) => {
      this.#pictures = confinement.ocr === undefined ? 'none' : confinement.ocr.languages.join('.').toLowerCase().replace(/[^a-z0-9.]/g, '-');
      return meansOf(deps.settings, confinement);
    });
    this.#means.catch(() => undefined);
  }

  get version(): string {
    return `${readersVersion}-${this.#deps.settings.limits.format.textCharsMax}-${this.#pictures}`;
  }

  /**
   * Throws `document_unreadable` with why and what to do, `documents_busy` when too many wait, of the document's owner or at all, `caller_gone` when `signal` aborts it,
   * `shutting_down`, and what the source throws.
   */
  async extract(source: DocumentSource, signal?: AbortSignal): Promise<ExtractedText> {
    const owner = source.owner ?? '';
    await this.#turns.enter(owner, signal);
    try {
      this.#turns.refuseIfOver(signal);
      return await this.#readIn(source, signal);
    } finally {
      this.#turns.leave(owner);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#turns.close();
    const { desk } = await this.#means;
    await desk[Symbol.asyncDispose]();
  }

  async #readIn(source: DocumentSource, signal: AbortSignal | undefined): Promise<ExtractedText> {
    const { desk, confinement } = await this.#means;
    this.#turns.refuseIfOver(signal);
    const result = desk.read(this.#request(source, confinement), source.read(), signal);
    await result.then(() => undefined, () => undefined);
    // Whatever came of it: that its caller is gone, or the server closes, is the reason.
    this.#turns.refuseIfOver(signal);
    return this.#textOf(await result);
  }

  #request({ filename, bytes }: DocumentSource, { ocr, ocrCommand: command }: Confinement): ReadingRequest {
    const { format, timeMs } = this.#deps.settings.limits;
    const pictures = ocr === undefined || command === undefined ? {} : { ocr: { command, languages: ocr.languages, budgetMs: timeMs * pictureShare } };
    return { filename, bytes, limits: format, timeMs, ...pictures };
  }

  #textOf(reading: Reading): ExtractedText {
    switch (reading.kind) {
      case 'text':
        return { ...reading.facts, text: reading.text };
      case 'failure':
        throw unreadable(reading.failure.reason === 'memory' ? this.#endingText('memory') : reading.failure.message);
      case 'ended':
        throw unreadable(this.#endingText(reading.ending));
    }
  }

  #endingText(ending: Ending): string {
    const { memoryMb, timeMs } = this.#deps.settings.limits;
    switch (ending) {
      case 'time':
        return `the document could not be read within ${timeMs / 1000} s; send it in smaller parts`;
      case 'memory':
        return `the document needs more than ${memoryMb} MB of memory to be read; send it in smaller parts`;
      case 'breach':
        return 'the document unfolds to more than may come out of one document; send it in smaller parts';
      case 'crash':
      case 'killed':
        return 'the document is damaged: reading it broke off; save it anew and send it again';
    }
  }
}

function unreadable(message: string): Fault {
  return new Fault('document_unreadable', { message });
}
