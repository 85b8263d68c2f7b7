import { byTurns, pieces, refusedWords, scriptedProof, type ScriptedReply, scriptedUsage, type Speech } from './scripted-reply.ts';

type Json = Readonly<Record<string, unknown>>;

const usage = {
  input_tokens: scriptedUsage.prompt,
  input_tokens_details: { cached_tokens: scriptedUsage.cached, cache_write_tokens: 0 },
  output_tokens: scriptedUsage.output,
  output_tokens_details: { reasoning_tokens: scriptedUsage.thinking },
  total_tokens: scriptedUsage.prompt + scriptedUsage.output,
};
const head = {
  id: 'resp_5f1e', object: 'response', created_at: 1_790_000_000, model: 'double', error: null, incomplete_details: null, instructions: null, metadata: {},
  parallel_tool_calls: true, temperature: 1, tool_choice: 'auto', tools: [], top_p: 1, usage: null, output: [],
};

/** Numbers its events. */
class EventLog {
  text = '';
  #count = 0;

  add(type: string, fields: Json): void {
    this.text += `event: ${type}\ndata: ${JSON.stringify({ type, ...fields, sequence_number: this.#count })}\n\n`;
    this.#count += 1;
  }
}

function itemsOf({ thinking, text, refusal, calls = [] }: ScriptedReply): Json[] {
  const content = [
    ...(text === undefined ? [] : [{ type: 'output_text', text, annotations: [], logprobs: [] }]),
    ...(refusal === undefined ? [] : [{ type: 'refusal', refusal }]),
  ];
  return [
    ...(thinking === undefined ? [] : [{ type: 'reasoning', id: 'rs_5f1e', summary: [{ type: 'summary_text', text: thinking }], encrypted_content: scriptedProof }]),
    ...(content.length === 0 ? [] : [{ type: 'message', id: 'msg_5f1e', role: 'assistant', status: 'completed', content }]),
    ...calls.map(({ id, name, argumentsText }, index) => ({ type: 'function_call', id: `fc_5f1e${index}`, call_id: id, name, arguments: argumentsText, status: 'completed' })),
  ];
}

function ended(reply: ScriptedReply): Json {
  const { finish, uncounted } = reply;
  const reason = finish === 'length' ? 'max_output_tokens' : 'content_filter';
  return { ...head, output: itemsOf(reply), usage: uncounted === true ? null : usage, ...(finish === undefined ? { status: 'completed' } : { status: 'incomplete', incomplete_details: { reason } }) };
}

const failed = { ...head, status: 'failed', error: { code: 'server_error', message: 'the double broke' } };

function think(log: EventLog, item: Json, thinking: string): void {
  const place = { item_id: 'rs_5f1e', output_index: 0, summary_index: 0 };
  log.add('response.output_item.added', { output_index: 0, item: { type: 'reasoning', id: 'rs_5f1e', summary: [] } });
  log.add('response.reasoning_summary_part.added', { ...place, part: { type: 'summary_text', text: '' } });
  for (const delta of pieces(thinking)) log.add('response.reasoning_summary_text.delta', { ...place, delta });
  log.add('response.reasoning_summary_text.done', { ...place, text: thinking });
  log.add('response.reasoning_summary_part.done', { ...place, part: { type: 'summary_text', text: thinking } });
  log.add('response.output_item.done', { output_index: 0, item });
}

function say(log: EventLog, item: Json, index: number, cut: boolean): void {
  log.add('response.output_item.added', { output_index: index, item: { ...item, status: 'in_progress', content: [] } });
  for (const [at, part] of (item['content'] as readonly Json[]).entries()) {
    const place = { item_id: 'msg_5f1e', output_index: index, content_index: at };
    const kind = part['type'] === 'refusal' ? 'refusal' : 'output_text';
    const text = String(part['refusal'] ?? part['text']);
    const field = kind === 'refusal' ? 'refusal' : 'text';
    log.add('response.content_part.added', { ...place, part: { ...part, [field]: '' } });
    for (const delta of pieces(text)) log.add(`response.${kind}.delta`, { ...place, delta });
    if (cut) return;
    log.add(`response.${kind}.done`, { ...place, [field]: text });
    log.add('response.content_part.done', { ...place, part });
  }
  log.add('response.output_item.done', { output_index: index, item });
}

/** Calls are open side by side, and their arguments come by turns. */
function call(log: EventLog, items: readonly Json[], first: number): void {
  for (const [at, item] of items.entries()) log.add('response.output_item.added', { output_index: first + at, item: { ...item, arguments: '', status: 'in_progress' } });
  for (const { index, piece } of byTurns(items.map((item) => String(item['arguments'])))) {
    log.add('response.function_call_arguments.delta', { item_id: items[index]?.['id'], output_index: first + index, delta: piece });
  }
  for (const [at, item] of items.entries()) {
    log.add('response.function_call_arguments.done', { item_id: item['id'], output_index: first + at, arguments: item['arguments'] });
    log.add('response.output_item.done', { output_index: first + at, item });
  }
}

/** OpenAI's Responses (responses-ark-anthropic-batch.md 1.3 to 1.6). */
export const responsesSpeech: Speech = {
  path: '/v1/responses',
  stream(reply) {
    const { thinking, fault, stops } = reply;
    const log = new EventLog();
    const cut = fault === 'broken' || stops !== undefined;
    const items = itemsOf(reply);
    log.add('response.created', { response: { ...head, status: 'in_progress' } });
    log.add('response.in_progress', { response: { ...head, status: 'in_progress' } });
    const calls = items.filter(({ type }) => type === 'function_call');
    for (const [index, item] of items.entries()) {
      if (item['type'] === 'reasoning') think(log, item, thinking ?? '');
      if (item['type'] === 'message') say(log, item, index, cut);
    }
    if (stops !== undefined) return log.text;
    if (fault === 'broken') {
      log.add('response.failed', { response: failed });
      return log.text;
    }
    call(log, calls, items.length - calls.length);
    log.add(reply.finish === undefined ? 'response.completed' : 'response.incomplete', { response: ended(reply) });
    return `${log.text}data: [DONE]\n\n`;
  },
  whole: (reply) => (reply.fault === 'broken' ? failed : ended(reply)),
  error: (fault) =>
    fault === 'refused'
      ? { status: 400, body: { error: { message: refusedWords, type: 'invalid_request_error', param: null, code: null } } }
      : { status: 503, body: { error: { message: 'too many', type: 'server_error', param: null, code: 'server_is_overloaded' } } },
};
