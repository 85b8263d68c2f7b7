import { framesOf, type Heard, type HeardCall, type Json, must, type SurfaceClient } from './surface-client.ts';

interface WireCall {
  readonly index?: number;
  readonly id?: string;
  readonly function: { readonly name?: string; readonly arguments?: string };
}

const finishes: Readonly<Record<string, Heard['finish']>> = { stop: 'stop', length: 'length', tool_calls: 'tool-calls', content_filter: 'content-filter' };

function usageOf(usage: Json | undefined): Heard['usage'] {
  if (usage === undefined) return undefined;
  const { prompt_tokens: prompt, completion_tokens: output, prompt_tokens_details: read, completion_tokens_details: wrote } = usage;
  return { prompt: Number(prompt), output: Number(output), cached: Number((read as Json)['cached_tokens']), thinking: Number((wrote as Json | undefined)?.['reasoning_tokens']) };
}

/** The assistant message as clients keep it that know `reasoning_content`. */
function keptOf(thinking: string, text: string, refusal: string, calls: readonly HeardCall[]): Json[] {
  return [{
    role: 'assistant',
    content: text === '' ? null : text,
    ...(thinking === '' ? {} : { reasoning_content: thinking }),
    ...(refusal === '' ? {} : { refusal }),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map(({ id, name, argumentsText }) => ({ id, type: 'function', function: { name, arguments: argumentsText } })) }),
  }];
}

/** Kinds of what a delta tells, in the order in which they may come. */
const order = ['reasoning_content', 'content', 'refusal', 'tool_calls'];

export const chatClient: SurfaceClient = {
  protocol: 'openai-chat',
  path: '/v1/chat/completions',
  user: (text) => ({ role: 'user', content: text }),
  results: (results) =>
    results.map(({ id, text, image }) => ({
      role: 'tool',
      tool_call_id: id,
      content: image === undefined ? text : [{ type: 'text', text }, { type: 'image_url', image_url: { url: image } }],
    })),
  body: ({ model, stream, system, tools, schema, outputTokensMax }, history) => ({
    model,
    messages: [...(system === undefined ? [] : [{ role: 'system', content: system }]), ...history],
    ...(tools === undefined ? {} : { tools: tools.map((tool) => ({ type: 'function', function: tool })), tool_choice: 'auto' }),
    ...(schema === undefined ? {} : { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } } }),
    ...(outputTokensMax === undefined ? {} : { max_completion_tokens: outputTokensMax }),
    ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
  }),
  whole(reply) {
    const [choice] = reply['choices'] as Json[];
    const message = choice?.['message'] as Json;
    const thinking = String(message['reasoning_content'] ?? '');
    const text = String(message['content'] ?? '');
    const refusal = String(message['refusal'] ?? '');
    const calls = ((message['tool_calls'] ?? []) as WireCall[]).map((call) => ({ id: call.id ?? '', name: call.function.name ?? '', argumentsText: call.function.arguments ?? '' }));
    const finish = finishes[String(choice?.['finish_reason'])];
    return { thinking, text, refusal, calls, finish, usage: usageOf(reply['usage'] as Json), error: undefined, kept: keptOf(thinking, text, refusal, calls) };
  },
  stream: readStream,
  errorOf(body) {
    const { type, message } = body['error'] as { type: string; message: string };
    return { type, message };
  },
};

function readStream(streamed: string, anyOrder = false): Heard {
  const told = { reasoning_content: '', content: '', refusal: '' };
  const calls: { id: string; name: string; argumentsText: string }[] = [];
  let finish: Heard['finish'];
  let usage: Json | undefined;
  let error: Heard['error'];
  let done = false;
  let role = false;
  let stage = 0;
  for (const { event, data } of framesOf(streamed)) {
    must(event === undefined && !done && error === undefined, 'chat has no event lines, and nothing after its end');
    if (data === '[DONE]') {
      done = true;
      continue;
    }
    const chunk = JSON.parse(data) as Json;
    if (chunk['error'] !== undefined) {
      error = chatClient.errorOf(chunk);
      continue;
    }
    if (chunk['usage'] !== undefined && chunk['usage'] !== null) usage = chunk['usage'] as Json;
    for (const choice of chunk['choices'] as Json[]) {
      const delta = choice['delta'] as Json;
      must(role || delta['role'] === 'assistant', 'the first delta says the role');
      role = true;
      must(finish === undefined, 'nothing is said after the finish');
      for (const field of ['reasoning_content', 'content', 'refusal'] as const) {
        const piece = delta[field];
        if (typeof piece !== 'string' || piece === '') continue;
        must(anyOrder || order.indexOf(field) >= stage, `${field} comes too late`);
        stage = order.indexOf(field);
        told[field] += piece;
      }
      for (const call of (delta['tool_calls'] ?? []) as WireCall[]) {
        stage = order.indexOf('tool_calls');
        const open = (calls[call.index ?? -1] ??= { id: '', name: '', argumentsText: '' });
        open.id += call.id ?? '';
        open.name += call.function.name ?? '';
        open.argumentsText += call.function.arguments ?? '';
      }
      if (typeof choice['finish_reason'] === 'string') finish = finishes[choice['finish_reason']];
    }
  }
  must(done !== (error !== undefined), 'a stream ends with [DONE] or with an error');
  const { reasoning_content: thinking, content: text, refusal } = told;
  return { thinking, text, refusal, calls, finish, usage: usageOf(usage), error, kept: keptOf(thinking, text, refusal, calls) };
}
