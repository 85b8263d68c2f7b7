import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { Fault } from '../../src/base/fault.ts';
import type { DocumentSource, ExtractedText, Extractor } from '../../src/documents/extraction.ts';

/** An extractor that takes every document for a text; those that begin with `%BROKEN` are unreadable. */
export class ExtractorDouble implements Extractor {
  version = 'double-1';
  /** How many documents it was given. */
  reads = 0;
  /** Waited for before a document is read. */
  gate: Promise<void> = Promise.resolve();
  /** Of the documents that were given up. */
  aborted = 0;

  async extract(source: DocumentSource, signal?: AbortSignal): Promise<ExtractedText> {
    this.reads += 1;
    const givenUp = Promise.withResolvers<never>();
    signal?.addEventListener('abort', () => {
      this.aborted += 1;
      givenUp.reject(new Fault('caller_gone'));
    });
    await Promise.race([this.gate, givenUp.promise]);
    const content = await text(Readable.from(source.read()));
    if (content.startsWith('%BROKEN')) throw new Fault('document_unreadable', { message: 'the document is encrypted; send it without a password' });
    return { format: 'text', mimeType: 'text/plain', title: 'A title', text: `# ${content}`, notes: ['page 2 has no text'] };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
