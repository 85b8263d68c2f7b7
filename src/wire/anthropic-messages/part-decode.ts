import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { Content, Part } from '../../dialogue/message.ts';
import { storedFileUrl } from '../../dialogue/stored-file-url.ts';
import { messagesExtensions } from './messages-extensions.ts';
import { invalidRequest, type MessagesBlock } from './messages-request-schema.ts';

const textFields: ReadonlySet<string> = new Set(['type', 'text']);
const referenceFields: ReadonlySet<string> = new Set(['type', 'tool_name']);
const imageFields: ReadonlySet<string> = new Set(['type', 'source']);
const documentFields: ReadonlySet<string> = new Set(['type', 'source', 'title']);
const inlinedFields: ReadonlySet<string> = new Set(['type', 'source', 'title', 'context', 'content', 'citations']);

/**
 * Content that is no call, no result and no thinking: a text, or blocks (responses-ark-anthropic-batch.md 3.2). `field` is its path.
 * Empty texts are left out, since upstreams refuse them. Throws `invalid_request` faults.
 */
export function decodeContent(content: string | readonly MessagesBlock[], field: string): Content {
  if (typeof content === 'string') return content;
  return content.flatMap((block, index) => decodeParts(block, `${field}.${index}`));
}

/** One content block as parts: one, several for a document that is made of blocks, none for an empty text. */
export function decodeParts(value: unknown, field: string): Part[] {
  if (!isJsonObject(value)) throw invalidRequest(field, 'Input should be a valid dictionary');
  switch (value['type']) {
    case 'text': {
      const text = requiredText(value, 'text', `${field}.text`);
      return text === '' ? [] : [{ type: 'text', text, ...messagesExtensions.of(value, textFields) }];
    }
    case 'image':
      return [decodeImage(value, `${field}.image`)];
    case 'document':
      return decodeDocument(value, `${field}.document`);
    case 'search_result': {
      const found = value['content'];
      const texts = Array.isArray(found) ? (found as readonly JsonValue[]).map((each) => (isJsonObject(each) ? textOf(each['text']) : '')) : [];
      const text = joined([textOf(value['title']), textOf(value['source']), ...texts]);
      return text === '' ? [] : [{ type: 'text', text, ...cacheControlOf(value) }];
    }
    case 'tool_reference':
      // How Claude Code's ToolSearch says what it found; nobody but Anthropic takes the block (responses-ark-anthropic-batch.md 3.8).
      return [{ type: 'text', text: `The tool ${requiredText(value, 'tool_name', `${field}.tool_name`)} is available now.`, ...messagesExtensions.of(value, referenceFields) }];
    default:
      if (typeof value['type'] !== 'string') throw invalidRequest(`${field}.type`, 'Field required');
      return [opaque(value)];
  }
}

/** A block that only this protocol understands. */
export function opaque(value: JsonObject): Part {
  return { type: 'opaque', protocol: messagesExtensions.protocol, value };
}

function decodeImage(block: JsonObject, field: string): Part {
  const source = sourceOf(block, field);
  const url = urlOf(source, field);
  return url === undefined ? opaque(block) : { type: 'image', url, ...messagesExtensions.of(block, imageFields) };
}

/** Plain text, and what is made of blocks, is spoken in the prompt: any model reads that. The rest is a file. */
function decodeDocument(block: JsonObject, field: string): Part[] {
  const source = sourceOf(block, field);
  const heading = joined([textOf(block['title']), textOf(block['context'])]);
  if (source['type'] === 'text') {
    const text = joined([heading, requiredText(source, 'data', `${field}.source.text`)]);
    return text === '' ? [] : [{ type: 'text', text, ...cacheControlOf(block) }];
  }
  if (source['type'] === 'content') {
    const { content } = source;
    const title: Part[] = heading === '' ? [] : [{ type: 'text', text: heading }];
    if (typeof content === 'string') return [...title, { type: 'text', text: content, ...cacheControlOf(block) }];
    const list = Array.isArray(content) ? (content as readonly JsonValue[]) : [];
    return [...title, ...list.flatMap((each, index) => decodeParts(each, `${field}.source.content.content.${index}`))];
  }
  const url = urlOf(source, field);
  if (url === undefined) return [opaque(block)];
  const title = textOf(block['title']);
  // One that lies here becomes plain text.
  const extensions = source['type'] === 'file' ? cacheControlOf(block) : messagesExtensions.of(block, documentFields);
  return [{ type: 'file', url, ...(title === '' ? {} : { filename: title }), ...extensions }];
}

function sourceOf(block: JsonObject, field: string): JsonObject {
  const { source } = block;
  if (source === undefined) throw invalidRequest(`${field}.source`, 'Field required');
  if (!isJsonObject(source)) throw invalidRequest(`${field}.source`, 'Input should be a valid dictionary');
  return source;
}

/** `base64`, `url`, and a `file` that lies here; undefined for every other kind. */
function urlOf(source: JsonObject, field: string): string | undefined {
  if (source['type'] === 'base64') {
    const mediaType = requiredText(source, 'media_type', `${field}.source.base64`);
    return `data:${mediaType};base64,${requiredText(source, 'data', `${field}.source.base64`)}`;
  }
  if (source['type'] === 'file') return storedFileUrl(requiredText(source, 'file_id', `${field}.source.file`));
  return source['type'] === 'url' ? requiredText(source, 'url', `${field}.source.url`) : undefined;
}

/** A text that must be there. `field` is the path of what holds it. */
export function requiredText(holder: JsonObject, name: string, field: string): string {
  const value = holder[name];
  if (value === undefined) throw invalidRequest(`${field}.${name}`, 'Field required');
  if (typeof value !== 'string') throw invalidRequest(`${field}.${name}`, 'Input should be a valid string');
  return value;
}

/** What is left of a block's fields once the block has become plain text: those that belong to documents would be refused on it. */
function cacheControlOf(block: JsonObject): Pick<Part & { type: 'text' }, 'extensions'> {
  return messagesExtensions.of(block, inlinedFields);
}

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('\n\n');
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
