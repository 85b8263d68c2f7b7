import { extname } from 'node:path';
import { LRUCache } from 'lru-cache';
import { Fault } from '../base/fault.ts';
import type { FileId } from '../base/id.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { documentText } from '../dialogue/document-text.ts';
import type { Content, Message, Part } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { namesStoredFile, storedFileIdOf } from '../dialogue/stored-file-url.ts';
import type { DocumentSource, ExtractedText } from '../documents/extraction.ts';
import { sniffedBytes, sniffMedia } from '../documents/sniff-media.ts';
import type { StoredFile } from '../documents/stored-file.ts';
import { sentDocument } from './sent-document.ts';

export interface FilePartsDeps {
  /** Undefined: this scope has no such file. */
  file(scope: TenantScope, id: FileId): Promise<StoredFile | undefined>;
  read(file: StoredFile): AsyncIterable<Uint8Array>;
  /** What a stored document says. Throws `document_unreadable`, and `documents_busy`. */
  textOf(file: StoredFile, signal?: AbortSignal): Promise<string>;
  /** What a document says that came with the request. Throws the same. */
  extract(source: DocumentSource, signal?: AbortSignal): Promise<Pick<ExtractedText, 'text'>>;
}

/** Images and films of one request go to the upstream whole, in one JSON body: they may have so many bytes together, as often as each is named. */
const mediaBytesMax = 32 * 1024 * 1024;
/** What the documents of one request may say together, in UTF-16 units: far more than any model reads. */
const textUnitsMax = 16 * 1024 * 1024;
/** So many documents that came with one request are read; the others stay as they are. */
const sentReadMax = 20;
/** What documents have said lately, since a conversation sends them again with each turn: so many UTF-16 units are remembered. */
const rememberedUnitsMax = 16 * 1024 * 1024;
/** For a document of which nothing could be read. */
const wordless = '(no text could be read in this document)';

/**
 * Puts what files say into a request in place of their names: a document that lies here becomes its text, an image or a film that lies
 * here goes along whole, and a document that came with the request is given its text, for upstreams that read text only.
 */
export class FileParts {
  readonly #deps: FilePartsDeps;
  readonly #remembered = new LRUCache<string, string>({ maxSize: rememberedUnitsMax, sizeCalculation: (text) => text.length + 100 });

  constructor(deps: FilePartsDeps) {
    this.#deps = deps;
  }

  /**
   * `request` with its files. Throws `invalid_request` for a file that is not there, is not what it is said to be, or is too much for one
   * request, `prompt_too_long` for documents that say too much, `document_unreadable` for one that lies here and cannot be read,
   * `documents_busy`, and `caller_gone` when `signal` aborts. What came with the request is read for those of `readers` who do not read it
   * themselves; it stays as it is when it cannot be read and some of them may, and is refused when none can.
   */
  async resolve(scope: TenantScope, request: DialogueRequest, readers: DocumentReaders, signal?: AbortSignal): Promise<DialogueRequest> {
    const resolving = new Resolving(this.#deps, this.#remembered, scope, readers, signal);
    const messages: Message[] = [];
    for (const [index, message] of request.messages.entries()) messages.push(await resolving.message(message, `messages.${index}`));
    return { ...request, messages };
  }
}

/** Who of those that may answer a request reads documents that come with it: `none`, `some`, `all`. */
export type DocumentReaders = 'none' | 'some' | 'all';

/** One request being resolved: each file is fetched once, however often it is named, and all of them together have a bound. */
class Resolving {
  readonly #deps: FilePartsDeps;
  readonly #remembered: LRUCache<string, string>;
  readonly #scope: TenantScope;
  readonly #readers: DocumentReaders;
  readonly #signal: AbortSignal | undefined;
  readonly #files = new Map<FileId, StoredFile>();
  readonly #mediaUrls = new Map<FileId, string>();
  #mediaBytes = 0;
  #textUnits = 0;
  #sentRead = 0;

  constructor(deps: FilePartsDeps, remembered: LRUCache<string, string>, scope: TenantScope, readers: DocumentReaders, signal: AbortSignal | undefined) {
    this.#deps = deps;
    this.#remembered = remembered;
    this.#scope = scope;
    this.#readers = readers;
    this.#signal = signal;
  }

  async message(message: Message, field: string): Promise<Message> {
    const { content } = message;
    if (!namesFiles(content)) return message;
    const parts: Part[] = [];
    for (const [index, part] of content.entries()) parts.push(await this.#part(part, `${field}.content.${index}`));
    return { ...message, content: parts };
  }

  async #part(part: Part, field: string): Promise<Part> {
    if (!isFilePart(part)) return part;
    this.#refuseIfGone();
    if (!namesStoredFile(part.url)) return part.type === 'file' ? this.#sent(part, field) : part;
    const file = await this.#file(part.url, field);
    if (part.type !== 'file') return { ...part, url: await this.#mediaUrl(file, part.type, field) };
    const text = documentText((await this.#storedText(file)) || wordless, part.filename ?? file.filename);
    this.#count(text, field);
    return { type: 'text', text, ...(part.extensions === undefined ? {} : { extensions: part.extensions }) };
  }

  async #file(url: string, field: string): Promise<StoredFile> {
    const id = storedFileIdOf(url);
    const file = id === undefined ? undefined : (this.#files.get(id) ?? (await this.#deps.file(this.#scope, id)));
    if (file === undefined) {
      throw new Fault('invalid_request', { field, message: `the file ${url.slice('ms://'.length, 128).toWellFormed()} is not found; upload it with POST /v1/files, and name it by the id that this gives` });
    }
    this.#files.set(file.id, file);
    return file;
  }

  async #storedText(file: StoredFile): Promise<string> {
    // The ending decides how the same bytes are read.
    const key = `${file.contentId} ${extname(file.filename)}`;
    const text = this.#remembered.get(key) ?? (await this.#deps.textOf(file, this.#signal)).trim();
    this.#remembered.set(key, text);
    return text;
  }

  /** A document that came with the request, with its text. */
  async #sent(part: Part & { readonly type: 'file' }, field: string): Promise<Part> {
    if (part.text !== undefined || this.#readers === 'all') return part;
    const document = await sentDocument(part.url, part.filename ?? 'document');
    if (document === undefined) return this.#unread(part, () => new Fault('invalid_request', { field, message: 'documents are not fetched from addresses; send the document itself, or upload it with POST /v1/files' }));
    const key = `${this.#scope.tenantId} ${this.#scope.mode} ${document.key}`;
    const text = this.#remembered.get(key) ?? (await this.#read(document, field));
    if (text instanceof Fault) return this.#unread(part, () => text);
    this.#remembered.set(key, text);
    if (text === '') return this.#unread(part, () => new Fault('document_unreadable', { field, message: 'no text could be read in this document' }));
    this.#count(text, field);
    return { ...part, text };
  }

  /** Some upstream may do better; where none can, its sender is told. */
  #unread(part: Part, why: () => Fault): Part {
    if (this.#readers === 'none') throw why();
    return part;
  }

  /** What a document says, or why that cannot be known now. */
  async #read(document: DocumentSource, field: string): Promise<string | Fault> {
    if (this.#sentRead === sentReadMax) return new Fault('invalid_request', { field, message: `of the documents that come with one request ${sentReadMax} are read; upload the others with POST /v1/files` });
    this.#sentRead += 1;
    try {
      return (await this.#deps.extract({ ...document, owner: `${this.#scope.tenantId} ${this.#scope.mode}` }, this.#signal)).text.trim();
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === 'document_unreadable') return new Fault('document_unreadable', { field, message: thrown.message, cause: thrown });
      if (thrown instanceof Fault && thrown.code === 'documents_busy') return thrown;
      throw thrown;
    }
  }

  #count(text: string, field: string): void {
    this.#textUnits += text.length;
    if (this.#textUnits <= textUnitsMax) return;
    throw new Fault('prompt_too_long', { field, message: 'the documents of this request say more than any model can read; name fewer, or send the parts that matter' });
  }

  async #mediaUrl(file: StoredFile, kind: 'image' | 'video', field: string): Promise<string> {
    this.#mediaBytes += file.bytes;
    if (this.#mediaBytes > mediaBytesMax) {
      throw new Fault('invalid_request', { field, message: `with ${file.id} the images and films of this request have more than the ${mediaBytesMax / 1024 / 1024} MB that can be sent along` });
    }
    const url = this.#mediaUrls.get(file.id) ?? (await this.#readMedia(file));
    this.#mediaUrls.set(file.id, url);
    if (url.startsWith(`data:${kind}/`)) return url;
    throw new Fault('invalid_request', { field, message: `${file.id} is no ${kind}; send a document as a file part` });
  }

  async #readMedia(file: StoredFile): Promise<string> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#deps.read(file)) {
      this.#refuseIfGone();
      pieces.push(piece);
    }
    const bytes = Buffer.concat(pieces);
    return `data:${sniffMedia(bytes.subarray(0, sniffedBytes)) ?? 'application/octet-stream'};base64,${bytes.toString('base64')}`;
  }

  #refuseIfGone(): void {
    if (this.#signal?.aborted === true) throw new Fault('caller_gone');
  }
}

/** Whether anything must be fetched or read for `request`. Nearly always nothing must, and then nobody waits. */
export function needsFiles({ messages }: DialogueRequest): boolean {
  return messages.some(({ content }) => namesFiles(content));
}

function namesFiles(content: Content | undefined): content is readonly Part[] {
  return Array.isArray(content) && (content as readonly Part[]).some((part) => isFilePart(part) && (part.type === 'file' || namesStoredFile(part.url)));
}

function isFilePart(part: Part): part is Part & { readonly type: 'file' | 'image' | 'video' } {
  return part.type === 'file' || part.type === 'image' || part.type === 'video';
}
