import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FilesServer, startFilesServer } from '../doubles/files-server.ts';

let server: FilesServer;

beforeAll(async () => void (server = await startFilesServer()));
afterAll(() => server[Symbol.asyncDispose]());

function clientOf(apiKey: string, base = '/v1'): OpenAI {
  return new OpenAI({ apiKey, baseURL: server.url + base, maxRetries: 0 });
}

/** A purpose that the SDK's types do not know. */
const fileExtract = 'file-extract' as 'assistants';

describe('files by the official SDK', () => {
  it('creates, lists, retrieves, reads and deletes one', async () => {
    const client = clientOf('live');
    const made = await client.files.create({ file: await toFile(Buffer.from('{"custom_id":"1"}\n'), 'lines.jsonl'), purpose: 'batch' });
    expect(made).toMatchObject({ object: 'file', bytes: 18, filename: 'lines.jsonl', purpose: 'batch', status: 'processed', tokens: null });
    expect((made.expires_at ?? 0) - made.created_at).toBe(30 * 86_400);
    expect(await client.files.retrieve(made.id)).toEqual(made);
    expect((await client.files.waitForProcessing(made.id)).id).toBe(made.id);
    expect(await Array.fromAsync(client.files.list())).toEqual([made]);
    const content = await client.files.content(made.id);
    expect(await content.text()).toBe('{"custom_id":"1"}\n');
    expect([content.headers.get('x-content-type-options'), content.headers.get('content-disposition')]).toEqual(['nosniff', `attachment; filename="lines.jsonl"; filename*=UTF-8''lines.jsonl`]);
    expect(await client.files.delete(made.id)).toEqual({ id: made.id, object: 'file', deleted: true });
    await expect(client.files.retrieve(made.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    expect(await server.stored()).toEqual([]);
  });

  it('gives the text of a document in the form of Moonshot, read once for equal bytes', async () => {
    const client = clientOf('live');
    const before = server.extractor.reads;
    const create = async (): Promise<OpenAI.FileObject> => client.files.create({ file: await toFile(Buffer.from('Привет, 世界'), '报告.txt'), purpose: fileExtract });
    const made = await create();
    expect(made).toMatchObject({ status: 'ready', filename: '报告.txt', tokens: 12, tokens_estimated: true, status_details: 'page 2 has no text' });
    expect(await client.files.retrieve(made.id)).toMatchObject({ status_details: 'page 2 has no text' });
    expect((await client.files.list()).data[0]).toMatchObject({ id: made.id, status_details: '' });
    const content = await client.files.content(made.id);
    expect(content.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(JSON.parse(await content.text())).toEqual({ content: '# Привет, 世界', file_type: 'text/plain', filename: '报告.txt', title: 'A title', type: 'file' });
    const again = await create();
    expect(again.id).not.toBe(made.id);
    expect(server.extractor.reads - before).toBe(1);
    expect(await server.stored()).toHaveLength(2);
    await client.files.delete(made.id);
    expect(JSON.parse(await (await client.files.content(again.id)).text())).toMatchObject({ content: '# Привет, 世界' });
    await client.files.delete(again.id);
    expect(await server.stored()).toEqual([]);
  });

  it('tells the tokens of what a model may be given, and nothing of what cannot be read', async () => {
    const client = clientOf('live');
    const before = server.extractor.reads;
    for (const [text, tokens] of [['four', 6], ['%BROKEN', null]] as const) {
      const made = await client.files.create({ file: await toFile(Buffer.from(text), 'a.pdf'), purpose: 'user_data' });
      expect(made).toMatchObject({ tokens: null });
      for (const _ of [1, 2]) expect(await client.files.retrieve(made.id)).toMatchObject({ tokens, status_details: tokens === null ? '' : 'page 2 has no text' });
      expect(await (await client.files.content(made.id)).text()).toBe(text);
      await client.files.delete(made.id);
    }
    expect(server.extractor.reads - before).toBe(2);
    expect(await server.stored()).toEqual([]);
  });

  it('refuses what cannot be read, and keeps nothing of it', async () => {
    const file = await toFile(Buffer.from('%BROKEN'), 'a.pdf');
    await expect(clientOf('live').files.create({ file, purpose: fileExtract })).rejects.toMatchObject({
      status: 400, error: { type: 'invalid_request_error', message: 'Failed to extract file: the document is encrypted; send it without a password' },
    });
    expect(await server.stored()).toEqual([]);
  });

  it('shows nobody the files of another tenant, or of the other mode', async () => {
    const made = await clientOf('live').files.create({ file: await toFile(Buffer.from('x'), 'a.txt'), purpose: 'user_data' });
    for (const key of ['test', 'other']) {
      const stranger = clientOf(key);
      expect(await Array.fromAsync(stranger.files.list())).toEqual([]);
      for (const act of [stranger.files.retrieve(made.id), stranger.files.content(made.id), stranger.files.delete(made.id)]) {
        await expect(act).rejects.toBeInstanceOf(OpenAI.NotFoundError);
      }
    }
    await clientOf('live').files.delete(made.id);
  });

  it('pages through a list, by purpose and in both orders', async () => {
    const client = clientOf('live', '/api/v1');
    const ids: string[] = [];
    for (const [index, purpose] of (['user_data', 'assistants', 'user_data', 'user_data'] as const).entries()) {
      ids.push((await client.files.create({ file: await toFile(Buffer.from(`${index}`), `${index}.txt`), purpose })).id);
    }
    const idsOf = async (query: OpenAI.FileListParams): Promise<string[]> => (await Array.fromAsync(client.files.list(query))).map(({ id }) => id);
    expect(await idsOf({ limit: 1 })).toEqual(ids.toReversed());
    expect(await idsOf({ limit: 3, order: 'asc' })).toEqual(ids);
    expect(await idsOf({ purpose: 'assistants' })).toEqual([ids[1]]);
    for (const id of ids) await client.files.delete(id);
  });
});
