import { framesOf, type Heard, type Json, must, type SurfaceClient } from './surface-client.ts';

function usageOf(usage: Json): Heard['usage'] {
  const { input_tokens: prompt, input_tokens_details: read, output_tokens: output, output_tokens_details: wrote } = usage;
  return { prompt: Number(prompt), cached: Number((read as Json)['cached_tokens']), output: Number(output), thinking: Number((wrote as Json)['reasoning_tokens']) };
}

function textsOf(items: readonly Json[], type: string, list: string, part: string, field: string): string {
  const of = items.filter((item) => item['type'] === type).flatMap((item) => (item[list] ?? []) as Json[]);
  return of.filter((each) => each['type'] === part).map((each) => String(each[field])).join('');
}

function finishOf({ status, incomplete_details: details }: Json, calls: number): Heard['finish'] {
  if (status === 'completed') return calls > 0 ? 'tool-calls' : 'stop';
  const reason = (details as Json | null)?.['reason'];
  return reason === 'max_output_tokens' ? 'length' : reason === 'content_filter' ? 'content-filter' : undefined;
}

function heardOf(response: Json, error: Heard['error'], anyOrder = false): Heard {
  const items = response['output'] as Json[];
  const kinds = items.map(({ type }) => ['reasoning', 'message', 'function_call'].indexOf(String(type)));
  must(!kinds.includes(-1) && (anyOrder || kinds.every((kind, index) => kind >= (kinds[index - 1] ?? 0))), `items in the order reasoning, message, calls, not ${kinds.join()}`);
  const thinking = textsOf(items, 'reasoning', 'summary', 'summary_text', 'text');
  must(thinking === textsOf(items, 'reasoning', 'content', 'reasoning_text', 'text'), 'summary and content say the same');
  for (const item of items) must(error !== undefined || item['type'] !== 'reasoning' || typeof item['encrypted_content'] === 'string', 'who has nothing stored is given the seal');
  const calls = items.filter(({ type }) => type === 'function_call').map((item) => ({ id: String(item['call_id']), name: String(item['name']), argumentsText: String(item['arguments']) }));
  return {
    thinking,
    text: textsOf(items, 'message', 'content', 'output_text', 'text'),
    refusal: textsOf(items, 'message', 'content', 'refusal', 'refusal'),
    calls,
    finish: finishOf(response, calls.length),
    usage: error === undefined ? usageOf(response['usage'] as Json) : undefined,
    error,
    kept: items,
  };
}

export const responsesClient: SurfaceClient = {
  protocol: 'openai-responses',
  path: '/v1/responses',
  user: (text) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }),
  results: (results) =>
    results.map(({ id, text, image }) => ({
      type: 'function_call_output',
      call_id: id,
      output: image === undefined ? text : [{ type: 'input_text', text }, { type: 'input_image', image_url: image }],
    })),
  body: ({ model, stream, system, tools, schema, outputTokensMax }, history) => ({
    model,
    store: false,
    ...(system === undefined ? {} : { instructions: system }),
    input: history,
    ...(tools === undefined ? {} : { tools: tools.map((tool) => ({ type: 'function', ...tool, strict: false })), tool_choice: 'auto' }),
    ...(schema === undefined ? {} : { text: { format: { type: 'json_schema', name: 'answer', strict: true, schema } } }),
    ...(outputTokensMax === undefined ? {} : { max_output_tokens: outputTokensMax }),
    ...(stream ? { stream } : {}),
  }),
  whole: (reply) => heardOf(reply, undefined),
  stream: readStream,
  errorOf(body) {
    const { type, message, code, param } = body['error'] as { type: string; message: string; code: unknown; param: unknown };
    must(code !== undefined && param !== undefined, 'an error has all four keys');
    return { type, message };
  },
};

interface OpenItem {
  readonly item: Json;
  readonly texts: Map<string, string>;
  parts: number;
  summaries: number;
  done: Json | undefined;
}

/** Checks what `openai`'s `responses.stream()` enforces (responses-ark-anthropic-batch.md 1.5). */
class OrderedItems {
  readonly #items: OpenItem[] = [];

  take(type: string, value: Json): void {
    if (type === 'response.output_item.added') {
      must(value['output_index'] === this.#items.length, 'items are numbered without gaps');
      this.#items.push({ item: value['item'] as Json, texts: new Map(), parts: 0, summaries: 0, done: undefined });
      return;
    }
    const open = this.#items[Number(value['output_index'])];
    must(open !== undefined && open.done === undefined, `${type} belongs to an open item`);
    const told = value['item'] as Json | undefined;
    must((told ?? { id: value['item_id'] })['id'] === open.item['id'], 'ids stay the same');
    const key = `${type.replace(/\.(delta|done)$/, '')} ${String(value['content_index'] ?? value['summary_index'] ?? '')}`;
    switch (type) {
      case 'response.output_item.done':
        open.done = told;
        return;
      case 'response.content_part.added':
        must(value['content_index'] === open.parts, 'parts are numbered without gaps');
        open.parts += 1;
        return;
      case 'response.reasoning_summary_part.added':
        must(value['summary_index'] === open.summaries, 'summaries are numbered without gaps');
        open.summaries += 1;
        return;
      default:
        if (type.endsWith('.delta')) open.texts.set(key, (open.texts.get(key) ?? '') + String(value['delta']));
        else if (type.endsWith('_part.done')) must(typeof value['part'] === 'object', 'a part that is done is told');
        else if (type.endsWith('.done')) must((open.texts.get(key) ?? '') === (value['text'] ?? value['refusal'] ?? value['arguments']), `${type} says what its deltas said`);
        else throw new Error(`no event of this protocol: ${type}`);
    }
  }

  /** Those that are done must be the finished response's. */
  check(output: readonly Json[], complete: boolean): void {
    for (const [index, { done }] of this.#items.entries()) {
      must(done !== undefined || !complete, 'every item is done at the end');
      if (done !== undefined) must(JSON.stringify(done) === JSON.stringify(output[index]), 'the finished response has the items as they were told');
    }
    must(this.#items.length === output.length, 'the finished response has no other items');
  }
}

function readStream(streamed: string, anyOrder = false): Heard {
  const items = new OrderedItems();
  let response: Json | undefined;
  let error: Heard['error'];
  let terminal: string | undefined;
  let done = false;
  const frames = framesOf(streamed);
  for (const [index, { event, data }] of frames.entries()) {
    must(!done, 'nothing comes after [DONE]');
    if (data === '[DONE]') {
      done = true;
      continue;
    }
    const value = JSON.parse(data) as Json;
    const type = String(value['type']);
    must(event === type && value['sequence_number'] === index, 'events are numbered from 0, and their line says the type');
    must(terminal === undefined, 'nothing but [DONE] comes after the end');
    if (index === 0) must(type === 'response.created', 'it begins with response.created');
    if (type === 'error') {
      error = responsesClient.errorOf(value);
      must(value['message'] === error.message, 'an error is told flat and nested');
      continue;
    }
    const lifecycle = value['response'] as Json | undefined;
    if (lifecycle === undefined) {
      items.take(type, value);
      continue;
    }
    must(response === undefined || response['id'] === lifecycle['id'], 'the id never changes');
    response = lifecycle;
    if (/\.(completed|incomplete|failed)$/.test(type)) terminal = type;
  }
  must(done && terminal !== undefined && response !== undefined, 'a stream ends with a terminal event and [DONE]');
  must((terminal === 'response.failed') === (error !== undefined), 'response.failed follows an error');
  items.check(response['output'] as Json[], error === undefined);
  return heardOf(response, error, anyOrder);
}
