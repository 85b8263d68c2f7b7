import { LRUCache } from 'lru-cache';
import { createHash } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import type { FileId } from '../base/id.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { documentText } from '../dialogue/document-text.ts';
import type { Content, Message, Part } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { storedFileIdOf } from '../dialogue/stored-file-url.ts';
import type { DocumentSource, ExtractedText } from '../documents/extraction.ts';
import { sniffedBytes, sniffMedia } from '../documents/sniff-media.ts';
import type { StoredFile } from '../documents/stored-file.ts';

export interface FilePartsDeps {
  /** Undefined: this scope has no such file. */
  file(scope: TenantScope, id: FileId): Promise<StoredFile | undefined>;
  read(file: StoredFile): AsyncIterable<Uint8Array>;
  /** What a stored document says. Throws `document_unreadable`. */
  textOf(file: StoredFile, signal?: AbortSignal): Promise<string>;
  /** What a document says that came with the request. Throws `document_unreadable`. */
  extract(source: DocumentSource, signal?: AbortSignal): Promise<Pick<ExtractedText, 'text'>>;
}

/** An image or a film goes to the upstream whole, in one JSON body. */
const mediaBytesMax = 32 * 1024 * 1024;
/** Texts of documents, since a conversation sends them again with each turn: so many UTF-16 units are remembered. */
const rememberedCharsMax = 16 * 1024 * 1024;
/** A document sent whole. */
const wholeData = /^data:([^;,]*)(?:;[^;,]*)*;base64,/;

/**
 * Puts what files say into a request in place of their names: a document that lies here becomes its text, an image or a film that lies
 * here goes along whole, and a document that came with the request is given its text, for upstreams that read text only.
 */
export class FileParts {
  readonly #deps: FilePartsDeps;
  readonly #remembered = new LRUCache<string, string>({ maxSize: rememberedCharsMax, sizeCalculation: (text) => Math.max(1, text.length) });

  constructor(deps: FilePartsDeps) {
    this.#deps = deps;
  }

  /**
   * `request` with its files. Throws `invalid_request` for a file that is not there, or is not what it is said to be, and
   * `document_unreadable` for one that lies here and cannot be read. What came with the request and cannot be read stays as it is.
   */
  async resolve(scope: TenantScope, request: DialogueRequest, signal?: AbortSignal): Promise<DialogueRequest> {
    const messages: Message[] = [];
    for (const [index, message] of request.messages.entries()) messages.push(await this.#message(scope, message, `messages.${index}`, signal));
    return { ...request, messages };
  }

  async #message(scope: TenantScope, message: Message, field: string, signal?: AbortSignal): Promise<Message> {
    const { content } = message;
    if (!namesFiles(content)) return message;
    const parts: Part[] = [];
    for (const [index, part] of content.entries()) parts.push(await this.#part(scope, part, `${field}.content.${index}`, signal));
    return { ...message, content: parts };
  }

  async #part(scope: TenantScope, part: Part, field: string, signal?: AbortSignal): Promise<Part> {
    if (!isFilePart(part)) return part;
    const id = storedFileIdOf(part.url);
    if (id === undefined) return part.type === 'file' ? this.#sent(part, signal) : part;
    const file = await this.#deps.file(scope, id);
    if (file === undefined) throw new Fault('invalid_request', { field, message: `${id} is not found; upload the file with POST /v1/files first` });
    if (part.type === 'file') {
      const said = this.#remembered.get(file.contentId) ?? (await this.#deps.textOf(file, signal));
      this.#remembered.set(file.contentId, said);
      const text = documentText(said, part.filename ?? file.filename);
      return { type: 'text', text, ...(part.extensions === undefined ? {} : { extensions: part.extensions }) };
    }
    return { ...part, url: await this.#mediaUrl(file, part.type, field) };
  }

  /** A document that came with the request, with its text. */
  async #sent(part: Part & { readonly type: 'file' }, signal?: AbortSignal): Promise<Part> {
    const head = wholeData.exec(part.url)?.[0];
    if (head === undefined || part.text !== undefined) return part;
    const { filename = 'document' } = part;
    const key = createHash('sha256').update(filename).update('\0').update(part.url).digest('base64');
    const known = this.#remembered.get(key);
    if (known !== undefined) return { ...part, text: known };
    const bytes = Buffer.from(part.url.slice(head.length), 'base64');
    const source: DocumentSource = {
      filename, bytes: bytes.length,
      async *read() {
        yield bytes;
      },
    };
    try {
      const { text } = await this.#deps.extract(source, signal);
      this.#remembered.set(key, text);
      return { ...part, text };
    } catch (thrown) {
      // Maybe an upstream can.
      if (thrown instanceof Fault && thrown.code === 'document_unreadable') return part;
      throw thrown;
    }
  }

  async #mediaUrl(file: StoredFile, kind: 'image' | 'video', field: string): Promise<string> {
    if (file.bytes > mediaBytesMax) {
      throw new Fault('invalid_request', { field, message: `${file.id} is larger than the ${mediaBytesMax / 1024 / 1024} MB that can be sent along with a request` });
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#deps.read(file)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    const mediaType = sniffMedia(bytes.subarray(0, sniffedBytes));
    if (mediaType?.startsWith(`${kind}/`) !== true) {
      throw new Fault('invalid_request', { field, message: `${file.id} is no ${kind}; send a document as a file part` });
    }
    return `data:${mediaType};base64,${bytes.toString('base64')}`;
  }
}

/** Whether anything must be fetched or read for `request`. Nearly always nothing must, and then nobody waits. */
export function needsFiles({ messages }: DialogueRequest): boolean {
  return messages.some(({ content }) => namesFiles(content));
}

function namesFiles(content: Content | undefined): content is readonly Part[] {
  return Array.isArray(content) && (content as readonly Part[]).some((part) => isFilePart(part) && (part.type === 'file' || storedFileIdOf(part.url) !== undefined));
}

function isFilePart(part: Part): part is Part & { readonly type: 'file' | 'image' | 'video' } {
  return part.type === 'file' || part.type === 'image' || part.type === 'video';
}
