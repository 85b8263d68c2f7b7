import { extname } from 'node:path';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { documentText } from '../../dialogue/document-text.ts';
import type { Content, Part } from '../../dialogue/message.ts';
import { storedFileUrl } from '../../dialogue/stored-file-url.ts';
import { responsesExtensions } from './responses-extensions.ts';
import { missingField } from './responses-fault.ts';

const textFields: ReadonlySet<string> = new Set(['type', 'text']);
const outputTextFields: ReadonlySet<string> = new Set(['type', 'text', 'annotations', 'logprobs']);
const imageFields: ReadonlySet<string> = new Set(['type', 'image_url', 'detail', 'file_id']);
const fileFields: ReadonlySet<string> = new Set(['type', 'file_data', 'file_url', 'file_id', 'filename', 'detail']);
const videoFields: ReadonlySet<string> = new Set(['type', 'video_url']);

/**
 * The parts of a message, or what a call resulted in. Texts alone are one text, where there is one. `field`: their path. Throws for
 * images and files that are not there at all.
 */
export function decodeContent(content: JsonValue | undefined, field: string): Content {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return null;
  const list = content as readonly JsonValue[];
  const parts = list.flatMap((part, index) => (isJsonObject(part) ? [decodePart(part, `${field}.${index}`)] : []));
  const [only] = parts;
  return parts.length === 1 && only?.type === 'text' && only.extensions === undefined ? only.text : parts;
}

function decodePart(part: JsonObject, field: string): Part {
  switch (part['type']) {
    case 'input_text':
    case 'summary_text':
      return { type: 'text', text: textOf(part['text']), ...responsesExtensions.of(part, textFields) };
    case 'output_text':
      return { type: 'text', text: textOf(part['text']), ...outputExtensions(part) };
    case 'input_image':
      return decodeImage(part, field);
    case 'input_file':
      return decodeFile(part, field);
    case 'input_video':
      return { type: 'video', url: textOf(part['video_url']), ...responsesExtensions.of(part, videoFields) };
    default:
      return { type: 'opaque', protocol: responsesExtensions.protocol, value: part };
  }
}

/** Sources that a text cites are kept; that there are none is not worth a word. */
function outputExtensions(part: JsonObject): ReturnType<(typeof responsesExtensions)['of']> {
  const { annotations } = part;
  const cites = Array.isArray(annotations) && annotations.length > 0;
  return responsesExtensions.of(part, cites ? textFields : outputTextFields);
}

function decodeImage(part: JsonObject, field: string): Part {
  const { detail } = part;
  const url = storedUrlIn(part) ?? part['image_url'];
  if (typeof url !== 'string' || url === '') throw missingField(`${field}.image_url`);
  return { type: 'image', url, ...(typeof detail === 'string' ? { detail } : {}), ...responsesExtensions.of(part, imageFields) };
}

function decodeFile(part: JsonObject, field: string): Part {
  const { file_data: data, filename: given } = part;
  const link = storedUrlIn(part) ?? part['file_url'];
  const filename = typeof given === 'string' && given !== '' ? given : undefined;
  const extensions = responsesExtensions.of(part, fileFields);
  if (typeof data === 'string' && data !== '') {
    const url = data.startsWith('data:') ? data : `data:${mediaTypes[extname(filename ?? '').toLowerCase()] ?? 'application/octet-stream'};base64,${data}`;
    const text = textIn(url);
    if (text !== undefined) return { type: 'text', text: documentText(text, filename), ...extensions };
    return { type: 'file', url, ...(filename === undefined ? {} : { filename }), ...extensions };
  }
  if (typeof link !== 'string' || link === '') throw missingField(`${field}.file_data`);
  return { type: 'file', url: link, ...(filename === undefined ? {} : { filename }), ...extensions };
}

/** The uploaded file that a part names. */
function storedUrlIn({ file_id: id }: JsonObject): string | undefined {
  return typeof id === 'string' && id !== '' ? storedFileUrl(id) : undefined;
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.pdf': 'application/pdf', '.txt': 'text/plain', '.md': 'text/markdown', '.csv': 'text/csv', '.html': 'text/html', '.json': 'application/json',
};

/** The text of a `data:` URL that holds one: any model can read it, whereas few upstreams take files. */
function textIn(url: string): string | undefined {
  const match = /^data:(text\/[\w.+-]+|application\/json)((?:;[\w.+-]+=[^;,]*)*)(;base64)?,/i.exec(url);
  if (match === null) return undefined;
  const body = url.slice(match[0].length);
  if (match[3] !== undefined) return Buffer.from(body, 'base64').toString('utf8');
  try {
    return decodeURIComponent(body);
  } catch {
    return undefined;
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
