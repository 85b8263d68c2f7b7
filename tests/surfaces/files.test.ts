import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chatClient } from './clients/chat-client.ts';
import { messagesClient } from './clients/messages-client.ts';
import { responsesClient } from './clients/responses-client.ts';
import type { Json, SurfaceClient } from './clients/surface-client.ts';
import { modelOver, type OverDoubles, protocols, startOverDoubles } from './over-doubles.ts';
import { toldBy } from './told/told.ts';

const corpus = join(import.meta.dirname, '../documents/corpus');
const document = readFileSync(join(corpus, 'bell-society.python-docx.docx'));
const documentType = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
/** A picture of one pixel. */
const picture = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const said = 'The tenor bell shall be rung on Sundays at ten.';

/** How each protocol names files that lie here, and sends one along. */
interface FileClient {
  readonly client: SurfaceClient;
  readonly stored: (id: string) => Json;
  readonly image: (id: string) => Json;
  readonly inline: (data: string) => Json;
  readonly text: (text: string) => Json;
  /** Where it tells how many tokens a prompt has, and how. */
  readonly countPath: string;
  readonly countOf: (answer: Json) => unknown;
}

const clients: readonly FileClient[] = [
  {
    client: chatClient,
    stored: (id) => ({ type: 'file', file: { file_id: id } }),
    image: (id) => ({ type: 'image_url', image_url: { url: `ms://${id}` } }),
    inline: (data) => ({ type: 'file', file: { filename: 'minutes.docx', file_data: `data:${documentType};base64,${data}` } }),
    text: (text) => ({ type: 'text', text }),
    countPath: '/v1/tokenizers/estimate-token-count',
    countOf: (answer) => (answer['data'] as Json)['total_tokens'],
  },
  {
    client: messagesClient,
    stored: (id) => ({ type: 'document', source: { type: 'file', file_id: id }, citations: { enabled: false } }),
    image: (id) => ({ type: 'image', source: { type: 'file', file_id: id } }),
    inline: (data) => ({ type: 'document', title: 'minutes.docx', source: { type: 'base64', media_type: documentType, data } }),
    text: (text) => ({ type: 'text', text }),
    countPath: '/v1/messages/count_tokens',
    countOf: (answer) => answer['input_tokens'],
  },
  {
    client: responsesClient,
    stored: (id) => ({ type: 'input_file', file_id: id }),
    image: (id) => ({ type: 'input_image', file_id: id }),
    inline: (data) => ({ type: 'input_file', filename: 'minutes.docx', file_data: `data:${documentType};base64,${data}` }),
    text: (text) => ({ type: 'input_text', text }),
    countPath: '/v1/responses/input_tokens',
    countOf: (answer) => answer['input_tokens'],
  },
];
const pairs = clients.flatMap((one) => protocols.map((upstream) => ({ surface: one.client.protocol, upstream, ...one })));

let over: OverDoubles;
let documentId = '';
let pictureId = '';

async function upload(bytes: Buffer, filename: string, purpose: string): Promise<string> {
  const form = new FormData();
  form.set('purpose', purpose);
  form.set('file', new File([new Uint8Array(bytes)], filename));
  const response = await fetch(`${over.server.url}/v1/files`, { method: 'POST', headers: { authorization: `Bearer ${over.server.liveKey}` }, body: form });
  const { id } = (await response.json()) as { readonly id: string };
  return id;
}

function post(path: string, body: Json, key = over.server.liveKey): Promise<Response> {
  return fetch(over.server.url + path, { method: 'POST', headers: { 'content-type': 'application/json', 'authorization': `Bearer ${key}` }, body: JSON.stringify(body) });
}

const asked = ({ client }: FileClient, model: string, content: readonly Json[]): Json => client.body({ model, stream: false }, [{ role: 'user', content }]);

beforeAll(async () => {
  over = await startOverDoubles();
  [documentId, pictureId] = await Promise.all([upload(document, 'minutes.docx', 'user_data'), upload(picture, 'dot.png', 'image')]);
});
afterAll(async () => {
  await over[Symbol.asyncDispose]();
});

describe.each(pairs)('files in $surface over $upstream', (pair) => {
  const { client, upstream, stored, image, inline, text } = pair;

  async function told(content: readonly Json[]): Promise<{ readonly text: string; readonly images: readonly string[] }> {
    over.double.script({ text: 'Read.' });
    const response = await post(client.path, asked(pair, modelOver[upstream], content));
    expect([response.status, response.headers.get('x-moongate-loss')]).toEqual([200, null]);
    await response.text();
    const entry = toldBy(upstream, over.double.asked[0]?.body ?? {}).entries[0];
    if (entry?.role !== 'user') throw new Error('the upstream was told no user message');
    return entry;
  }

  it('are read to the upstream, or sent along', async () => {
    const entry = await told([text('What was decided?'), stored(documentId), image(pictureId)]);
    expect(entry.text).toMatch(/^What was decided\?minutes\.docx:\n/);
    expect(entry.text).toContain(said);
    expect(entry.images).toEqual([`data:image/png;base64,${picture.toString('base64')}`]);
  });

  it('that come with the request are read too', async () => {
    const entry = await told([inline(document.toString('base64')), text('What was decided?')]);
    expect(entry.text).toMatch(/^minutes\.docx:\n/);
    expect(entry.text).toContain(said);
  });
});

describe.each(clients.map((one) => ({ surface: one.client.protocol, ...one })))('files in $surface', (one) => {
  const { client, stored, image, text, countPath, countOf } = one;
  const model = modelOver['openai-chat'];

  it('are counted before they are spent', async () => {
    const count = async (content: readonly Json[]): Promise<number> => {
      const { max_tokens: _limit, stream: _stream, ...body } = asked(one, model, content);
      const response = await post(countPath, body);
      expect(response.status).toBe(200);
      return Number(countOf((await response.json()) as Json));
    };
    expect((await count([text('So?'), stored(documentId)])) - (await count([text('So?')]))).toBeGreaterThan(said.length / 8);
  });

  it.each([
    ['a file that is not there', (): Json => stored(`file_${'0'.repeat(32)}`), 'is not found'],
    ['a document that is no image', (): Json => image(documentId), 'is no image'],
  ])('refuse %s', async (_name, part, why) => {
    const response = await post(client.path, asked(one, model, [text('So?'), part()]));
    expect(response.status).toBe(400);
    expect(client.errorOf((await response.json()) as Json).message).toContain(why);
  });

  it('are not there for a key of the other mode', async () => {
    const response = await post(client.path, asked(one, model, [text('So?'), stored(documentId)]), over.server.testKey);
    expect(response.status).toBe(400);
    expect(client.errorOf((await response.json()) as Json).message).toContain('is not found');
  });
});
