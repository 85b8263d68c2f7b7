import { framesOf, type Heard, type Json, must, type SurfaceClient } from './surface-client.ts';

const finishes: Readonly<Record<string, Heard['finish']>> = { end_turn: 'stop', max_tokens: 'length', tool_use: 'tool-calls', refusal: 'content-filter' };

function usageOf(usage: Json): Heard['usage'] {
  const { input_tokens: fresh, cache_read_input_tokens: cached, cache_creation_input_tokens: written, output_tokens: output, output_tokens_details: details } = usage;
  return {
    prompt: Number(fresh) + Number(cached) + Number(written),
    cached: Number(cached),
    output: Number(output),
    thinking: Number((details as Json | undefined)?.['thinking_tokens']),
  };
}

function image(url: string): Json {
  const [, mediaType, data] = /^data:([^;]+);base64,(.*)$/s.exec(url) ?? [];
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } };
}

/** What finished blocks say. */
function heardOf(blocks: readonly Json[], stop: unknown, usage: Json, error: Heard['error'], anyOrder = false): Heard {
  const kinds = blocks.map(({ type }) => ['thinking', 'redacted_thinking', 'text', 'tool_use'].indexOf(String(type)));
  must(!kinds.includes(-1) && (anyOrder || kinds.every((kind, index) => kind >= (kinds[index - 1] ?? 0))), `blocks in the order thinking, text, calls, not ${kinds.join()}`);
  const of = (type: string): readonly Json[] => blocks.filter((block) => block['type'] === type);
  for (const block of of('thinking')) must(error !== undefined || (typeof block['signature'] === 'string' && block['signature'] !== ''), 'thinking is signed');
  return {
    thinking: of('thinking').map(({ thinking }) => thinking).join(''),
    text: of('text').map(({ text }) => text).join(''),
    refusal: '',
    calls: of('tool_use').map(({ id, name, input }) => ({ id: String(id), name: String(name), argumentsText: JSON.stringify(input) })),
    finish: finishes[String(stop)],
    usage: error === undefined ? usageOf(usage) : undefined,
    error,
    kept: [{ role: 'assistant', content: blocks }],
  };
}

export const messagesClient: SurfaceClient = {
  protocol: 'anthropic-messages',
  path: '/v1/messages',
  user: (text) => ({ role: 'user', content: [{ type: 'text', text }] }),
  results: (results) => [{
    role: 'user',
    content: results.map(({ id, text, image: url }) => ({
      type: 'tool_result',
      tool_use_id: id,
      content: url === undefined ? text : [{ type: 'text', text }, image(url)],
    })),
  }],
  body: ({ model, stream, system, tools, schema, outputTokensMax }, history) => ({
    model,
    max_tokens: outputTokensMax ?? 4096,
    ...(system === undefined ? {} : { system }),
    messages: history,
    ...(tools === undefined ? {} : { tools: tools.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })), tool_choice: { type: 'auto' } }),
    ...(schema === undefined ? {} : { output_config: { format: { type: 'json_schema', schema } } }),
    ...(stream ? { stream } : {}),
  }),
  whole: (reply) => heardOf(reply['content'] as Json[], reply['stop_reason'], reply['usage'] as Json, undefined),
  stream: readStream,
  errorOf(body) {
    must(body['type'] === 'error' && typeof body['request_id'] === 'string', 'the body of an error says so, and names its request');
    const { type, message } = body['error'] as { type: string; message: string };
    return { type, message };
  },
};

const textFields: Readonly<Record<string, string>> = { text_delta: 'text', thinking_delta: 'thinking', signature_delta: 'signature', input_json_delta: 'partial_json' };

function readStream(streamed: string, anyOrder = false): Heard {
  const blocks: Record<string, unknown>[] = [];
  let open: Record<string, unknown> | undefined;
  let written = '';
  let stage: 'new' | 'blocks' | 'delta' | 'stopped' = 'new';
  let stop: unknown;
  let usage: Json = {};
  let error: Heard['error'];
  for (const { event, data } of framesOf(streamed)) {
    const value = JSON.parse(data) as Json;
    must(event === value['type'], 'the event line says the type');
    must(stage !== 'stopped' && error === undefined, 'nothing comes after the end');
    switch (event) {
      case 'ping':
        break;
      case 'message_start': {
        must(stage === 'new', 'one message_start');
        const message = value['message'] as Json;
        must((message['content'] as unknown[]).length === 0, 'it begins empty');
        usage = message['usage'] as Json;
        stage = 'blocks';
        break;
      }
      case 'content_block_start':
        must(stage === 'blocks' && open === undefined && value['index'] === blocks.length, 'blocks follow each other, numbered without gaps');
        open = { ...(value['content_block'] as Json) };
        written = '';
        break;
      case 'content_block_delta': {
        const delta = value['delta'] as Json;
        const field = textFields[String(delta['type'])];
        must(open !== undefined && field !== undefined && value['index'] === blocks.length, 'a delta belongs to the open block');
        if (field === 'partial_json') written += String(delta[field]);
        else open[field] = String(open[field] ?? '') + String(delta[field]);
        break;
      }
      case 'content_block_stop':
        must(open !== undefined && value['index'] === blocks.length, 'what is closed is open');
        blocks.push(open['type'] === 'tool_use' ? { ...open, input: JSON.parse(written === '' ? '{}' : written) as unknown } : open);
        open = undefined;
        break;
      case 'message_delta':
        must(stage === 'blocks' && open === undefined, 'all blocks are closed before the end');
        stage = 'delta';
        stop = (value['delta'] as Json)['stop_reason'];
        usage = { ...usage, ...(value['usage'] as Json) };
        break;
      case 'message_stop':
        must(stage === 'delta', 'message_delta comes before message_stop');
        stage = 'stopped';
        break;
      case 'error':
        error = messagesClient.errorOf(value);
        break;
      default:
        throw new Error(`no event of this protocol: ${event}`);
    }
  }
  must((stage === 'stopped') !== (error !== undefined), 'a stream ends with message_stop or with an error');
  return heardOf(open === undefined ? blocks : [...blocks, open], stop, usage, error, anyOrder);
}
