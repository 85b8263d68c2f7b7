import { createHash } from 'node:crypto';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FilesServer, startFilesServer } from '../doubles/files-server.ts';

let server: FilesServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startFilesServer();
  client = new OpenAI({ apiKey: 'live', baseURL: `${server.url}/v1`, maxRetries: 0 });
});
afterAll(() => server[Symbol.asyncDispose]());

const whole = Buffer.concat([Buffer.alloc(200_000, 'a'), Buffer.alloc(100_000, 'b'), Buffer.from('the end')]);
const md5 = createHash('md5').update(whole).digest('hex');

async function begin(bytes = whole.length): Promise<OpenAI.Uploads.Upload> {
  return client.uploads.create({ filename: 'big.txt', purpose: 'user_data' as 'assistants', bytes, mime_type: 'text/plain' });
}

async function part(id: string, data: Buffer): Promise<string> {
  return (await client.uploads.parts.create(id, { data: await toFile(data, 'blob') })).id;
}

function refused(message: RegExp): object {
  return { status: 400, error: { type: 'invalid_request_error', message: expect.stringMatching(message), param: expect.any(String), code: null } };
}

describe('uploads in parts, by the official SDK', () => {
  it('makes a file of parts that came at the same time, in the order that is said', async () => {
    const upload = await begin();
    expect(upload).toMatchObject({ object: 'upload', status: 'pending', bytes: whole.length, purpose: 'user_data', filename: 'big.txt' });
    expect(upload.expires_at - upload.created_at).toBe(3_600);
    const [third, first, second] = await Promise.all([part(upload.id, whole.subarray(300_000)), part(upload.id, whole.subarray(0, 200_000)), part(upload.id, whole.subarray(200_000, 300_000))]);
    const done = await client.uploads.complete(upload.id, { part_ids: [first, second, third], md5 });
    expect(done).toMatchObject({ id: upload.id, status: 'completed', file: { object: 'file', bytes: whole.length, filename: 'big.txt', purpose: 'user_data' } });
    const { id = '' } = done.file ?? {};
    expect(Buffer.from(await (await client.files.content(id)).arrayBuffer()).equals(whole)).toBe(true);
    expect(await server.stored()).toHaveLength(1);
    await expect(client.uploads.complete(upload.id, { part_ids: [first, second, third] })).rejects.toMatchObject(refused(/is completed/));
    await client.files.delete(id);
    expect(await server.stored()).toEqual([]);
  });

  it('reads the text of a document that came in parts', async () => {
    const upload = await client.uploads.create({ filename: 'a.txt', purpose: 'file-extract' as 'assistants', bytes: 5, mime_type: 'text/plain' });
    const { file } = await client.uploads.complete(upload.id, { part_ids: [await part(upload.id, Buffer.from('hel')), await part(upload.id, Buffer.from('lo'))] });
    expect(JSON.parse(await (await client.files.content(file?.id ?? '')).text())).toMatchObject({ content: '# hello' });
    await client.files.delete(file?.id ?? '');
  });

  it('refuses other bytes than were announced, and stays as it is', async () => {
    const upload = await begin(10);
    const [five, four] = [await part(upload.id, Buffer.alloc(5, 1)), await part(upload.id, Buffer.alloc(4, 2))];
    const complete = (ids: string[], stated?: string): Promise<unknown> => client.uploads.complete(upload.id, { part_ids: ids, ...(stated === undefined ? {} : { md5: stated }) });
    await expect(complete([five, four])).rejects.toMatchObject(refused(/the parts have 9 bytes, and 10 were announced/));
    await expect(complete([five, five])).rejects.toMatchObject(refused(/stands there twice/));
    await expect(complete([five, 'part_nobody'])).rejects.toMatchObject(refused(/not there/));
    await expect(part(upload.id, Buffer.alloc(2))).rejects.toMatchObject(refused(/more than the 10 bytes/));
    const one = await part(upload.id, Buffer.alloc(1, 3));
    await expect(complete([five, four, one], md5)).rejects.toMatchObject(refused(/MD5/));
    expect(await server.stored()).toHaveLength(3);
    expect(await complete([five, four, one])).toMatchObject({ status: 'completed' });
    expect(await server.stored()).toHaveLength(1);
  });

  it('is cancelled with all that has come, and is nobody else’s', async () => {
    const before = await server.stored();
    const upload = await begin();
    await part(upload.id, Buffer.from('x'));
    const stranger = new OpenAI({ apiKey: 'other', baseURL: `${server.url}/v1`, maxRetries: 0 });
    await expect(stranger.uploads.cancel(upload.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    expect(await client.uploads.cancel(upload.id)).toMatchObject({ status: 'cancelled' });
    await expect(part(upload.id, Buffer.from('x'))).rejects.toMatchObject(refused(/is cancelled/));
    expect(await server.stored()).toEqual(before);
  });

  it('refuses what could never be a file', async () => {
    const create = (wish: object): Promise<unknown> => client.uploads.create({ filename: 'a.txt', purpose: 'assistants', bytes: 1, mime_type: 'text/plain', ...wish });
    await expect(create({ bytes: 100 * 1024 * 1024 + 1 })).rejects.toMatchObject(refused(/max file size is 100MB/));
    await expect(create({ bytes: 0 })).rejects.toMatchObject(refused(/File size is zero/));
    await expect(create({ bytes: 'many' })).rejects.toMatchObject(refused(/bytes/));
    await expect(create({ purpose: 'fine-tune' })).rejects.toMatchObject(refused(/Invalid purpose: only 'file-extract'/));
    await expect(create({ purpose: 'batch' })).rejects.toMatchObject(refused(/Must be .jsonl/));
  });
});
