import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../cli/run.ts';
import { TerminalDouble } from '../../cli/terminal-double.ts';
import { runMoongate } from '../doubles/moongate-command.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';

type Json = Readonly<Record<string, unknown>>;

let server: RunningServer;
let openai: OpenAI;

beforeAll(async () => {
  server = await startServer({ config: 'sandbox: { tokensPerSecond: 0, firstTokenMs: 0 }\n' });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: server.testKey, maxRetries: 0 });
});
afterAll(() => server.stop());

async function call(method: string, path: string, body?: object, key = server.testKey): Promise<{ readonly status: number; readonly body: Json }> {
  const headers = { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  const response = await fetch(`${server.url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as Json };
}

const message = (text: string): object => ({ model: 'kimi-k2-thinking', max_tokens: 20, messages: [{ role: 'user', content: text }] });

async function ended(id: string, base = '/v1'): Promise<Json> {
  for (const giveUpMs = performance.now() + 15_000; performance.now() < giveUpMs; await new Promise((resolve) => setTimeout(resolve, 25))) {
    const { body } = await call('GET', `${base}/batches/${id}`);
    if (/^(completed|failed|cancelled|expired)$/.test(String(body['status']))) return body;
  }
  throw new Error(server.output());
}

async function linesOf(id: unknown): Promise<readonly Json[]> {
  const text = await (await fetch(`${server.url}/v1/files/${String(id)}/content`, { headers: { authorization: `Bearer ${server.testKey}` } })).text();
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Json);
}

describe('batches through the openai SDK', () => {
  it('are made of a file, looked at, listed, and leave their answers in files', async () => {
    const lines = [1, 2, 3].map((id) => JSON.stringify({ custom_id: `c${id}`, method: 'POST', url: '/v1/chat/completions', body: message(`say ${id}`) }));
    lines[1] = JSON.stringify({ custom_id: 'bad', method: 'POST', url: '/v1/chat/completions', body: { model: 'kimi-k2-thinking', messages: 'none' } });
    const file = await openai.files.create({ purpose: 'batch', file: await toFile(Buffer.from(lines.join('\n')), 'lines.jsonl') });
    const made = await openai.batches.create({
      input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { project: 'x' }, output_expires_after: { anchor: 'created_at', seconds: 3_600 },
    });
    expect(made).toMatchObject({ object: 'batch', status: 'validating', input_file_id: file.id, metadata: { project: 'x' }, errors: null, request_counts: { total: 0, completed: 0, failed: 0 } });
    expect((made.expires_at ?? 0) - made.created_at).toBe(86_400);
    await ended(made.id);
    const batch = await openai.batches.retrieve(made.id);
    expect(batch).toMatchObject({ status: 'completed', model: 'kimi-k2-thinking', request_counts: { total: 3, completed: 2, failed: 1 }, usage: { output_tokens: 40, total_tokens: expect.any(Number) } });
    const output = (await (await openai.files.content(batch.output_file_id ?? '')).text()).trim().split('\n').map((line) => JSON.parse(line) as Json);
    expect(output).toMatchObject([1, 3].map((id) => ({
      id: expect.stringMatching(/^batch_req_/), custom_id: `c${id}`, error: null,
      response: { status_code: 200, request_id: expect.stringMatching(/^req_/), body: { object: 'chat.completion', choices: [{ message: { role: 'assistant' } }] } },
    })));
    expect(await linesOf(batch.error_file_id)).toMatchObject([{ custom_id: 'bad', error: null, response: { status_code: 400, body: { error: { type: 'invalid_request_error', message: expect.any(String) } } } }]);
    const stored = await openai.files.retrieve(batch.output_file_id ?? '');
    expect([stored.purpose, (stored.expires_at ?? 0) - stored.created_at]).toEqual(['batch_output', 3_600]);
    expect((await openai.batches.list({ limit: 1 })).data).toMatchObject([{ id: made.id }]);
    expect((await call('GET', `/v1/batches?limit=1&after=${made.id}`)).body).toMatchObject({ object: 'list', data: [], has_more: false });
    expect(await call('GET', '/v1/batches?after=nope')).toMatchObject({ status: 400, body: { error: { param: 'after' } } });
    expect(await call('GET', `/v1/batches?after=${made.id}`, undefined, server.liveKey)).toMatchObject({ status: 400 });
  });

  it('fail when the file is not what it should be', async () => {
    const file = await openai.files.create({ purpose: 'batch', file: await toFile(Buffer.from('{"custom_id":"a"}\nnone'), 'lines.jsonl') });
    const { id } = await openai.batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' });
    expect(await ended(id)).toMatchObject({
      status: 'failed', output_file_id: null, failed_at: expect.any(Number),
      errors: { object: 'list', data: [{ code: 'missing_required_parameter', param: 'body', line: 1 }, { code: 'invalid_json_line', param: null, line: 2 }] },
    });
    await expect(openai.batches.cancel(id)).rejects.toMatchObject({ status: 400 });
  });
});

describe('batches of requests in the body', () => {
  it.each([
    ['/v1', '/v1/chat/completions', message('hi'), { object: 'chat.completion' }],
    ['/api/v1', '/api/v1/chat/completions', message('hi'), { provider: 'sandbox', usage: { cost: 0 } }],
    ['/api/v3', '/api/v3/responses', { model: 'kimi-k2-thinking', input: 'hi', max_output_tokens: 20 }, { object: 'response' }],
    ['/v1', '/v1/messages', message('hi'), { type: 'message', stop_reason: 'max_tokens' }],
    ['/v1', '/anthropic/v1/messages', message('hi'), { type: 'message' }],
  ])('under %s for %s', async (base, endpoint, body, answer) => {
    const made = await call('POST', `${base}/batches`, { endpoint, requests: [{ custom_id: 'a', body }, { custom_id: 'b', url: endpoint, body: {} }] });
    expect(made).toMatchObject({ status: 200, body: { status: 'validating', endpoint, completion_window: '24h' } });
    const batch = await ended(String(made.body['id']), base);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 2, completed: 1, failed: 1 } });
    expect(await linesOf(batch['output_file_id'])).toMatchObject([{ custom_id: 'a', response: { status_code: 200, body: answer } }]);
    const [error] = await linesOf(batch['error_file_id']);
    expect(error).toMatchObject({ custom_id: 'b', response: { status_code: 400, body: { error: { message: expect.any(String) } } } });
    if (endpoint.endsWith('/messages')) expect(error).toMatchObject({ response: { body: { type: 'error' } } });
    expect(await linesOf(batch['input_file_id'])).toMatchObject([{ custom_id: 'a', method: 'POST', url: endpoint, body }, { custom_id: 'b' }]);
  });

  it('keep responses that are to be stored, and refuse what a batch cannot do', async () => {
    const response = (over: object): object => ({ model: 'kimi-k2-thinking', input: 'hi', max_output_tokens: 20, ...over });
    const made = await call('POST', '/v1/batches', {
      endpoint: '/v1/responses',
      requests: [{ custom_id: 'kept', body: response({}) }, { custom_id: 'not', body: response({ store: false }) }, ...['background', 'stream'].map((field) => ({ custom_id: field, body: response({ [field]: true }) })), { custom_id: 'conversation', body: response({ conversation: 'conv_1' }) }],
    });
    const batch = await ended(String(made.body['id']));
    const ids = (await linesOf(batch['output_file_id'])).map((line) => ((line['response'] as Json)['body'] as Json)['id']);
    expect(await Promise.all(ids.map(async (id) => (await call('GET', `/v1/responses/${String(id)}`)).status))).toEqual([200, 404]);
    expect((await linesOf(batch['error_file_id'])).map((line) => line['custom_id'])).toEqual(['background', 'stream', 'conversation']);
  });

  it.each<readonly [string, object, string]>([
    ['no input', {}, 'input_file_id'],
    ['both inputs', { input_file_id: 'file_1', requests: [] }, 'requests'],
    ['a file that is not there', { input_file_id: 'file_1', endpoint: '/v1/chat/completions', completion_window: '24h' }, 'file_1'],
    ['no window', { input_file_id: 'file_1', endpoint: '/v1/chat/completions' }, 'completion_window'],
    ['a short window', { requests: [{}], completion_window: '11h' }, 'completion_window'],
    ['a long window', { requests: [{}], completion_window: '29d' }, 'completion_window'],
    ['another endpoint', { requests: [{}], endpoint: '/v1/embeddings' }, 'endpoint'],
    ['a request without an id', { requests: [{ body: {} }] }, 'requests.0.custom_id'],
    ['a request for another path', { requests: [{ custom_id: 'a', url: '/v1/responses', body: {} }] }, 'requests.0.url'],
    ['no request', { requests: [] }, 'requests'],
    ['a long value of metadata', { requests: [{}], metadata: { a: 'x'.repeat(513) } }, 'metadata'],
    ['a short life of the output', { requests: [{}], output_expires_after: { anchor: 'created_at', seconds: 1 } }, 'output_expires_after'],
  ])('are refused at once for %s', async (_what, body, named) => {
    const answer = await call('POST', '/v1/batches', body);
    expect([400, 404]).toContain(answer.status);
    expect(JSON.stringify(answer.body)).toContain(named);
  });

  it('are made once for an Idempotency-Key', async () => {
    const send = (key: string, metadata: object): Promise<Response> =>
      fetch(`${server.url}/v1/batches`, {
        method: 'POST', headers: { authorization: `Bearer ${server.testKey}`, 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ requests: [{ custom_id: 'a', body: message('hi') }], metadata }),
      });
    const first = await send('batch-1', {});
    const body = await first.json();
    const again = await send('batch-1', {});
    expect([first.status, again.status, again.headers.get('idempotent-replayed'), again.headers.get('x-generation-id')]).toEqual([200, 200, 'true', null]);
    expect(await again.json()).toEqual(body);
    expect((await call('GET', `/v1/batches?limit=1`)).body).toMatchObject({ data: [{ id: (body as Json)['id'] }] });
    expect(await (await send('batch-2', {})).json()).not.toMatchObject({ id: (body as Json)['id'] });
    expect((await send('batch-1', { other: 'body' })).status).toBe(400);
    // What was refused is free to be asked again.
    expect([(await send('batch-3', { a: 1 })).status, (await send('batch-3', {})).status]).toEqual([400, 200]);
  });

  it('are another key’s mode’s alone', async () => {
    const { body } = await call('POST', '/v1/batches', { requests: [{ custom_id: 'a', body: message('hi') }] });
    const id = String(body['id']);
    for (const [method, path] of [['GET', ''], ['POST', '/cancel']] as const) expect(await call(method, `/v1/batches/${id}${path}`, undefined, server.liveKey)).toMatchObject({ status: 404 });
    expect((await call('GET', '/v1/batches', undefined, server.liveKey)).body).toMatchObject({ data: [], has_more: false, first_id: null });
    await ended(id);
  });

  it('are cancelled with what is done', async () => {
    const headers = { authorization: `Bearer ${server.testKey}`, 'content-type': 'application/json', 'x-moongate-sandbox': 'ttft-ms=300' };
    const requests = Array.from({ length: 70 }, (_, index) => ({ custom_id: `c${index}`, body: message('hi') }));
    const made = (await (await fetch(`${server.url}/v1/batches`, { method: 'POST', headers, body: JSON.stringify({ requests }) })).json()) as Json;
    const completed = async (): Promise<unknown> => ((await call('GET', `/v1/batches/${String(made['id'])}`)).body['request_counts'] as Json)['completed'];
    await expect.poll(completed, { timeout: 10_000 }).toBeGreaterThan(0);
    const input = `/v1/files/${String(made['input_file_id'])}`;
    expect(await call('DELETE', input)).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining('input of a batch') } } });
    expect(await call('POST', `/v1/batches/${String(made['id'])}/cancel`)).toMatchObject({ status: 200, body: { status: 'cancelling' } });
    const batch = await ended(String(made['id']));
    expect(await call('DELETE', input)).toMatchObject({ status: 200, body: { deleted: true } });
    const [output, errors] = await Promise.all([linesOf(batch['output_file_id']), linesOf(batch['error_file_id'])]);
    expect([batch['status'], output.length + errors.length]).toEqual(['cancelled', 70]);
    expect(new Set([...output, ...errors].map((line) => line['custom_id']))).toEqual(new Set(requests.map((request) => request.custom_id)));
    expect(output.length).toBeGreaterThan(0);
    expect(errors.length).toBeGreaterThan(0);
    for (const line of errors) expect(line).toMatchObject({ response: null, error: { code: 'batch_cancelled' } });
  });
});

describe("Ark's held call", () => {
  it('is answered as any other, and never streamed', async () => {
    const answer = await call('POST', '/api/v3/batch/chat/completions', { ...message('hi'), max_tokens: 20 });
    expect(answer).toMatchObject({ status: 200, body: { object: 'chat.completion' } });
    expect(await call('POST', '/api/v3/batch/chat/completions', { ...message('hi'), stream: true })).toMatchObject({ status: 400, body: { error: { code: 'InvalidParameter' } } });
    expect(await call('POST', '/v1/batch/chat/completions', message('hi'))).toMatchObject({ status: 404 });
  });
});

describe('moongate batch', () => {
  const moongate = (...argv: string[]) => runMoongate(dirname(server.dataDir), ['batch', ...argv]);

  it('runs a file to its end, goes on with it when it is run again, and says what is wrong with one beforehand', async () => {
    const folder = dirname(server.dataDir);
    const write = (name: string, lines: readonly unknown[]): void => writeFileSync(join(folder, name), lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
    write('bad.jsonl', [{ custom_id: 'a', body: {} }, 'none', { custom_id: 'a', body: {} }, { custom_id: 'b', url: '/v1/responses', body: {} }]);
    const refused = await moongate('run', 'bad.jsonl', '--test');
    expect([refused.code, refused.stderr.match(/line \d/g)]).toEqual([1, ['line 2', 'line 3', 'line 1', 'line 4']]);
    write('good.jsonl', [{ custom_id: 'a', body: message('hi') }, { custom_id: 'b', body: {} }]);
    const first = await moongate('run', 'good.jsonl', '--test');
    expect(first).toMatchObject({ code: 1, stderr: '' });
    const id = /^id +(batch_\w+)$/m.exec(first.stdout)?.[1] ?? '';
    expect(first.stdout).toMatch(/^lines +2 of 2, 1 failed$/m);
    expect(JSON.parse(readFileSync(join(folder, 'good.output.jsonl'), 'utf8'))).toMatchObject({ custom_id: 'a' });
    expect(JSON.parse(readFileSync(join(folder, 'good.errors.jsonl'), 'utf8'))).toMatchObject({ custom_id: 'b' });
    const again = await moongate('run', 'good.jsonl', '--test', '--out', 'other.jsonl', '--json');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining(`going on with ${id}`)]);
    expect(JSON.parse(again.stdout)).toMatchObject({ batch: { id, status: 'completed' }, output: 'other.jsonl' });
    expect((await moongate('list', '--test')).stdout).toMatch(new RegExp(`${id} +completed +2 of 2 +1 +nothing charged`));
    expect((await moongate('get', id)).stdout).toMatch(/^tokens .*in.*out$[^]*^answers +file_\w+$\n^errors +file_/m);
    expect(await moongate('get', id, '--out', 'fetched.jsonl')).toMatchObject({ code: 0, stdout: expect.stringContaining('answers are in fetched.jsonl\nerrors are in fetched.errors.jsonl\n') });
    expect(readFileSync(join(folder, 'fetched.jsonl'), 'utf8')).toBe(readFileSync(join(folder, 'good.output.jsonl'), 'utf8'));
    expect(await moongate('cancel', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('completed') });
    expect(await moongate('list', '--before', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('no live batch of that id') });
    expect(await moongate('get', 'batch_1')).toMatchObject({ code: 1, stderr: expect.stringContaining('no batch') });
  });

  const linesFile = (name: string): string => {
    const text = `${JSON.stringify({ custom_id: name, body: message('hi') })}\n`;
    writeFileSync(join(dirname(server.dataDir), `${name}.jsonl`), text);
    return text;
  };
  const json = async (...argv: string[]): Promise<Json> => JSON.parse((await runMoongate(dirname(server.dataDir), [...argv, '--json'])).stdout) as Json;

  it('asks for key, window and endpoint before anything is sent, and runs a file anew for another key', async () => {
    linesFile('keyed');
    const files = async (): Promise<unknown> => (await json('files', 'list', '--test'))['files'];
    const before = await files();
    expect(await moongate('run', 'keyed.jsonl', '--test', '--window', '11h')).toMatchObject({ code: 1, stderr: expect.stringContaining('from 12h to 28d') });
    expect(await moongate('run', 'keyed.jsonl', '--test', '--endpoint', '/v2/chat/completions')).toMatchObject({ code: 1, stderr: expect.stringContaining("Invalid 'endpoint'") });
    const { key } = (await json('keys', 'create', '--test', '--label', 'laptop')) as { readonly key: { readonly id: string } };
    const unsaid = await moongate('run', 'keyed.jsonl', '--test');
    expect(unsaid).toMatchObject({ code: 1, stderr: expect.stringMatching(new RegExp(`2 test keys.*--key.*${key.id} \\(laptop\\)`)) });
    expect(await files()).toEqual(before);
    const first = await moongate('run', 'keyed.jsonl', '--key', key.id);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const other = ((await json('keys', 'list'))['keys'] as readonly Json[]).find(({ id, mode }) => mode === 'test' && id !== key.id);
    expect(await moongate('run', 'keyed.jsonl', '--key', String(other?.['id']))).toMatchObject({ code: 0, stderr: '' });
    expect((await moongate('run', 'keyed.jsonl', '--key', key.id)).stderr).toContain('going on with');
    await runMoongate(dirname(server.dataDir), ['keys', 'revoke', key.id]);
  });

  it('says at Ctrl-C that it goes on', async () => {
    linesFile('left');
    const terminal = new TerminalDouble(dirname(server.dataDir));
    const left = run(['batch', 'run', 'left.jsonl', '--test'], terminal);
    await expect.poll(() => terminal.interrupts.size, { timeout: 5_000, interval: 5 }).toBe(1);
    for (const interrupt of terminal.interrupts) interrupt();
    expect(await left).toBe(130);
    expect(terminal.stderr).toMatch(/it goes on at the server; the same command shows it again;\n"moongate batch cancel batch_\w+" stops it\n$/);
    expect(terminal.interrupts.size).toBe(0);
  });

  it('says that the answers of a batch that was cancelled are made again', async () => {
    const text = linesFile('anew');
    const keys = (await json('keys', 'list'))['keys'] as readonly Json[];
    const key = keys.find(({ mode, state }) => mode === 'test' && state === 'active');
    const mark = `${createHash('sha256').update(text).digest('hex')} /v1/chat/completions 24h ${String(key?.['id'])}`;
    const headers = { authorization: `Bearer ${server.testKey}`, 'content-type': 'application/json', 'x-moongate-sandbox': 'ttft-ms=300' };
    const body = JSON.stringify({ requests: [{ custom_id: 'a', body: message('hi') }], metadata: { moongate_run: mark } });
    const { id } = (await (await fetch(`${server.url}/v1/batches`, { method: 'POST', headers, body })).json()) as Json;
    expect((await moongate('cancel', String(id))).code).toBe(0);
    await ended(String(id));
    expect(await moongate('run', 'anew.jsonl', '--test')).toMatchObject({ code: 0, stderr: expect.stringMatching(new RegExp(`^the batch ${String(id)} of this file is cancelled since .*: it is run anew`)) });
  });
});
