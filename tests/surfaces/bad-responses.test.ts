import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { type Answered, ask, type Asked, askLarge, strangersKey } from './asking.ts';

let server: RunningServer;
let stranger: string;
const secretPrompt = 'canary-9e2c-prompt';
beforeAll(async () => {
  server = await startServer({ environment: { MOONGATE_LOG_LEVEL: 'debug' } });
  stranger = await strangersKey(server);
});
afterAll(async () => {
  await server.stop();
});

const instant = { 'x-moongate-sandbox': 'ttft-ms=0; tokens-per-second=0' };
const good = { model: 'kimi-k2-thinking', input: secretPrompt };
const message = { role: 'user', content: secretPrompt };
const call = { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' };
const output = { type: 'function_call_output', call_id: 'call_1', output: 'r' };
const tools = [{ type: 'function', name: 'f', parameters: { type: 'object', properties: {} } }];

function send(body: unknown, asked: Asked = {}, path = '/v1/responses'): Promise<Answered> {
  return ask(server, path, body, { ...asked, headers: { ...instant, ...asked.headers } });
}

function get(path: string, key = server.testKey, method = 'GET'): Promise<Answered> {
  return ask(server, path, undefined, { key, method });
}

interface Expected {
  readonly status?: number;
  readonly type?: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly message: RegExp;
}

/** OpenAI's form of every error: four keys, all there. */
function expectError({ status, body }: Pick<Answered, 'status' | 'body'>, expected: Expected): void {
  const { status: expectedStatus = 400, type = 'invalid_request_error', code, param, message: words } = expected;
  expect([status, body]).toEqual([expectedStatus, { error: { type, code, param, message: expect.stringMatching(words) } }]);
  expect(JSON.stringify(body)).not.toContain(secretPrompt);
}

function missing(param: string): Expected {
  return { code: 'missing_required_parameter', param, message: /^Missing required parameter: '/ };
}

function invalidType(param: string): Expected {
  return { code: 'invalid_type', param, message: /^Invalid type for '/ };
}

describe('bad Responses requests get OpenAI\'s own answer, naming the parameter', () => {
  it.each<[string, unknown, Expected]>([
    ['no model', { input: 'x' }, missing('model')],
    ['a model that is no string', { ...good, model: 7 }, invalidType('model')],
    ['no input', { model: 'kimi-k2' }, { code: null, param: 'input', message: /^One of 'input', 'previous_response_id' or 'conversation' must be provided\.$/ }],
    ['input of the wrong type', { ...good, input: 5 }, invalidType('input')],
    ['an item that is no object', { ...good, input: [message, 'x'] }, { code: 'invalid_type', param: 'input[1]', message: /expected an object/ }],
    ['an item of no type', { ...good, input: [{ content: 'x' }] }, missing('input[0].type')],
    ['an item of an unknown type', { ...good, input: [{ type: 'poem' }] }, { code: 'invalid_value', param: 'input[0].type', message: /^Invalid value: 'poem'\. Supported values are: / }],
    ['an unknown role', { ...good, input: [{ role: 'wizard', content: 'x' }] }, { code: 'invalid_value', param: 'input[0].role', message: /^Invalid value: 'wizard'/ }],
    ['a message without content', { ...good, input: [{ role: 'user' }] }, missing('input[0].content')],
    ['a part of an unknown type', { ...good, input: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] }, { code: 'invalid_value', param: 'input[0].content[0].type', message: /^Invalid value: 'text'/ }],
    ['a part without its text', { ...good, input: [{ role: 'user', content: [{ type: 'input_text' }] }] }, missing('input[0].content[0].text')],
    ['an image without its address', { ...good, input: [{ role: 'user', content: [{ type: 'input_image' }] }] }, missing('input[0].content[0].image_url')],
    ['a call without its id', { ...good, input: [message, { ...call, call_id: undefined }] }, missing('input[1].call_id')],
    ['a call without its result', { ...good, input: [message, call, message] }, { code: null, param: 'input', message: /^No tool output found for function call call_1\.$/ }],
    ['a result without its call', { ...good, input: [message, output] }, { code: null, param: 'input[1].call_id', message: /^No tool call found for function call output with call_id call_1\.$/ }],
    ['two calls of one id', { ...good, input: [message, call, call, output] }, { code: null, param: 'input[2].call_id', message: /^Duplicate call_id call_1/ }],
    ['foreign encrypted content', { ...good, input: [message, { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAAABo' }] }, { code: 'invalid_encrypted_content', param: 'input[1].encrypted_content', message: /^The encrypted content for item rs_1 could not be verified/ }],
    ['a temperature out of range', { ...good, temperature: 3 }, { code: 'integer_above_max_value', param: 'temperature', message: /^Invalid 'temperature': integer above maximum value/ }],
    ['a limit of nothing', { ...good, max_output_tokens: 0 }, { code: 'integer_below_min_value', param: 'max_output_tokens', message: /^Invalid 'max_output_tokens'/ }],
    ['stream that is no boolean', { ...good, stream: 'yes' }, invalidType('stream')],
    ['tools of the wrong type', { ...good, tools: 'f' }, invalidType('tools')],
    ['a tool without a name', { ...good, tools: [{ type: 'function', parameters: {} }] }, missing('tools[0].name')],
    ['two tools of one name', { ...good, tools: [...tools, ...tools] }, { code: null, param: 'tools[1]', message: /the tool name 'f' is used twice/ }],
    ['a choice of a tool that is not there', { ...good, tools, tool_choice: { type: 'function', name: 'g' } }, { code: null, param: 'tool_choice', message: /^Tool choice 'g' not found in 'tools' parameter\.$/ }],
    ['a format of no kind', { ...good, text: { format: { type: 'poem' } } }, { code: 'invalid_value', param: 'text.format.type', message: /^Invalid value: 'poem'/ }],
    ['both a response and a conversation to go on from', { ...good, previous_response_id: 'resp_1', conversation: 'conv_1' }, { code: 'mutually_exclusive_parameters', param: 'previous_response_id', message: /^Mutually exclusive parameters/ }],
    ['a wish to include what there is not', { ...good, include: ['x.unknown'] }, { code: 'invalid_value', param: 'include[0]', message: /^Invalid value: 'x\.unknown'/ }],
    ['metadata of the wrong type', { ...good, metadata: { a: 1 } }, invalidType('metadata.a')],
    ['an empty object', {}, missing('model')],
  ])('%s', async (_name, body, expected) => {
    expectError(await send(body), expected);
  });

  it.each<[string, unknown, RegExp]>([
    ['null', null, /./],
    ['an array', [], /./],
    ['malformed JSON', '{"model": "kimi-k2", "input": [', /not valid JSON/],
    ['an empty body', '', /empty/],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), /UTF-8/],
    ['a depth bomb', '['.repeat(100_000), /levels deep/],
    ['__proto__', '{"__proto__":{"model":"kimi-k2"},"input":"x"}', /__proto__/],
  ])('%s', async (_name, body, words) => {
    for (const path of ['/v1/responses', '/v1/responses/input_tokens', '/v1/responses/compact']) {
      const { status, body: answer } = await send(body, {}, path);
      expect([status, answer['error']]).toEqual([400, expect.objectContaining({ message: expect.stringMatching(words), type: 'invalid_request_error' })]);
      expect(Object.keys(answer['error'] as object).toSorted()).toEqual(['code', 'message', 'param', 'type']);
    }
  });

  it('an unknown model, no key, and one that is none', async () => {
    expectError(await send({ ...good, model: 'gpt-99' }), { status: 404, code: 'model_not_found', param: 'model', message: /gpt-99/ });
    for (const key of ['', 'sk-none']) expectError(await send(good, { key }), { status: 401, type: 'authentication_error', code: 'invalid_api_key', param: null, message: /./ });
  });

  it('40 MB are refused without being read', async () => {
    expectError(await askLarge(server, '/v1/responses', 40_000_000), { status: 413, code: 'request_too_large', param: null, message: /too large/ });
  });

  it('10,000 items are read quickly, and one more is refused clearly', async () => {
    const items = Array.from({ length: 10_001 }, (_none, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: `m${index}` }));
    const begun = performance.now();
    const taken = await send({ ...good, input: items.slice(1), max_output_tokens: 16, store: true });
    expect([taken.status, performance.now() - begun < 3_000]).toEqual([200, true]);
    expectError(await send({ ...good, input: items }), { code: 'array_above_max_length', param: 'input', message: /^Invalid 'input': array too long\. Expected an array with maximum length 10000, but got an array with length 10001 instead\./ });
  });

  it('what upstreams say: limits, overload, failures', async () => {
    const faulty = (script: string) => send(good, { headers: { 'x-moongate-sandbox': script } });
    const limited = await faulty('fault=rate-limit; retry-after=7');
    expectError(limited, { status: 429, type: 'requests', code: 'rate_limit_exceeded', param: null, message: /./ });
    expect(limited.headers.get('retry-after')).toBe('7');
    expectError(await faulty('fault=overloaded'), { status: 503, type: 'server_error', code: 'server_is_overloaded', param: null, message: /./ });
    expectError(await faulty('fault=server-error'), { status: 502, type: 'server_error', code: 'server_error', param: null, message: /./ });
  });

  it('methods and paths that there are not', async () => {
    expectError(await get('/v1/responses'), { status: 405, code: 'method_not_allowed', param: null, message: /^\/v1\/responses takes POST, not GET$/ });
    for (const path of ['/v1/responses/resp_1/nothing', '/v1/conversations/conv_1/nothing', '/v1/responses/resp_1/input_items/x']) {
      expectError(await get(path), { status: 404, code: 'not_found', param: null, message: /./ });
    }
  });

  it('takes what it does not know', async () => {
    const odd = {
      ...good, client_metadata: { x: 1 }, x_unknown: [1], tools: [...tools, { type: 'web_search', external_web_access: true }, { type: 'namespace', name: 'n', description: 'd', tools: [{ type: 'function', name: 'g', parameters: {} }] }],
      input: [{ ...message, x_field: 1 }, { type: 'reasoning', summary: [], content: null, encrypted_content: null }, { type: 'acme:thing', data: 1 }, { ...call, x_field: 2 }, { ...output, x_field: 3 }],
    };
    expect((await send(odd)).body).toMatchObject({ object: 'response', status: 'completed' });
  });
});

describe('a response of another tenant is not there', () => {
  it('to be read, listed, cancelled, deleted or gone on from', async () => {
    const { body } = await send({ ...good, store: true });
    const id = String(body['id']);
    const path = `/v1/responses/${id}`;
    const absent = { status: 404, param: null, message: new RegExp(`${id}' not found`) };
    for (const answer of [await get(path, stranger), await get(`${path}/input_items`, stranger), await get(path, stranger, 'DELETE'), await ask(server, `${path}/cancel`, {}, { key: stranger })]) {
      expect([answer.status, answer.body]).toEqual([404, { error: expect.objectContaining({ message: expect.stringMatching(absent.message) }) }]);
    }
    const mine = { ...good, previous_response_id: id };
    const gone: Expected = { status: 404, code: 'previous_response_not_found', param: 'previous_response_id', message: absent.message };
    expectError(await send(mine, { key: stranger }), gone);
    expect((await send(mine)).status).toBe(200);
    // It is told as one that never was: whether there is such a response is nobody else's affair.
    const never = `resp_${'0'.repeat(id.length - 5)}`;
    const wordsOf = (answer: Answered): string => JSON.stringify(answer.body).replaceAll(id, 'ID').replaceAll(never, 'ID');
    expect(wordsOf(await get(path, stranger))).toBe(wordsOf(await get(`/v1/responses/${never}`)));
    const [reasoning] = body['output'] as { id: string }[];
    expectError(await send({ ...good, input: [{ type: 'item_reference', id: reasoning?.id }, message] }, { key: stranger }), { status: 404, code: 'not_found', param: 'input[0]', message: /^Item with id 'rs_.* not found/ });
  });

  it('nor is its reasoning of any use, or its conversation', async () => {
    const { body } = await send({ ...good, store: false });
    const [reasoning] = body['output'] as { type: string; encrypted_content: string }[];
    expect(reasoning).toMatchObject({ type: 'reasoning', encrypted_content: expect.any(String) });
    expect((await send({ ...good, input: [message, reasoning, ...(body['output'] as unknown[]).slice(1), message] })).status).toBe(200);
    expectError(await send({ ...good, input: [message, reasoning, message] }, { key: stranger }), { code: 'invalid_encrypted_content', param: 'input[1].encrypted_content', message: /^The encrypted content for item rs_/ });
    const conversation = String((await send({}, {}, '/v1/conversations')).body['id']);
    expectError(await send({ ...good, conversation }, { key: stranger }), { status: 404, code: 'not_found', param: 'conversation', message: /not found/ });
    for (const path of [`/v1/conversations/${conversation}`, `/v1/conversations/${conversation}/items`]) expect((await get(path, stranger)).status).toBe(404);
  });
});

describe('a previous response', () => {
  const notFound: Expected = { status: 404, code: 'previous_response_not_found', param: 'previous_response_id', message: /not found/ };

  it('that was never kept, or has been deleted', async () => {
    const unkept = String((await send({ ...good, store: false })).body['id']);
    expectError(await send({ ...good, previous_response_id: unkept }), notFound);
    const first = String((await send(good)).body['id']);
    const second = String((await send({ ...good, previous_response_id: first })).body['id']);
    expect((await get(`/v1/responses/${first}`, server.testKey, 'DELETE')).body).toEqual({ id: first, object: 'response', deleted: true });
    expectError(await send({ ...good, previous_response_id: first }), notFound);
    expectError(await send({ ...good, previous_response_id: second }), { code: 'previous_response_not_found', param: 'previous_response_id', message: /deleted or has expired/ });
    expectError(await send({ ...good, previous_response_id: 'no id at all' }), notFound);
  });

  it('that has expired, or goes on from itself', async () => {
    const first = String((await send(good)).body['id']);
    const second = String((await send({ ...good, previous_response_id: first })).body['id']);
    const database = new DatabaseSync(join(server.dataDir, 'moongate.db'));
    database.exec('PRAGMA busy_timeout = 2000');
    const made = database.prepare('UPDATE responses SET previous_id = ? WHERE id = ?').run(second, first);
    expect(made.changes).toBe(1);
    expectError(await send({ ...good, previous_response_id: second }), { code: 'previous_response_not_found', param: 'previous_response_id', message: /goes on from itself/ });
    const third = String((await send(good)).body['id']);
    expect(database.prepare('UPDATE responses SET expires_ms = 1 WHERE id = ?').run(third).changes).toBe(1);
    database.close();
    expectError(await send({ ...good, previous_response_id: third }), notFound);
    expect((await get(`/v1/responses/${third}`)).status).toBe(404);
  });
});

it('logs neither a prompt nor a key', () => {
  const written = server.output().split('\n').filter((line) => line.startsWith('{')).join('\n');
  expect(written).toContain('"route":"/v1/responses"');
  expect(written).not.toContain(secretPrompt);
  expect(written).not.toMatch(/sk-(test-)?[0-9A-Za-z]{20}/);
});
