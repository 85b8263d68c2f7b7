import { Readable } from 'node:stream';

/** A file to be sent as a form (RFC 7578). */
export interface FormFile {
  /** Letters, digits, `_`, `-` and `.`. */
  readonly filename: string;
  /** Of what `open` gives; another number breaks the request off. */
  readonly bytes: number;
  readonly mediaType: string;
  open(): AsyncIterable<Uint8Array>;
}

/**
 * No line of a JSONL file can begin with it: those are JSON objects, and in texts within them a line's end is escaped.
 */
const boundary = '----moongate-form';

/** A form of `fields` and one file, in a field named `file`, as a body that is read while it is sent. */
export function multipartFile(fields: Readonly<Record<string, string>>, file: FormFile): { readonly headers: readonly string[]; readonly body: Readable } {
  const head = Object.entries(fields).map(([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join('')
    + `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${file.filename}"\r\ncontent-type: ${file.mediaType}\r\n\r\n`;
  const tail = `\r\n--${boundary}--\r\n`;
  const length = Buffer.byteLength(head) + file.bytes + Buffer.byteLength(tail);
  async function* parts(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(head);
    yield* file.open();
    yield Buffer.from(tail);
  }
  return {
    headers: ['content-type', `multipart/form-data; boundary=${boundary}`, 'content-length', String(length)],
    body: Readable.from(parts(), { objectMode: false }),
  };
}
