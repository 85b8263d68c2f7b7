import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningServer, type ServerStart, startServer } from './doubles/running-server.ts';
import { type Script, ScriptedUpstream } from './doubles/scripted-upstream.ts';

const stack: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of stack.splice(0).reverse()) await close();
});

async function server(options: ServerStart): Promise<RunningServer> {
  const running = await startServer(options);
  stack.push(() => running.stop());
  return running;
}

async function upstream(...scripts: readonly Script[]): Promise<ScriptedUpstream> {
  const scripted = await ScriptedUpstream.start(...scripts);
  stack.push(() => scripted[Symbol.asyncDispose]());
  return scripted;
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Script => [
  { do: 'head', status, headers: { 'content-type': 'application/json', ...headers } },
  { do: 'write', body: JSON.stringify(body) },
];
const reply = (usage?: object): Script =>
  json({ id: 'chatcmpl-up', object: 'chat.completion', created: 1, model: 'as-the-upstream-calls-it', choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }], ...(usage === undefined ? {} : { usage }) });
const counted = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, cached_tokens: 40 };

type Json = Record<string, unknown>;

async function chat(to: RunningServer, body: Json, base = '/v1'): Promise<{ status: number; headers: Headers; body: Json }> {
  const response = await fetch(`${to.url}${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${to.liveKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
}

async function generation(to: RunningServer, id: string): Promise<Json> {
  const response = await fetch(`${to.url}/api/v1/generation?id=${id}`, { headers: { authorization: `Bearer ${to.liveKey}` } });
  return ((await response.json()) as { data: Json }).data;
}

describe('upstreams of the environment', () => {
  it('send the vendor its own dialect, pass its id and model on, and rate by its price', async () => {
    const moonshot = await upstream(reply(counted));
    const running = await server({ environment: { MOONSHOT_API_KEY: 'sk-vendor', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const answer = await chat(running, { model: 'moonshotai/Kimi-K2-Thinking', max_tokens: 77, temperature: 0.2 });
    expect(answer.body).toMatchObject({ id: 'chatcmpl-up', model: 'as-the-upstream-calls-it' });
    const [request] = moonshot.requests;
    expect(request?.headers['authorization']).toBe('Bearer sk-vendor');
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ model: 'kimi-k2-thinking', max_completion_tokens: 77 });
    const ours = answer.headers.get('x-generation-id') ?? '';
    // 60 fresh at 0.60, 40 cached at 0.15, 20 out at 2.50 USD per 1M.
    expect(await generation(running, ours)).toMatchObject({ cost: { state: 'priced', amount: '0.000092', currency: 'USD' }, native_tokens_cached: 40, provider_name: 'moonshot' });
    expect(await generation(running, 'chatcmpl-up')).toMatchObject({ id: ours });
  });

  it('try the next one in the catalog\'s order when one fails before anything was sent', async () => {
    const moonshot = await upstream(json({ error: { message: 'overloaded', type: 'engine_overloaded_error' } }, 503));
    const openrouter = await upstream(reply(counted));
    const running = await server({
      environment: { OPENROUTER_API_KEY: 'o', OPENROUTER_BASE_URL: openrouter.baseUrl, MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl },
    });
    const answer = await chat(running, { model: 'kimi-k2.6' });
    expect(answer.headers.get('x-moongate-upstream')).toBe('openrouter');
    expect([moonshot.requests.length, openrouter.requests.length]).toEqual([1, 1]);
    expect(JSON.parse(openrouter.requests[0]?.body ?? '')).toMatchObject({ model: 'moonshotai/kimi-k2.6' });
    expect(await generation(running, answer.headers.get('x-generation-id') ?? '')).toMatchObject({ attempts: 2, provider_name: 'openrouter' });
  });

  it('are each sent what their own offer bears', async () => {
    const moonshot = await upstream(json({ error: { message: 'overloaded', type: 'engine_overloaded_error' } }, 503));
    const ark = await upstream(reply(counted), reply(counted));
    const running = await server({
      config: "catalog: { offers: [{ upstream: moonshot, model: kimi-k2, retiresOn: '2099-01-01' }] }\n",
      environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl, ARK_API_KEY: 'a', ARK_BASE_URL: ark.baseUrl },
    });
    const answer = await chat(running, { model: 'kimi-k2', max_tokens: 60_000 });
    expect(answer.headers.get('x-moongate-upstream')).toBe('ark');
    expect(answer.headers.get('x-moongate-loss')).toContain('max_tokens: this model generates at most 32768 here');
    const limits = [...moonshot.requests, ...ark.requests].map(({ body }) => (JSON.parse(body) as Json)['max_completion_tokens']);
    expect(limits).toEqual([8192, 32_768]);
  });

  it("leave a thinking model's limit to Ark, whose default does not count the thinking", async () => {
    const ark = await upstream(reply(counted), reply(counted));
    const running = await server({ environment: { ARK_API_KEY: 'a', ARK_BASE_URL: ark.baseUrl } });
    for (const model of ['kimi-k2-thinking', 'kimi-k2']) await chat(running, { model });
    const [thinking, plain] = ark.requests.map(({ body }) => JSON.parse(body) as Json);
    expect(thinking).not.toHaveProperty('max_completion_tokens');
    expect(plain).toMatchObject({ max_completion_tokens: 4096 });
  });

  it('are not sent what the vendor refuses of this model, and the caller is told', async () => {
    const moonshot = await upstream(reply(counted), reply(counted), reply(counted));
    const running = await server({
      environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl },
      config: 'upstreams: [{ id: moonshot, kind: moonshot, protocols: [openai-chat] }]\n',
    });
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', $schema: 's', format: 'x' } } }, { type: 'function', function: { name: 'g' } }];
    const call = { id: 'f:0', type: 'function', function: { name: 'f', arguments: '{}' } };
    const messages = [{ role: 'user', content: 'hi' }, { role: 'assistant', tool_calls: [call] }, { role: 'tool', tool_call_id: 'f:0', content: '' }];
    const answer = await chat(running, { model: 'kimi-k2.6', messages, tools, tool_choice: 'required' });
    await chat(running, { model: 'kimi-k3', tools, tool_choice: { type: 'function', function: { name: 'f' } } });
    await chat(running, { model: 'kimi-k2.6', tools: [{ type: 'builtin_function', function: { name: '$web_search' } }] });
    expect(moonshot.requests.map(({ body }) => JSON.parse(body) as Json)).toMatchObject([
      { tool_choice: 'auto', messages: [{}, { reasoning_content: '' }, {}], tools: [{ function: { parameters: { type: 'object' } } }, {}] },
      { tool_choice: { function: { name: 'f' } } },
      { thinking: { type: 'disabled' } },
    ]);
    const lost = answer.headers.get('x-moongate-loss') ?? '';
    for (const field of ['tool_choice', 'messages.1.reasoning_content', 'tools.0.function.parameters']) expect(lost).toContain(`${field}: `);
  });

  it('are asked by another protocol of theirs when that loses less', async () => {
    const moonshot = await upstream(json({
      id: 'msg_up', type: 'message', role: 'assistant', model: 'kimi-k3', content: [{ type: 'tool_use', id: 'f:0', name: 'f', input: {} }],
      stop_reason: 'tool_use', stop_sequence: null, usage: { input_tokens: 60, cache_read_input_tokens: 40, output_tokens: 20 },
    }));
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const tools = ['f', 'g'].map((name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } }));
    // Kimi K3 does not follow the name of a tool by chat; by Messages it is told of that tool alone, and to call one.
    const answer = await chat(running, { model: 'kimi-k3', tools, tool_choice: { type: 'function', function: { name: 'f' } } });
    expect(answer.body).toMatchObject({
      choices: [{ message: { tool_calls: [{ id: 'f:0', function: { name: 'f', arguments: '{}' } }] }, finish_reason: 'tool_calls' }],
      usage: { prompt_tokens: 100, cached_tokens: 40, completion_tokens: 20 },
    });
    expect(answer.headers.get('x-moongate-loss')).toBeNull();
    const [request] = moonshot.requests;
    expect(request?.path).toBe('/anthropic/v1/messages');
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ model: 'kimi-k3', tools: [{ name: 'f' }], tool_choice: { type: 'any' } });
  });

  it("never show the upstream's 401 as the caller's, nor its key", async () => {
    const moonshot = await upstream(json({ error: { message: 'Incorrect API key provided: sk-vendor', type: 'incorrect_api_key_error' } }, 401));
    const running = await server({ environment: { MOONSHOT_API_KEY: 'sk-vendor', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const answer = await chat(running, { model: 'kimi-k2.6' });
    expect(answer.status).toBe(502);
    expect(JSON.stringify(answer.body)).not.toContain('sk-vendor');
  });

  it("pass the vendor's verdict on a request on, in its own words and manner", async () => {
    const moonshot = await upstream(json({ error: { message: 'Invalid request: tools.function.parameters is not a valid moonshot flavored json schema', type: 'invalid_request_error' } }, 400));
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const answer = await chat(running, { model: 'kimi-k2.6' });
    expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error', message: expect.stringContaining('moonshot flavored json schema') } } });
  });

  it('ask a model past its day all the same, and name its successor when the vendor refuses', async () => {
    const moonshot = await upstream(json({ error: { message: 'Not found the model kimi-k2-0905-preview or Permission denied', type: 'resource_not_found_error' } }, 404));
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const answer = await chat(running, { model: 'kimi-k2-0905-preview' });
    expect(moonshot.requests).toHaveLength(1);
    expect(answer).toMatchObject({ status: 404, body: { error: { message: expect.stringContaining('kimi-k2.6') } } });
  });

  it('go to the successor when the operator says so', async () => {
    const moonshot = await upstream(json({ error: { message: 'Not found the model', type: 'resource_not_found_error' } }, 404), reply(counted));
    const running = await server({ config: 'policy: { mapRetired: true }\n', environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const answer = await chat(running, { model: 'kimi-k2-0905-preview' });
    expect(answer.status).toBe(200);
    expect(moonshot.requests.map(({ body }) => (JSON.parse(body) as Json)['model'])).toEqual(['kimi-k2-0905-preview', 'kimi-k2.6']);
  });

  it('estimate and mark the usage that an upstream does not send', async () => {
    const moonshot = await upstream(reply());
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const answer = await chat(running, { model: 'kimi-k2.6' });
    const record = await generation(running, answer.headers.get('x-generation-id') ?? '');
    expect(record).toMatchObject({ usage_estimated: true, cost: { state: 'priced' } });
    expect(Number(record['tokens_completion'])).toBeGreaterThan(0);
    expect(Number(record['total_cost'])).toBeGreaterThan(0);
  });

  it('refuse paying keys a model without a price, unless the operator allows it; unknown is not zero', async () => {
    const moonshot = await upstream(reply(counted));
    const environment = { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl };
    const strict = await server({ environment });
    expect(await chat(strict, { model: 'kimi-k2.7-code-highspeed' })).toMatchObject({ status: 403, body: { error: { message: expect.stringContaining('no price') } } });
    const lenient = await server({ environment, config: 'policy: { allowUnpriced: true }\n' });
    const answer = await chat(lenient, { model: 'kimi-k2.7-code-highspeed' });
    expect(await generation(lenient, answer.headers.get('x-generation-id') ?? '')).toMatchObject({ total_cost: null, cost: { state: 'unpriced', amount: null } });
  });
});

describe('self-hosted upstreams', () => {
  it('serve what they list, at a declared price of zero', async () => {
    const vllm = await upstream(json({ object: 'list', data: [{ id: 'moonshotai/Kimi-K2-Thinking' }, { id: 'my-finetune' }] }), reply(counted), reply(counted));
    const running = await server({ environment: { VLLM_BASE_URL: vllm.baseUrl } });
    await vllm.request(0);
    expect(vllm.requests[0]).toMatchObject({ method: 'GET', path: '/v1/models' });
    await expect.poll(() => models(running)).toEqual(expect.arrayContaining(['kimi-k2-thinking', 'my-finetune']));
    expect(await models(running)).not.toContain('kimi-k3');
    const known = await chat(running, { model: 'kimi-k2-thinking' });
    await chat(running, { model: 'my-finetune' });
    expect(vllm.requests.slice(1).map(({ body }) => (JSON.parse(body) as Json)['model'])).toEqual(['moonshotai/Kimi-K2-Thinking', 'my-finetune']);
    expect(await generation(running, known.headers.get('x-generation-id') ?? '')).toMatchObject({ total_cost: 0, cost: { state: 'priced', amount: '0', currency: 'USD' } });
  });

  it('are sent every open-weight id unchanged when they will not say what they serve', async () => {
    const llama = await upstream(json({ error: 'no such path' }, 404), reply(counted));
    const running = await server({ environment: { LLAMACPP_BASE_URL: llama.baseUrl } });
    await llama.request(0);
    const answer = await chat(running, { model: 'MoonshotAI/Kimi-K2-Instruct-0905' });
    expect(answer.status).toBe(200);
    expect(JSON.parse(llama.requests[1]?.body ?? '')).toMatchObject({ model: 'MoonshotAI/Kimi-K2-Instruct-0905' });
  });
});

async function models(to: RunningServer): Promise<unknown[]> {
  const response = await fetch(`${to.url}/v1/models`, { headers: { authorization: `Bearer ${to.liveKey}` } });
  return ((await response.json()) as { data: Json[] }).data.map(({ id }) => id);
}

describe('streams', () => {
  const chunk = (delta: object, finish: string | null = null): string => `data: ${JSON.stringify({ id: 'chatcmpl-s', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

  async function streamed(to: RunningServer, signal?: AbortSignal): Promise<Response> {
    return fetch(`${to.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${to.liveKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'kimi-k2.6', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  it('put the usage into the finishing chunk\'s choice, wherever the upstream has it', async () => {
    const moonshot = await upstream([
      { do: 'write', body: chunk({ role: 'assistant', content: '' }) + chunk({ content: 'hi' }) },
      { do: 'write', body: `${chunk({}, 'stop')}data: ${JSON.stringify({ id: 'chatcmpl-s', choices: [], usage: counted })}\n\ndata: [DONE]\n\n` },
    ]);
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const frames = (await (await streamed(running)).text()).trim().split('\n\n');
    expect(frames.at(-1)).toBe('data: [DONE]');
    expect(JSON.parse(frames.at(-2)?.slice(6) ?? '')).toMatchObject({ choices: [{ finish_reason: 'stop', usage: { prompt_tokens: 100, cached_tokens: 40, prompt_tokens_details: { cached_tokens: 40 } } }] });
    expect(JSON.parse(moonshot.requests[0]?.body ?? '')).toMatchObject({ stream_options: { include_usage: true } });
  });

  it('hand the frames of one read on in one write, and never split an event', async () => {
    const events = Array.from({ length: 30 }, (_unused, index) => chunk(index === 0 ? { role: 'assistant', content: '' } : { content: `слово ${index} 🙂 ` }));
    const bytes = Buffer.from(`${events.join('')}${chunk({}, 'stop')}data: [DONE]\n\n`);
    const pieces: Script = Array.from({ length: Math.ceil(bytes.length / 97) }, (_unused, index) => ({ do: 'write', body: bytes.subarray(index * 97, (index + 1) * 97) }));
    const moonshot = await upstream(pieces);
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const reader = (await streamed(running)).body?.getReader();
    const writes: string[] = [];
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) writes.push(Buffer.from(read.value).toString('utf8'));
    const said = writes.join('').split('\n\n').filter((frame) => frame.startsWith('data: {')).map((frame) => (JSON.parse(frame.slice(6)) as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? '').join('');
    expect(said).toBe(Array.from({ length: 29 }, (_unused, index) => `слово ${index + 1} 🙂 `).join(''));
    for (const write of writes) expect(write.endsWith('\n\n')).toBe(true);
  });

  it('hand what came in one read on in one write', async () => {
    const events = Array.from({ length: 30 }, (_unused, index) => chunk(index === 0 ? { role: 'assistant', content: '' } : { content: `${index} ` }));
    const moonshot = await upstream([{ do: 'write', body: events.join('') }, { do: 'wait', ms: 50 }, { do: 'write', body: `${chunk({}, 'stop')}data: [DONE]\n\n` }]);
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    // Node's own client tells HTTP chunks apart, and each write is one.
    const writes = await new Promise<string[]>((resolve, reject) => {
      const chunks: string[] = [];
      const request = httpRequest(`${running.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${running.liveKey}` } }, (response) => {
        response.setEncoding('utf8').on('data', (text: string) => chunks.push(text)).on('end', () => resolve(chunks));
      });
      request.on('error', reject).end(JSON.stringify({ model: 'kimi-k2.6', stream: true, messages: [{ role: 'user', content: 'hi' }] }));
    });
    expect(writes).toHaveLength(2);
    expect(writes[0]?.split('\n\n')).toHaveLength(31);
    expect(writes[1]).toMatch(/"finish_reason":"stop".*\n\ndata: \[DONE\]\n\n$/);
  });

  it.each([
    ['before the first byte', [{ do: 'hang' }] as Script],
    ['in the middle', [{ do: 'write', body: chunk({ role: 'assistant', content: 'h' }) }, { do: 'hang' }] as Script],
  ])('abort the upstream within 250 ms when the client leaves %s', async (_name, script) => {
    const moonshot = await upstream(script);
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const abort = new AbortController();
    const pending = streamed(running, abort.signal).then((response) => response.text()).catch(() => undefined);
    const request = await moonshot.request(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const leftAtMs = performance.now();
    abort.abort();
    await Promise.all([pending, request.aborted]);
    expect((request.abortedAtMs ?? Infinity) - leftAtMs).toBeLessThan(250);
    expect(moonshot.requests).toHaveLength(1);
  });

  it('end with an error event, not in silence, when the upstream breaks off', async () => {
    const moonshot = await upstream([{ do: 'write', body: chunk({ role: 'assistant', content: 'half' }) }, { do: 'wait', ms: 50 }, { do: 'reset' }]);
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
    const response = await streamed(running);
    const text = await response.text();
    expect(text).toContain('half');
    expect(text).toContain('"error"');
    expect(text).not.toContain('[DONE]');
    expect(await generation(running, response.headers.get('x-generation-id') ?? '')).toMatchObject({ state: 'partial', usage_estimated: true });
  });
});

const tokenizer = process.env['MOONGATE_TOKENIZER'];

describe.skipIf(tokenizer === undefined)('prompts that are too long (needs MOONGATE_TOKENIZER, the path of tiktoken.model)', () => {
  it('are refused before they are sent, with the exact count', async () => {
    const moonshot = await upstream(reply(counted));
    const running = await server({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl, MOONGATE_TOKENIZER: tokenizer ?? '' } });
    const messages = [{ role: 'user', content: 'one two three '.repeat(45_000) }];
    const refused = await chat(running, { model: 'kimi-k2', messages });
    expect(refused).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error', message: expect.stringMatching(/exceeded model token limit: 131072 \(requested: \d+\)/) } } });
    expect(moonshot.requests).toHaveLength(0);
    expect((await chat(running, { model: 'kimi-k2-0905', messages })).status).toBe(200);
  });
});
