import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FilesServer, startFilesServer } from '../doubles/files-server.ts';

let server: FilesServer;

beforeAll(async () => void (server = await startFilesServer({ fileBytesMax: 300_000, batchFileBytesMax: 400_000 })));
afterAll(() => server[Symbol.asyncDispose]());

const boundary = 'xYzZY';

interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly content: string | Buffer;
}

function bodyOf(parts: readonly Part[], end = `--${boundary}--\r\n`): Buffer {
  const pieces = parts.flatMap(({ name, filename, content }) => [
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n\r\n`, content, '\r\n',
  ]);
  return Buffer.concat([...pieces, end].map((piece) => Buffer.from(piece)));
}

async function send(body: Buffer | string, { key = 'live', type = `multipart/form-data; boundary=${boundary}`, path = '/v1/files' } = {}): Promise<{ status: number; body: unknown }> {
  const reply = await fetch(server.url + path, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': type }, body: new Uint8Array(Buffer.from(body)) });
  return { status: reply.status, body: await reply.json() };
}

const file: Part = { name: 'file', filename: 'a.txt', content: 'hello' };
const purpose: Part = { name: 'purpose', content: 'user_data' };

const refusals: readonly (readonly [string, readonly Part[], RegExp])[] = [
  ['no file', [purpose], /"file" is required/],
  ['a file that is none', [{ name: 'file', content: 'hello' }, purpose], /"file" must be a file/],
  ['two files', [file, file, purpose], /"file" stands there twice/],
  ['a file of another name', [{ ...file, name: 'document' }, purpose], /the only file of the form is "file"/],
  ['no purpose', [file], /"purpose" is required/],
  ['two purposes', [purpose, file, purpose], /stands there twice/],
  ['a purpose of nobody', [file, { name: 'purpose', content: 'fine-tune' }], /^Invalid purpose: only 'file-extract', 'batch', 'image'/],
  ['nothing in the file', [{ ...file, content: '' }, purpose], /^File size is zero, please confirm and re-upload the file$/],
  ['a file that is too large', [{ ...file, content: Buffer.alloc(300_001) }, purpose], /^File size is too large, max file size is 300000B/],
  ['a file that is too large for any purpose', [{ ...file, content: Buffer.alloc(2_000_000) }, purpose], /^File size is too large, max file size is 400000B/],
  ['an input of a batch by another name', [file, { name: 'purpose', content: 'batch' }], /^Invalid file format for Batch API. Must be .jsonl$/],
  ['an unknown anchor', [file, purpose, { name: 'expires_after[anchor]', content: 'now' }, { name: 'expires_after[seconds]', content: '3600' }], /expires_after\[anchor\]/],
  ['a life that is too short', [file, purpose, { name: 'expires_after[anchor]', content: 'created_at' }, { name: 'expires_after[seconds]', content: '3599' }], /expires_after\[seconds\]/],
  ['too many fields', [file, ...Array.from({ length: 30 }, (_, index) => ({ name: `f${index}`, content: 'x' }))], /too many parts/],
  ['a field without end', [{ name: 'purpose', content: 'x'.repeat(5_000) }, file], /too long/],
];

describe('a form that is wrong', () => {
  it.each(refusals)('is refused with %s, and nothing is kept', async (_what, parts, message) => {
    expect(await send(bodyOf(parts))).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error', message: expect.stringMatching(message) } } });
    expect(await server.stored()).toEqual([]);
  });

  it.each([
    ['that ends in the middle of the file', bodyOf([purpose, file], '').subarray(0, -4)],
    ['that ends before its last boundary', bodyOf([file, purpose], '')],
    ['without any boundary', Buffer.from('hello')],
    ['of nothing', Buffer.alloc(0)],
  ])('is refused as broken: one %s', async (_what, body) => {
    expect(await send(body)).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
    expect(await server.stored()).toEqual([]);
  });

  it('is refused when it is no form, without being read as JSON', async () => {
    expect(await send('{', { type: 'application/json' })).toMatchObject({ status: 415, body: { error: { message: 'send the body as multipart/form-data' } } });
    expect(await send('x', { type: 'multipart/form-data' })).toMatchObject({ status: 400, body: { error: { message: expect.stringMatching(/boundary/) } } });
  });

  it('is refused in the words of the vendor whose path it is', async () => {
    expect(await send(bodyOf([purpose]), { path: '/api/v3/files' })).toMatchObject({ status: 400, body: { error: { code: 'InvalidParameter', type: 'BadRequest', param: 'file' } } });
    expect(await send(bodyOf([purpose]), { path: '/api/v1/files' })).toMatchObject({ status: 400, body: { error: { code: 400, metadata: { param: 'file' } } } });
  });
});

describe('an upload', () => {
  it('takes the fields in any order, and an expiry', async () => {
    for (const parts of [[file, purpose], [purpose, file]]) {
      const life = [{ name: 'expires_after[seconds]', content: '3600' }, { name: 'expires_after[anchor]', content: 'created_at' }];
      const { status, body } = await send(bodyOf([...parts, ...life]));
      expect([status, body]).toEqual([200, expect.objectContaining({ filename: 'a.txt', bytes: 5 })]);
      const { expires_at: expires, created_at: created } = body as { expires_at: number; created_at: number };
      expect(expires - created).toBe(3_600);
    }
  });

  it('is refused without a key before any of its body is read', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(`POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer nobody\r\ncontent-type: multipart/form-data; boundary=${boundary}\r\ncontent-length: 1000000\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });

  it('leaves nothing when its client leaves in the middle', async () => {
    const before = await server.stored();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(`POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer live\r\ncontent-type: multipart/form-data; boundary=${boundary}\r\ncontent-length: 1000000\r\n\r\n`);
    socket.write(bodyOf([{ ...file, content: Buffer.alloc(200_000) }], ''));
    await expect.poll(async () => (await server.stored()).length, { timeout: 5_000, interval: 10 }).toBe(before.length + 1);
    socket.destroy();
    await expect.poll(() => server.stored(), { timeout: 5_000, interval: 10 }).toEqual(before);
  });

  it.each([
    ['that leads elsewhere', '../../etc/passwd', 'passwd'],
    ['of a device', 'C:\\\\temp\\\\CON', 'CON'],
    ['that is written from the right', 'a\u202egpj.exe', 'agpj.exe'],
    ['of 604 bytes', `${'я'.repeat(300)}.pdf`, `${'я'.repeat(125)}.pdf`],
    ['of dots', '..', 'file'],
    ['of nothing', '', 'file'],
  ])('keeps a name %s harmless', async (_what, given, shown) => {
    const { body } = await send(bodyOf([{ ...file, filename: given }, purpose]));
    expect(body).toMatchObject({ filename: shown });
  });
});
