import type { JsonObject } from '../../base/json.ts';
import { documentText } from '../../dialogue/document-text.ts';
import type { Extensions, Loss } from '../../dialogue/extensions.ts';
import type { Content, Part } from '../../dialogue/message.ts';
import type { MessagesDialect } from './messages-dialect.ts';
import { messagesExtensions } from './messages-extensions.ts';

/** A document sent whole: its media type and its bytes. */
const wholeData = /^data:([^;,]+);base64,(.*)$/s;

/**
 * Content as blocks. Empty texts are left out: they say nothing, and are refused. What cannot be carried is added to `losses`;
 * `field` is the path of the message.
 */
export function encodeContent(content: Content | undefined, field: string, dialect: MessagesDialect, losses: Loss[]): JsonObject[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  const blocks: JsonObject[] = [];
  for (let index = 0; index < content.length; index += 1) {
    const part = content[index];
    if (part === undefined) continue;
    const at = `${field}.content.${index}`;
    if (part.type !== 'opaque') messagesExtensions.declareForeign(part.extensions, at, losses);
    const block = encodePart(part, at, dialect, losses);
    if (block !== undefined) blocks.push(block);
  }
  return blocks;
}

function encodePart(part: Part, field: string, dialect: MessagesDialect, losses: Loss[]): JsonObject | undefined {
  const lose = (reason: string): undefined => {
    losses.push({ field, reason });
    return undefined;
  };
  switch (part.type) {
    case 'text':
      return part.text === '' ? undefined : messagesExtensions.joined({ type: 'text', text: part.text }, part.extensions);
    case 'image': {
      const source = sourceOf(part.url);
      if (source['type'] === 'url' && !dialect.imageUrlSchemes.some((scheme) => part.url.startsWith(scheme))) {
        return lose('this upstream does not fetch images of such addresses; send the image itself');
      }
      if (part.detail !== undefined && part.detail !== 'auto') losses.push({ field: `${field}.detail`, reason: 'this protocol does not know it' });
      return messagesExtensions.joined({ type: 'image', source }, part.extensions);
    }
    case 'file': {
      const { url, filename, text, extensions } = part;
      if (!dialect.documents && text !== undefined) {
        messagesExtensions.declareHomeless(extensions, field, losses);
        return spokenBlock(documentText(text, filename), extensions);
      }
      if (!dialect.documents) return lose('this upstream takes no documents');
      const title = filename === undefined ? {} : { title: filename };
      return messagesExtensions.joined({ type: 'document', source: sourceOf(url), ...title }, part.extensions);
    }
    case 'video':
      return lose('this protocol has no videos');
    case 'opaque': {
      if (part.protocol !== messagesExtensions.protocol) return lose('only the protocol that it came by knows this kind of content');
      const type = part.value['type'];
      if (typeof type === 'string' && dialect.blocksRefused.includes(type)) return lose(`this upstream takes no ${type} blocks`);
      return part.value;
    }
  }
}

/** What a document says, with what texts may have as well: where a cache is to begin. The rest belongs to documents, and would be refused. */
function spokenBlock(text: string, extensions: Extensions | undefined): JsonObject | undefined {
  const cacheControl = extensions?.[messagesExtensions.protocol]?.['cache_control'];
  return text === '' ? undefined : { type: 'text', text, ...(cacheControl === undefined ? {} : { cache_control: cacheControl }) };
}

function sourceOf(url: string): JsonObject {
  const whole = wholeData.exec(url);
  if (whole === null) return { type: 'url', url };
  return { type: 'base64', media_type: whole[1] ?? '', data: whole[2] ?? '' };
}
