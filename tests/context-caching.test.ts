import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runMoongate } from './doubles/moongate-command.ts';
import { type RunningServer, startServer } from './doubles/running-server.ts';
import { completion, jsonReply, type Script, ScriptedUpstream, streamReply } from './doubles/scripted-upstream.ts';

type Json = Record<string, unknown>;

/** So dear that a moment can be seen: a thousand tokens cost one yuan a second. */
const storagePerHour = '3600000';
const config = `catalog:
  offers:
    - { upstream: ark, model: kimi-k2, prices: [{ currency: CNY, input: '4', cacheRead: '0.8', output: '16', cacheStoragePerHour: '${storagePerHour}' }] }
`;
const prefix = 'The rules of the house are these. '.repeat(60);

let folder: string;
let ark: ScriptedUpstream;
let server: RunningServer;

const start = (): Promise<RunningServer> =>
  startServer({ config, dataDir: join(folder, 'data'), environment: { ARK_API_KEY: 'a', ARK_BASE_URL: `http://127.0.0.1:${ark.port}/api/v3` } });

let key: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-caching-'));
  ark = await ScriptedUpstream.start();
  server = await start();
  key = server.liveKey;
});
afterAll(async () => {
  await server.stop();
  await ark[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  ark.requests.length = 0;
});

/** A response as Ark gives it: `read` tokens from the cache, `fresh` others, `written` of output. */
function arkReply(id: string, { read = 0, fresh = 900, written = 100, text = 'Noted.' }: { read?: number; fresh?: number; written?: number; text?: string } = {}): Script {
  return jsonReply({
    id, object: 'response', created_at: 1, model: 'kimi-k2-250905', status: 'completed',
    output: text === '' ? [] : [{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text }] }],
    usage: { input_tokens: read + fresh, input_tokens_details: { cached_tokens: read }, output_tokens: written, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: read + fresh + written },
  });
}

async function call(method: string, path: string, body?: Json): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${server.url}/api/v3/${path}`, {
    method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

const respond = (body: Json): ReturnType<typeof call> => call('POST', 'responses', { model: 'kimi-k2', input: [{ role: 'system', content: prefix }], ...body });
const sent = (index: number): Json => JSON.parse(ark.requests[index]?.body ?? '{}') as Json;

/** Yuan that the storage of caches has come to so far, as the journal has it. */
async function stored(): Promise<number> {
  const { stdout } = await runMoongate(folder, ['ledger', 'list', '--json', '--limit', '1000']);
  const { transfers } = JSON.parse(stdout) as { transfers: { kind: string; amount: string }[] };
  return transfers.filter(({ kind }) => kind === 'storage').reduce((sum, { amount }) => sum + Number(amount), 0);
}

/** As `moongate ledger verify` does it. */
async function verify(): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../src/start.mjs', import.meta.url)), 'ledger', 'verify', '--data-dir', server.dataDir], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a context that Ark holds', () => {
  it('is made by a prefix, read by name, extended, and billed by its time until it is deleted', async () => {
    ark.script(arkReply('resp_ark_1', { fresh: 1000, written: 0, text: '' }), arkReply('resp_ark_2', { read: 1000, fresh: 20, written: 5 }), arkReply('resp_ark_3', { read: 1000, fresh: 40, written: 5 }));
    const made = await respond({ caching: { type: 'enabled', prefix: true } });
    expect(made.body).toMatchObject({ status: 'completed', output: [], caching: { type: 'enabled', prefix: true }, usage: { output_tokens: 0 } });
    expect(sent(0)).toMatchObject({ caching: { type: 'enabled', prefix: true }, store: true, expire_at: expect.any(Number) });
    const id = String(made.body['id']);
    const read = await respond({ input: 'Which rules?', previous_response_id: id });
    expect(read.body).toMatchObject({ caching: { type: 'disabled' }, usage: { input_tokens_details: { cached_tokens: 1000 } } });
    expect(sent(1)).toMatchObject({ previous_response_id: 'resp_ark_1' });
    expect(JSON.stringify(sent(1)['input'])).not.toContain('rules of the house');
    const extended = await respond({ input: 'And then?', previous_response_id: String(read.body['id']), caching: { type: 'enabled' } });
    // What was only read is not held: the turn in between is sent again.
    expect(sent(2)).toMatchObject({ previous_response_id: 'resp_ark_1', caching: { type: 'enabled' } });
    expect(JSON.stringify(sent(2)['input'])).toContain('Which rules?');
    await pause(300);
    ark.script(jsonReply({ id: 'resp_ark_1', deleted: true }));
    expect((await call('DELETE', `responses/${id}`)).body).toEqual({ id, object: 'response', deleted: true });
    const dropped = await ark.request(3);
    expect([dropped.method, dropped.path]).toEqual(['DELETE', '/api/v3/responses/resp_ark_1']);
    const after = await stored();
    expect(after).toBeGreaterThan(0.3);
    await call('DELETE', `responses/${String(extended.body['id'])}`);
    const end = await stored();
    await pause(200);
    expect(await stored()).toBe(end);
  });

  it('is billed over a kill and a restart to the nano-unit, and proved', async () => {
    ark.script(arkReply('resp_ark_4', { fresh: 1000, written: 0, text: '' }));
    const before = await stored();
    const made = await respond({ caching: { type: 'enabled', prefix: true } });
    await server.kill();
    await pause(300);
    server = await start();
    ark.script(jsonReply({}));
    await call('DELETE', `responses/${String(made.body['id'])}`);
    expect((await stored()) - before).toBeGreaterThan(0.3);
    const proof = await verify();
    expect(proof.code, proof.output).toBe(0);
    expect(proof.output).toMatch(/each context cache has been billed/);
  });

  it('is gone on from with the result of a call that it ends with', async () => {
    const tools = [{ type: 'function', name: 'look', parameters: { type: 'object', properties: {} } }];
    const called = { id: 'resp_ark_9', object: 'response', created_at: 1, model: 'kimi-k2-250905', status: 'completed', output: [{ type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '{}', status: 'completed' }],
      usage: { input_tokens: 900, output_tokens: 10, total_tokens: 910 } };
    ark.script(jsonReply(called), arkReply('resp_ark_10', { read: 900, fresh: 20 }));
    const asked = await respond({ tools, caching: { type: 'enabled' } });
    const answered = await respond({ tools, caching: { type: 'enabled' }, previous_response_id: String(asked.body['id']), input: [{ type: 'function_call_output', call_id: 'call_1', output: 'Nothing there.' }] });
    expect(answered).toMatchObject({ status: 200, body: { usage: { input_tokens_details: { cached_tokens: 900 } } } });
    expect(sent(1)).toMatchObject({ previous_response_id: 'resp_ark_9', input: [{ type: 'function_call_output', call_id: 'call_1', output: 'Nothing there.' }] });
  });

  it('is not kept, nor gone on from, where the turn that made it broke off: nobody is billed for it', async () => {
    const broken = { id: 'resp_ark_11', object: 'response', created_at: 1, model: 'kimi-k2-250905', status: 'in_progress', output: [] };
    ark.script(
      streamReply({ type: 'response.created', response: broken }, { type: 'response.output_text.delta', output_index: 0, delta: 'No' }, { type: 'error', code: 'InternalServiceError', message: 'broken' }),
      jsonReply({}), arkReply('resp_ark_12'),
    );
    const response = await fetch(`${server.url}/api/v3/responses`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify({ model: 'kimi-k2', input: prefix, stream: true, caching: { type: 'enabled' } }) });
    const id = /"id":"(resp_[0-9a-f]+)"/.exec(await response.text())?.[1];
    const dropped = await ark.request(1);
    expect([dropped.method, dropped.path]).toEqual(['DELETE', '/api/v3/responses/resp_ark_11']);
    expect(await respond({ input: 'Once more.', previous_response_id: id })).toMatchObject({ status: 200 });
    expect(sent(2)).not.toHaveProperty('previous_response_id');
  });

  it('is told everything again when it is there no longer', async () => {
    ark.script(
      arkReply('resp_ark_5', { fresh: 1000, written: 0, text: '' }),
      jsonReply({ error: { code: 'InvalidParameter', message: 'previous_response_id: the response is not found', param: 'previous_response_id', type: 'BadRequest' } }, 400),
      arkReply('resp_ark_6'),
    );
    const made = await respond({ caching: { type: 'enabled', prefix: true } });
    const read = await respond({ input: 'Which rules?', previous_response_id: String(made.body['id']) });
    expect(read).toMatchObject({ status: 200, body: { usage: { input_tokens_details: { cached_tokens: 0 } } } });
    expect(sent(2)).not.toHaveProperty('previous_response_id');
    expect(JSON.stringify(sent(2)['input'])).toContain('rules of the house');
  });

  it.each([
    ['instructions', { instructions: 'Be brief.' }],
    ['max_output_tokens', { caching: { type: 'enabled', prefix: true }, max_output_tokens: 5 }],
    ['store', { store: false }],
    ['expire_at', { expire_at: Math.floor(Date.now() / 1000) + 8 * 86_400 }],
    ['expire_at', { expire_at: 5 }],
    ['input', { caching: { type: 'enabled', prefix: true }, input: 'short' }],
    ['stream', { caching: { type: 'enabled', prefix: true }, stream: true }],
    ['background', { background: true }],
  ])('is refused beside %s that does not go with it', async (field, wrong) => {
    const { status, body } = await respond({ caching: { type: 'enabled' }, ...wrong });
    expect([status, body]).toEqual([400, { error: { code: 'InvalidParameter', message: expect.stringContaining('Request id'), param: field, type: 'BadRequest' } }]);
    expect(ark.requests).toHaveLength(0);
  });

  it('cannot be gone on from once it is deleted or expired', async () => {
    ark.script(arkReply('resp_ark_7', { fresh: 1000, written: 0, text: '' }), arkReply('resp_ark_8', { fresh: 1000, written: 0, text: '' }), jsonReply({}));
    const gone = await respond({ caching: { type: 'enabled', prefix: true } });
    const brief = await respond({ caching: { type: 'enabled', prefix: true }, expire_at: Math.floor(Date.now() / 1000) + 1 });
    await call('DELETE', `responses/${String(gone.body['id'])}`);
    await pause(1_100);
    for (const made of [gone, brief]) {
      expect(await respond({ input: 'Which rules?', previous_response_id: String(made.body['id']) })).toMatchObject({ status: 404, body: { error: { param: 'previous_response_id' } } });
    }
  });
});

describe('where nobody holds contexts by name', () => {
  it('the state is replayed, nothing is billed for it, and no cached tokens are made up', async () => {
    await using moonshot = await ScriptedUpstream.start();
    moonshot.script(jsonReply(completion('The first one.', { usage: { prompt_tokens: 900, completion_tokens: 4, total_tokens: 904 } })));
    const other = await startServer({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    try {
      const ask = async (body: Json): Promise<Json> => {
        const response = await fetch(`${other.url}/api/v3/responses`, { method: 'POST', headers: { authorization: `Bearer ${other.liveKey}` }, body: JSON.stringify({ model: 'kimi-k2.6', ...body }) });
        return (await response.json()) as Json;
      };
      const made = await ask({ input: [{ role: 'system', content: prefix }], caching: { type: 'enabled', prefix: true } });
      expect(made).toMatchObject({ status: 'completed', output: [], usage: { input_tokens: 0, output_tokens: 0 } });
      expect(moonshot.requests).toHaveLength(0);
      const read = await ask({ input: 'Which rules?', previous_response_id: made['id'], caching: { type: 'enabled' } });
      expect(read).toMatchObject({ usage: { input_tokens: 900, input_tokens_details: { cached_tokens: 0 } } });
      expect(JSON.parse(moonshot.requests[0]?.body ?? '{}')).toMatchObject({ prompt_cache_key: made['id'], messages: [{ role: 'system' }, { role: 'user' }] });
    } finally {
      await other.stop();
    }
  });
});
